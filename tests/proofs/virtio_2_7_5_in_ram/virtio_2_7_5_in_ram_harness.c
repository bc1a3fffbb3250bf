/* SPDX-License-Identifier: MIT */
/* 2.7.5: a descriptor's address and length name guest RAM: exactly then, for all 2^128 of them. */
#include "proof.h"

void harness(void)
{
    uint64_t addr = nondet_u64(), len = nondet_u64();
    bool is;

    proof_dev();
    is = svq_in_ram(&dev, addr, len);

    PROVE(!is || proof_in_ram(addr, len), "accepted implies in RAM");
    PROVE(is || !len || !proof_in_ram(addr, len), "in RAM implies accepted");
    COVER(is && len > 1ULL << 32);
    COVER(!is && addr > UINT64_MAX - len);
    COVER(is && dev.nr_banks == 2 && addr >= dev.bank[1].base && addr < dev.bank[0].base);
}

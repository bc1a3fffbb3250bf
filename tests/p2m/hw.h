/* SPDX-License-Identifier: MIT */
/*
 * A machine: CPUs with a TLB each, one IOMMU with its own, and memory.  They walk page tables as
 * the hardware does, whenever they like to: at every step of the code, each looks up what is
 * watched, and keeps it until it is told to forget it.
 */
#ifndef P2M_HW_H
#define P2M_HW_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE 4096ULL
#define NR_FRAMES 2048u
#define HW_CPUS 3u
#define HW_WATCHED 64u

struct hw_tlb {
    struct hw_translation {
        bool used;
        uint16_t vmid;
        uint64_t gfn, mfn;
        bool write;
    } page[HW_WATCHED * 2];
    /* Last-level tables that walks have gone through: they begin there the next time. */
    struct hw_table {
        bool used;
        uint16_t vmid;
        uint64_t block, mfn;
    } table[16];
};

struct hw {
    unsigned int cpu; /* that runs the code */
    uint64_t vttbr[HW_CPUS];
    uint64_t iommu_vttbr;           /* 0: there is none */
    struct hw_tlb tlb[HW_CPUS + 1]; /* the last one is the IOMMU's */

    uint64_t watched[HW_WATCHED];
    unsigned int nr_watched;

    unsigned long tlb_flushes, iommu_flushes; /* those of all of an IOMMU's TLB */
    void (*elsewhere)(void);                  /* called at each step, if it is set */
    bool busy;
    bool switched; /* what VTTBR of this CPU says is for its next flush alone */
};

#define HW_IOMMU HW_CPUS

extern struct hw hw;
extern uint8_t memory[NR_FRAMES][PAGE_SIZE];

void hw_start(void);
void hw_watch(uint64_t gfn);

/* Anything may happen elsewhere now. */
void hw_step(void);

uint64_t hw_vttbr(void);
void hw_set_vttbr(uint64_t vttbr);
void hw_flush_cpu(unsigned int cpu);
void hw_flush_cpus(void);
void hw_flush_iommu(void);
void hw_flush_iommu_range(uint64_t gfn, uint64_t nr);

/* What tables say: false if a walk ends in a fault. */
bool hw_walk(uint64_t vttbr, uint64_t gfn, uint64_t *mfn, bool *write);

/* Is this frame one that nobody may look at?  rig.c knows. */
bool frame_is_free(uint64_t mfn);

#endif /* P2M_HW_H */

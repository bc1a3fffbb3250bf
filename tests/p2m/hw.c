/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "stand-ins.h"

#define VALID (1ULL << 0)
#define TABLE (1ULL << 1)
#define WRITE (1ULL << 7)
#define BASE(e) (((e) >> 12) & ((1ULL << 36) - 1))

struct hw hw;
uint8_t memory[NR_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));

void hw_start(void)
{
    memset(&hw, 0, sizeof(hw));
}

void hw_watch(uint64_t gfn)
{
    assert_true(hw.nr_watched < HW_WATCHED);
    hw.watched[hw.nr_watched++] = gfn;
}

static uint64_t read_entry(uint64_t table, uint64_t index)
{
    if (table >= NR_FRAMES)
        fail_msg("a walk goes through a table that is no memory: %#llx", (unsigned long long)table);
    if (frame_is_free(table))
        fail_msg("a walk goes through a table that is free: %#llx", (unsigned long long)table);
    return ((volatile uint64_t *)memory[table])[index % 512];
}

static bool last_level(uint64_t table, uint64_t gfn, uint64_t *mfn, bool *write)
{
    uint64_t e = read_entry(table, gfn);

    if (!(e & VALID) || !(e & TABLE))
        return false;
    *mfn = BASE(e);
    *write = e & WRITE;

    return true;
}

/* From the root; *table is the last-level one, or 0 if it ends above that. */
static bool walk(uint64_t vttbr, uint64_t gfn, uint64_t *table, uint64_t *mfn, bool *write)
{
    uint64_t at = BASE(vttbr & ~(0xffffULL << 48));
    unsigned int level;

    *table = 0;
    if (gfn >> 27)
        return false;

    for (level = 1; level < 3; level++) {
        unsigned int shift = (3 - level) * 9;
        uint64_t e = read_entry(at, gfn >> shift);

        if (!(e & VALID))
            return false;
        if (!(e & TABLE)) {
            *mfn = BASE(e) + (gfn & ((1ULL << shift) - 1));
            *write = e & WRITE;
            return true;
        }
        at = BASE(e);
    }
    *table = at;

    return last_level(at, gfn, mfn, write);
}

bool hw_walk(uint64_t vttbr, uint64_t gfn, uint64_t *mfn, bool *write)
{
    uint64_t table;

    return walk(vttbr, gfn, &table, mfn, write);
}

static struct hw_table *cached_table(struct hw_tlb *tlb, uint16_t vmid, uint64_t block)
{
    struct hw_table *t;

    for (t = tlb->table; t < tlb->table + 16; t++)
        if (t->used && t->vmid == vmid && t->block == block)
            return t;
    return NULL;
}

static void look_up(struct hw_tlb *tlb, uint64_t vttbr, uint64_t gfn)
{
    uint16_t vmid = (uint16_t)(vttbr >> 48);
    struct hw_translation *p, *room = NULL;
    struct hw_table *t = cached_table(tlb, vmid, gfn >> 9);
    uint64_t mfn, table = 0;
    bool write, found;

    for (p = tlb->page; p < tlb->page + sizeof(tlb->page) / sizeof(*p); p++) {
        if (p->used && p->vmid == vmid && p->gfn == gfn)
            return;
        if (!p->used)
            room = p;
    }

    found = t ? last_level(t->mfn, gfn, &mfn, &write) : walk(vttbr, gfn, &table, &mfn, &write);
    for (t = tlb->table; table && t < tlb->table + 16; t++) {
        if (!t->used) {
            *t = (struct hw_table){true, vmid, gfn >> 9, table};
            break;
        }
    }
    if (found && room)
        *room = (struct hw_translation){true, vmid, gfn, mfn, write};
}

void hw_step(void)
{
    unsigned int cpu, i;

    if (hw.busy)
        return;
    hw.busy = true;
    for (i = 0; i < hw.nr_watched; i++) {
        for (cpu = 0; cpu < HW_CPUS; cpu++)
            /* At EL2 nothing is looked up by what belongs to EL1. */
            if (hw.vttbr[cpu] && !(hw.switched && cpu == hw.cpu))
                look_up(&hw.tlb[cpu], hw.vttbr[cpu], hw.watched[i]);
        if (hw.iommu_vttbr)
            look_up(&hw.tlb[HW_IOMMU], hw.iommu_vttbr, hw.watched[i]);
    }
    hw.busy = false;
    if (hw.elsewhere)
        hw.elsewhere();
}

uint64_t hw_vttbr(void)
{
    return hw.vttbr[hw.cpu];
}

void hw_set_vttbr(uint64_t vttbr)
{
    hw_step();
    hw.vttbr[hw.cpu] = vttbr;
}

static void forget(struct hw_tlb *tlb, uint16_t vmid)
{
    unsigned int i;

    for (i = 0; i < sizeof(tlb->page) / sizeof(tlb->page[0]); i++)
        if (tlb->page[i].vmid == vmid)
            tlb->page[i].used = false;
    for (i = 0; i < 16; i++)
        if (tlb->table[i].vmid == vmid)
            tlb->table[i].used = false;
}

void hw_flush_cpu(unsigned int cpu)
{
    hw.tlb_flushes++;
    forget(&hw.tlb[cpu], (uint16_t)(hw_vttbr() >> 48));
    hw_step();
}

void hw_flush_cpus(void)
{
    unsigned int cpu;

    hw.tlb_flushes++;
    for (cpu = 0; cpu < HW_CPUS; cpu++)
        forget(&hw.tlb[cpu], (uint16_t)(hw_vttbr() >> 48));
    hw_step();
}

void hw_flush_iommu(void)
{
    hw.iommu_flushes++;
    memset(&hw.tlb[HW_IOMMU], 0, sizeof(hw.tlb[HW_IOMMU]));
    hw_step();
}

void hw_flush_iommu_range(uint64_t gfn, uint64_t nr)
{
    struct hw_translation *p;
    unsigned int i;

    for (p = hw.tlb[HW_IOMMU].page; p < hw.tlb[HW_IOMMU].page + HW_WATCHED * 2; p++)
        if (p->gfn - gfn < nr)
            p->used = false;
    for (i = 0; i < 16; i++)
        if (hw.tlb[HW_IOMMU].table[i].block - (gfn >> 9) <= (nr - 1) >> 9)
            hw.tlb[HW_IOMMU].table[i].used = false;
    hw_step();
}

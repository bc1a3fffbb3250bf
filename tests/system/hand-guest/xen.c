// SPDX-License-Identifier: MIT
/* Other ways to a page of memory than a store: each must be shut while a table is there. */
#include "guest.h"

#define HYPERCALL_MEMORY 12
#define HYPERCALL_VERSION 17
#define HYPERCALL_GRANT 20
#define HYPERCALL_VCPU 24
#define HYPERCALL_EVENT 32

#define DOMID_SELF 0x7ff0u

/* Where Xen on Arm leaves room for it. */
#define GRANT_TABLE 0x38000000ul

#define MEMORY_DECREASE_RESERVATION 1
#define MEMORY_ADD_TO_PHYSMAP 7
#define SPACE_GRANT_TABLE 1

struct grant_entry {
    uint16_t flags, domid;
    uint32_t frame;
};

#define GTF_PERMIT_ACCESS 1u
#define GTF_READING 8u
#define GTF_WRITING 16u

static volatile struct grant_entry *const grants = (void *)GRANT_TABLE;

static unsigned long gfn_of(const void *page)
{
    return (unsigned long)page / PAGE;
}

void grant_table_init(void)
{
    struct {
        uint16_t domid, size;
        uint32_t space;
        unsigned long idx, gpfn;
    } add = {.domid = DOMID_SELF, .space = SPACE_GRANT_TABLE, .gpfn = GRANT_TABLE / PAGE};
    long rc = hypercall(HYPERCALL_MEMORY, MEMORY_ADD_TO_PHYSMAP, (unsigned long)&add, 0, 0, 0);

    if (rc)
        print("guest: no grant table: %x\n", (uint64_t)rc);
}

void grant(unsigned int ref, unsigned int domain, const void *page)
{
    grants[ref].domid = (uint16_t)domain;
    grants[ref].frame = (uint32_t)gfn_of(page);
    __sync_synchronize();
    grants[ref].flags = GTF_PERMIT_ACCESS;
    __sync_synchronize();
}

bool grant_end(unsigned int ref)
{
    uint64_t end = now_ms() + 2000;

    /* Linux unmaps some time after the process has ended. */
    while (grants[ref].flags & (GTF_READING | GTF_WRITING)) {
        if (now_ms() >= end)
            return false;
        yield();
    }
    grants[ref].flags = 0;
    __sync_synchronize();
    return true;
}

#define GRANT_COPY 5

struct grant_place {
    uint64_t ref_or_gfn;
    uint16_t domid, offset;
    uint32_t pad;
};

int grant_copy_to(const void *from, void *to)
{
    struct {
        struct grant_place source, dest;
        uint16_t len, flags;
        int16_t status;
    } copy = {
        .source = {.ref_or_gfn = gfn_of(from), .domid = DOMID_SELF},
        .dest = {.ref_or_gfn = gfn_of(to), .domid = DOMID_SELF},
        .len = 64,
    };
    long rc = hypercall(HYPERCALL_GRANT, GRANT_COPY, (unsigned long)&copy, 1, 0, 0);

    return rc ? (int)rc : copy.status;
}

#define VCPU_REGISTER_VCPU_INFO 10

int register_vcpu_info(unsigned int vcpu, const void *page)
{
    struct {
        uint64_t gfn;
        uint32_t offset, pad;
    } info = {.gfn = gfn_of(page), .offset = PAGE / 2};

    return (int)hypercall(HYPERCALL_VCPU, VCPU_REGISTER_VCPU_INFO, vcpu, (unsigned long)&info, 0,
                          0);
}

#define VERSION_EXTRAVERSION 1
#define VERSION_CAPABILITIES 3

int version_to(void *to, unsigned int which)
{
    return (int)hypercall(HYPERCALL_VERSION, which ? VERSION_CAPABILITIES : VERSION_EXTRAVERSION,
                          (unsigned long)to, 0, 0, 0);
}

#define EVENT_INIT_CONTROL 11

int event_fifo_at(const void *page)
{
    struct {
        uint64_t gfn;
        uint32_t offset, vcpu;
        uint8_t link_bits, pad[7];
    } init = {.gfn = gfn_of(page)};

    return (int)hypercall(HYPERCALL_EVENT, EVENT_INIT_CONTROL, (unsigned long)&init, 0, 0, 0);
}

int balloon_out(const void *page)
{
    uint64_t gfn = gfn_of(page);
    struct {
        uint64_t *extents;
        unsigned long nr;
        unsigned int order, flags;
        uint16_t domid;
    } r = {.extents = &gfn, .nr = 1, .domid = DOMID_SELF};

    return (int)hypercall(HYPERCALL_MEMORY, MEMORY_DECREASE_RESERVATION, (unsigned long)&r, 0, 0,
                          0);
}

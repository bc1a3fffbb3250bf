// SPDX-License-Identifier: MIT
/* Hypercalls from user space: hypercall.h. Formats as in Xen's public headers. */
#include "hypercall.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/ioctl.h>

enum { MEMORY_OP = 12, GRANT_TABLE_OP = 20, VCPU_OP = 24, EVENT_CHANNEL_OP = 32, DOMCTL = 36 };

#define DOMID_SELF 0x7ff0u

struct privcmd_hypercall {
    uint64_t op, arg[5];
};

#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

long hypercall(unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct privcmd_hypercall h = {.op = op, .arg = {a0, a1, a2, a3}};
    static int fd = -1;
    int ret;

    if (fd < 0)
        fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        err(2, "/dev/xen/privcmd");
    ret = ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &h);
    return ret < 0 ? -errno : ret;
}

static long hypercall_on(unsigned int op, unsigned int cmd, volatile void *arg)
{
    return hypercall(op, cmd, (uint64_t)(uintptr_t)arg, 0, 0);
}

/* ---- memory ---- */

struct reservation {
    uint64_t extents, nr;
    uint32_t order, flags;
    uint16_t domid;
};

static long reservation(unsigned int cmd, uint64_t gfn)
{
    struct reservation r = {.extents = (uint64_t)(uintptr_t)&gfn, .nr = 1, .domid = DOMID_SELF};
    long ret = hypercall_on(MEMORY_OP, cmd, &r);

    /* The number of extents that were done. */
    return ret == 1 ? 0 : ret < 0 ? ret : -ENOMEM;
}

long hc_decrease(uint64_t gfn)
{
    return reservation(1, gfn);
}

long hc_populate(uint64_t gfn)
{
    return reservation(6, gfn);
}

long hc_remove(uint64_t gfn)
{
    struct {
        uint16_t domid;
        uint64_t gfn;
    } x = {.domid = DOMID_SELF, .gfn = gfn};

    return hypercall_on(MEMORY_OP, 15, &x);
}

struct add_to_physmap {
    uint16_t domid, size;
    uint32_t space;
    uint64_t idx, gfn;
};

long hc_map_grant_frame(unsigned int frame, uint64_t gfn)
{
    struct add_to_physmap x = {.domid = DOMID_SELF, .space = 1, .idx = frame, .gfn = gfn};

    return hypercall_on(MEMORY_OP, 7, &x);
}

long hc_map_shared_info(uint64_t gfn)
{
    struct add_to_physmap x = {.domid = DOMID_SELF, .space = 0, .gfn = gfn};

    return hypercall_on(MEMORY_OP, 7, &x);
}

long hc_map_foreign(unsigned int domid, uint64_t their_gfn, uint64_t gfn)
{
    struct {
        uint16_t domid, space, size, foreign;
        uint64_t idxs, gfns, errs;
    } x = {.domid = DOMID_SELF, .space = 4, .size = 1, .foreign = (uint16_t)domid};
    int32_t error = 0;
    long ret;

    x.idxs = (uint64_t)(uintptr_t)&their_gfn;
    x.gfns = (uint64_t)(uintptr_t)&gfn;
    x.errs = (uint64_t)(uintptr_t)&error;
    ret = hypercall_on(MEMORY_OP, 23, &x);
    return ret ? ret : error;
}

long hc_acquire_window(unsigned int domid, unsigned int device, uint64_t frame, unsigned int nr,
                       uint64_t gfn)
{
    struct {
        uint16_t domid, type;
        uint32_t id, nr, pad;
        uint64_t frame, list;
    } x = {.domid = (uint16_t)domid, .type = 3, .id = device, .nr = nr, .frame = frame};
    uint64_t list[64];
    long ret;

    for (unsigned int i = 0; i < nr && i < 64; i++)
        list[i] = gfn + i;
    x.list = nr ? (uint64_t)(uintptr_t)list : 0;
    ret = hypercall_on(MEMORY_OP, 28, &x);
    return ret ? ret : (long)(nr ? 0 : x.nr);
}

/* ---- mappings that Xen keeps ---- */

long hc_vcpu_info(unsigned int vcpu, uint64_t gfn)
{
    struct {
        uint64_t mfn;
        uint32_t offset, rsvd;
    } x = {.mfn = gfn};

    return hypercall(VCPU_OP, 10, vcpu, (uint64_t)(uintptr_t)&x, 0);
}

long hc_runstate(unsigned int vcpu, volatile void *va)
{
    uint64_t x = (uint64_t)(uintptr_t)va;

    return hypercall(VCPU_OP, 5, vcpu, (uint64_t)(uintptr_t)&x, 0);
}

long hc_runstate_phys(unsigned int vcpu, uint64_t addr)
{
    return hypercall(VCPU_OP, 14, vcpu, (uint64_t)(uintptr_t)&addr, 0);
}

long hc_fifo_control(unsigned int vcpu, uint64_t gfn)
{
    struct {
        uint64_t gfn;
        uint32_t offset, vcpu;
        uint8_t link_bits, pad[7];
    } x = {.gfn = gfn, .vcpu = vcpu};

    return hypercall_on(EVENT_CHANNEL_OP, 11, &x);
}

long hc_fifo_array(uint64_t gfn)
{
    return hypercall_on(EVENT_CHANNEL_OP, 12, &gfn);
}

/* ---- grants ---- */

struct copy_ptr {
    uint64_t gfn;
    uint16_t domid, offset;
};

long hc_copy(uint64_t from_gfn, uint64_t to_gfn, unsigned int offset, unsigned int len)
{
    struct {
        struct copy_ptr from, to;
        uint16_t len, flags;
        int16_t status;
    } x = {.from = {.gfn = from_gfn, .domid = DOMID_SELF, .offset = (uint16_t)offset},
           .to = {.gfn = to_gfn, .domid = DOMID_SELF, .offset = (uint16_t)offset},
           .len = (uint16_t)len};
    long ret = hypercall(GRANT_TABLE_OP, 5, (uint64_t)(uintptr_t)&x, 1, 0);

    return ret ? ret : x.status;
}

long hc_map_own_grant(unsigned int domid, uint32_t ref, uint64_t gfn, uint32_t *handle)
{
    struct {
        uint64_t host_addr;
        uint32_t flags, ref;
        uint16_t domid;
        int16_t status;
        uint32_t handle;
        uint64_t dev_bus_addr;
    } x = {.host_addr = gfn << 12, .flags = 2, .ref = ref, .domid = (uint16_t)domid};
    long ret = hypercall(GRANT_TABLE_OP, 0, (uint64_t)(uintptr_t)&x, 1, 0);

    *handle = x.handle;
    return ret ? ret : x.status;
}

long hc_unmap_grant(uint64_t gfn, uint32_t handle)
{
    struct {
        uint64_t host_addr, dev_bus_addr;
        uint32_t handle;
        int16_t status;
    } x = {.host_addr = gfn << 12, .handle = handle};
    long ret = hypercall(GRANT_TABLE_OP, 1, (uint64_t)(uintptr_t)&x, 1, 0);

    return ret ? ret : x.status;
}

/* ---- the rest ---- */

long hc_bind_interdomain(unsigned int domid, uint32_t port)
{
    struct {
        uint16_t domid;
        uint32_t remote, local;
    } x = {.domid = (uint16_t)domid, .remote = port};

    return hypercall_on(EVENT_CHANNEL_OP, 0, &x);
}

long hc_send(uint32_t port)
{
    return hypercall_on(EVENT_CHANNEL_OP, 4, &port);
}

long hc_domctl(unsigned int domid, unsigned int device, unsigned int op)
{
    /* Larger than any domctl, whose size Xen takes as given. */
    struct {
        uint32_t cmd, version;
        uint16_t domid, pad[3];
        uint32_t op, id;
        uint8_t rest[4096];
    } x;
    long ret = -EACCES;

    memset(&x, 0, sizeof(x));
    x.cmd = 91;
    x.domid = (uint16_t)domid;
    x.op = op;
    x.id = device;
    /* The version comes first: only with the right one it is about the permission. */
    for (x.version = 0x10; x.version < 0x20 && ret == -EACCES; x.version++)
        ret = hypercall(DOMCTL, (uint64_t)(uintptr_t)&x, 0, 0, 0);
    return ret;
}

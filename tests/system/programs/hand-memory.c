// SPDX-License-Identifier: MIT
/*
 * A driver driven by hand: buffers and rings in memory that is not RAM of the
 * guest's own, or that is something else as well.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hand-driver.h"
#include "hypercall.h"

#define FAILS "the device fails"
#define HARMLESS "whatever the driver does to itself, a reset helps"

/* A frame of the grant table that Linux does not get to use. */
#define SPARE_FRAME 20u

uint64_t ram_start, ram_end;
unsigned int own_domid;

void find_ram(void)
{
    char line[256];
    FILE *f = fopen("/proc/iomem", "re");

    if (!f)
        err(2, "/proc/iomem");
    while (!ram_end && fgets(line, sizeof(line), f))
        if (strstr(line, ": System RAM"))
            sscanf(line, "%" SCNx64 "-%" SCNx64, &ram_start, &ram_end);
    fclose(f);
    if (!ram_end)
        errx(2, "there is no RAM in /proc/iomem");
    ram_end++;
    /* Xen's bank begins here; Linux may have reserved its start. */
    ram_start &= ~0xfffffffULL;
}

/* ---- a page of ours that has been given back to Xen, and what may be there instead ---- */

struct hole {
    uint8_t *va;
    uint64_t gfn;
};

static bool make_hole(struct hole *h)
{
    uint64_t pa;

    if (!h->va) {
        h->va = locked_page(&pa);
        h->gfn = pa / PAGE;
    }
    return !hc_decrease(h->gfn);
}

static void fill_hole(const struct hole *h)
{
    long ret = hc_populate(h->gfn);

    if (ret)
        errx(2, "populate_physmap: %ld", ret);
}

enum { NOTHING, GRANT_FRAME, OWN_GRANT };

static uint32_t handle;

/* A page that is ours, and granted to ourselves, by /dev/xen/gntalloc. */
static long map_own_grant(uint64_t gfn)
{
    static struct {
        uint16_t domid, flags;
        uint32_t count;
        uint64_t index;
        uint32_t ref;
    } alloc;
    static int fd = -1;

    if (fd < 0) {
        alloc.domid = (uint16_t)own_domid;
        alloc.flags = 1;
        alloc.count = 1;
        fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, _IOC(_IOC_NONE, 'G', 5, sizeof(alloc)), &alloc))
            err(2, "/dev/xen/gntalloc");
    }
    return hc_map_own_grant(own_domid, alloc.ref, gfn, &handle);
}

static bool put_into(const struct hole *h, unsigned int what)
{
    long ret = 0;

    if (what == GRANT_FRAME)
        ret = hc_map_grant_frame(SPARE_FRAME, h->gfn);
    else if (what == OWN_GRANT)
        ret = map_own_grant(h->gfn);
    if (ret)
        attack_saw("cannot be put there: %ld", ret);
    return !ret;
}

static void take_out(const struct hole *h, unsigned int what)
{
    if (what == GRANT_FRAME)
        hc_remove(h->gfn);
    else if (what == OWN_GRANT)
        hc_unmap_grant(h->gfn, handle);
}

/* In turn: a buffer to read, one to write, and each ring. */
enum { READABLE, WRITABLE, DESC_RING, AVAIL_RING, USED_RING };

static const char *use(const struct hole *h, unsigned int as)
{
    uint64_t pa = h->gfn * PAGE;

    if (as <= WRITABLE) {
        good_chain();
        desc[as].addr = pa;
        offer(0);
        kick();
        return wait_status(SVQ_STATUS_NEEDS_RESET, 0) ? NULL : "no DEVICE_NEEDS_RESET";
    }
    if (!negotiate())
        return "cannot negotiate";
    set_queue(QSIZE, as == DESC_RING ? pa : desc_pa, as == AVAIL_RING ? pa : avail_pa,
              as == USED_RING ? pa : used_pa);
    return rd(SVQ_MMIO_QUEUE_READY) ? "the queue was accepted" : NULL;
}

static const struct {
    const char *name;
    unsigned int what, as;
} holes[] = {
    {"buffer to read in a page that was given back to Xen", NOTHING, READABLE},
    {"buffer to write in a page that was given back to Xen", NOTHING, WRITABLE},
    {"descriptor table in a page that was given back to Xen", NOTHING, DESC_RING},
    {"available ring in a page that was given back to Xen", NOTHING, AVAIL_RING},
    {"used ring in a page that was given back to Xen", NOTHING, USED_RING},
    {"buffer to read in the grant table", GRANT_FRAME, READABLE},
    {"buffer to write in the grant table", GRANT_FRAME, WRITABLE},
    {"descriptor table in the grant table", GRANT_FRAME, DESC_RING},
    {"available ring in the grant table", GRANT_FRAME, AVAIL_RING},
    {"used ring in the grant table", GRANT_FRAME, USED_RING},
    {"buffer to read in a mapping of a grant", OWN_GRANT, READABLE},
    {"buffer to write in a mapping of a grant", OWN_GRANT, WRITABLE},
    {"used ring in a mapping of a grant", OWN_GRANT, USED_RING},
};

static void attack_holes(void)
{
    static struct hole h;

    for (unsigned int i = 0; i < sizeof(holes) / sizeof(*holes); i++) {
        const struct attack a = {"driver", holes[i].name, FAILS, 1,
                                 holes[i].as <= WRITABLE ? SVQ_ERR_PAGE : SVQ_ERR_RING};
        const char *why;

        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        if (!make_hole(&h)) {
            attack_end(&a, "the page cannot be given back");
            continue;
        }
        if (put_into(&h, holes[i].what)) {
            why = use(&h, holes[i].as);
            attack_saw("status %#x", rd(SVQ_MMIO_STATUS));
            take_out(&h, holes[i].what);
        } else {
            why = "nothing could be put there";
        }
        fill_hole(&h);
        attack_end(&a, judge(why ? why : recovers()));
    }
}

/* ---- rings that are buffers, and rings that are rings ---- */

static void data_into(uint64_t pa)
{
    good_chain();
    desc[1].addr = pa;
    offer(0);
    kick();
}

static void into_desc(void)
{
    data_into(desc_pa);
}

static void into_avail(void)
{
    data_into(avail_pa);
}

static void into_used(void)
{
    data_into(used_pa);
}

static bool start_with(uint64_t d, uint64_t a, uint64_t u)
{
    empty_rings();
    if (!negotiate())
        return false;
    set_queue(QSIZE, d, a, u);
    wr(SVQ_MMIO_STATUS, rd(SVQ_MMIO_STATUS) | SVQ_STATUS_DRIVER_OK);
    return true;
}

static void used_in_desc(void)
{
    if (start_with(desc_pa, avail_pa, desc_pa)) {
        good_chain();
        offer(0);
        kick();
    }
}

static void used_in_avail(void)
{
    if (start_with(desc_pa, avail_pa, avail_pa)) {
        good_chain();
        offer(0);
        kick();
    }
}

static void all_in_one(void)
{
    if (start_with(desc_pa, desc_pa, desc_pa)) {
        good_chain();
        kick();
    }
}

static void moved_when_live(void)
{
    set_queue(QSIZE, desc_pa + 1024, avail_pa + 1024, used_pa + 1024);
    good_chain();
    offer(0);
    kick();
}

static const struct {
    const char *name;
    void (*wrong)(void);
    int failures;
} own[] = {
    {"data read into the descriptor table", into_desc, ATTACK_ANY},
    {"data read into the available ring", into_avail, ATTACK_ANY},
    {"data read into the used ring", into_used, ATTACK_ANY},
    {"used ring in the descriptor table", used_in_desc, ATTACK_ANY},
    {"used ring in the available ring", used_in_avail, ATTACK_ANY},
    {"all rings in one place", all_in_one, ATTACK_ANY},
    {"rings moved while they are live", moved_when_live, 0},
};

void attack_memory(void)
{
    attack_holes();

    for (unsigned int i = 0; i < sizeof(own) / sizeof(*own); i++) {
        const struct attack a = {"driver", own[i].name, HARMLESS, own[i].failures, ATTACK_ANY};

        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        own[i].wrong();
        usleep(100000);
        attack_end(&a, judge(recovers()));
    }
}

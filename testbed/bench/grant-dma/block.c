// SPDX-License-Identifier: MIT
#include "block.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/virtio_blk.h>

#include "grants.h"

#define BATCH 32u
/* A request that covers as many pages as a chain may is still done. */
#define BATCH_PAGES SVQ_CHAIN_PAGES
#define SEGMENTS 256u
#define NULL_SECTORS (1ull << 21)

/* Where the parts of a request are, and then, where this process has them. */
struct request {
    struct virtio_blk_outhdr header;
    uint8_t status;
    bool bad;
    uint64_t status_addr;
    unsigned int nr;
    bool write; /* the device reads the data */
    uint64_t bytes;
    uint64_t addr[SEGMENTS];
    size_t at[SEGMENTS]; /* of a segment in the mapping, or in bounce */
    struct iovec iov[SEGMENTS];
};

static struct block_options options;
static int fd = -1;
static struct request request[BATCH];
static unsigned int nr_requests, nr_pages;
static struct grant_set readable, writable;
static struct grant_copies *in, *out;
static uint8_t *bounce;
static size_t bounced;

uint64_t block_open(const struct block_options *o)
{
    uint64_t bytes = NULL_SECTORS * 512;

    options = *o;
    in = grant_copies_new();
    out = grant_copies_new();
    bounce = aligned_alloc(GRANT_PAGE, (size_t)BATCH_PAGES * GRANT_PAGE);
    if (!bounce)
        err(1, "memory for copies");
    memset(bounce, 0, (size_t)BATCH_PAGES * GRANT_PAGE);
    if (options.device) {
        fd = open(options.device, O_RDWR | O_CLOEXEC | (options.direct ? O_DIRECT : 0));
        if (fd < 0)
            err(1, "%s", options.device);
        if (ioctl(fd, BLKGETSIZE64, &bytes))
            err(1, "%s: not a block device", options.device);
    }
    return bytes / 512;
}

void block_begin(void)
{
    nr_requests = 0;
    nr_pages = 0;
    bounced = 0;
    readable.nr = 0;
    writable.nr = 0;
}

static bool fits(unsigned int pages)
{
    return nr_requests < BATCH && (!nr_requests || nr_pages + pages <= BATCH_PAGES);
}

static void add_data(struct request *r, const struct svq_desc *d)
{
    struct grant_set *set = r->write ? &readable : &writable;

    r->addr[r->nr] = d->addr;
    r->iov[r->nr].iov_len = d->len;
    if (options.copy) {
        r->at[r->nr] = bounced;
        /* Aligned as in the guest, for direct I/O. */
        bounced += (d->len + 511u) & ~511u;
    } else {
        r->at[r->nr] = grant_set_add(set, d->addr, d->len);
    }
    r->bytes += d->len;
    r->nr++;
}

/*
 * 5.2.6: a header that the device reads, data, a status byte that it writes. As every driver for
 * Linux has it, header and status are descriptors of their own.
 */
static bool well_formed(const struct svq_desc *desc, unsigned int nr)
{
    return nr >= 2 && nr - 2 <= SEGMENTS && !(desc[0].flags & SVQ_DESC_F_WRITE) &&
           desc[0].len == sizeof(request[0].header) && (desc[nr - 1].flags & SVQ_DESC_F_WRITE) &&
           desc[nr - 1].len == 1;
}

bool block_add(const struct svq_desc *desc, unsigned int nr, unsigned int pages)
{
    struct request *r = &request[nr_requests];
    unsigned int i;

    if (!fits(pages))
        return false;
    nr_requests++;
    nr_pages += pages;
    r->nr = 0;
    r->bytes = 0;
    r->status = VIRTIO_BLK_S_OK;
    r->bad = !well_formed(desc, nr);
    if (r->bad)
        return true;
    grant_copies_add(in, desc[0].addr, &r->header, sizeof(r->header), false);
    r->status_addr = desc[nr - 1].addr;
    r->write = nr > 2 && !(desc[1].flags & SVQ_DESC_F_WRITE);
    for (i = 1; i < nr - 1; i++) {
        /* One direction only. */
        if (r->write == !!(desc[i].flags & SVQ_DESC_F_WRITE)) {
            r->status = VIRTIO_BLK_S_IOERR;
            continue;
        }
        add_data(r, &desc[i]);
        if (options.copy && r->write)
            grant_copies_add(in, desc[i].addr, bounce + r->at[r->nr - 1], desc[i].len, false);
    }
    return true;
}

static uint8_t transfer(struct request *r)
{
    off_t at = (off_t)(r->header.sector * 512);
    ssize_t n;

    if (options.null)
        return VIRTIO_BLK_S_OK;
    n = r->write ? pwritev(fd, r->iov, (int)r->nr, at) : preadv(fd, r->iov, (int)r->nr, at);
    return n == (ssize_t)r->bytes ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static uint8_t identify(struct request *r)
{
    char id[VIRTIO_BLK_ID_BYTES] = "xen-grant-dma";
    size_t len = r->nr ? r->iov[0].iov_len : 0;

    if (len > sizeof(id))
        len = sizeof(id);
    if (r->nr)
        memcpy(r->iov[0].iov_base, id, len);
    return VIRTIO_BLK_S_OK;
}

static uint8_t perform(struct request *r)
{
    unsigned int i;

    for (i = 0; i < r->nr; i++)
        r->iov[i].iov_base = r->at[i] + (options.copy ? bounce
                                         : r->write   ? readable.at
                                                      : writable.at);
    switch (r->header.type) {
    case VIRTIO_BLK_T_IN:
        return r->write ? VIRTIO_BLK_S_IOERR : transfer(r);
    case VIRTIO_BLK_T_OUT:
        return r->write || !r->nr ? transfer(r) : VIRTIO_BLK_S_IOERR;
    case VIRTIO_BLK_T_FLUSH:
        return options.null || !fdatasync(fd) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
    case VIRTIO_BLK_T_GET_ID:
        return r->write ? VIRTIO_BLK_S_IOERR : identify(r);
    }
    return VIRTIO_BLK_S_UNSUPP;
}

/* What the device has written goes to the guest: the status, and data if it was not mapped. */
static void hand_back(struct request *r)
{
    unsigned int i;

    if (options.copy && !r->write && r->status == VIRTIO_BLK_S_OK)
        for (i = 0; i < r->nr; i++)
            grant_copies_add(out, r->addr[i], r->iov[i].iov_base, (uint32_t)r->iov[i].iov_len,
                             true);
    grant_copies_add(out, r->status_addr, &r->status, 1, true);
}

void block_do(struct svq_done *done, unsigned int nr)
{
    bool good =
        grant_copies_run(in) && grant_set_map(&readable, false) && grant_set_map(&writable, true);
    unsigned int i;

    for (i = 0; i < nr; i++) {
        struct request *r = &request[i];

        done[i].len = 0;
        if (r->bad)
            continue;
        if (!good)
            r->status = VIRTIO_BLK_S_IOERR;
        else if (r->status == VIRTIO_BLK_S_OK)
            r->status = perform(r);
        done[i].len = (uint32_t)(r->write ? 1 : r->bytes + 1);
        hand_back(r);
    }
    /* Before the driver gets its pages back. */
    grant_set_unmap(&readable);
    grant_set_unmap(&writable);
    if (!grant_copies_run(out) || !good)
        warnx("a grant could not be mapped or copied: %s", strerror(errno));
}

/* SPDX-License-Identifier: MIT */
/*
 * What hand-peer, in the guest, and hostile-backend, in the backend VM, say to
 * each other, through the device that they attack: the driver's first request
 * of each round takes a report there and brings an order back.
 */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

#define PEER_QUEUE 64u

/* blk_header.type of the request with { header, report } to read, { order, status } to write. */
#define PEER_EXCHANGE 0x70656572u
/* ... and of those with { header } to read, { data, status } to write. */
#define PEER_READ 0u

/* In the header of a PEER_READ. */
#define PEER_SECTOR 0x1234567800000000ULL

/* The data that a good PEER_READ brings. */
#define PEER_DATA 0x5au
/* The first byte of the data, while the backend holds the request and the driver is to go on. */
#define PEER_MARK 0x77u
/* What the driver has put around buffers, and nobody is to see or change. */
#define PEER_GUARD 0xc5u
/* What the driver puts into pages once they are its own again. */
#define PEER_REUSED 0x9eu

#define PEER_MAX_READS 4u

enum peer_order_kind {
    PEER_NOTHING,
    PEER_DO_READ,    /* count requests at once; wait for all of them, or DEVICE_NEEDS_RESET */
    PEER_DO_RESET,   /* a request, and a reset of the device or queue at some point of its life */
    PEER_DO_BALLOON, /* a request, and a page that is given back to Xen while it is in flight */
    PEER_DO_KICK,    /* a request, and a storm of notifications while it is in flight */
    PEER_DO_WAIT,    /* nothing for count milliseconds, or until DEVICE_NEEDS_RESET */
    PEER_QUIT,
};

enum peer_point {
    PEER_BEFORE,      /* nothing offered */
    PEER_OFFERED,     /* on the available ring, Xen does not know */
    PEER_KICKED,      /* Xen knows */
    PEER_HELD,        /* the backend works on it */
    PEER_UNTOLD,      /* on the shadow used ring, Xen does not know */
    PEER_RETURNED,    /* on the used ring */
    PEER_ACKNOWLEDGED /* and the interrupt too */
};

enum peer_page { PEER_DATA_PAGE, PEER_DESC_PAGE, PEER_AVAIL_PAGE, PEER_USED_PAGE };

#define PEER_WHOLE_PAGES 1u /* header and data are pages of their own */
#define PEER_QUEUE_ONLY 2u  /* QueueReset, not a reset of the device */
#define PEER_NO_DATA 4u     /* the status byte is all there is to write */
#define PEER_LINGER 8u      /* the data's page is used for something else at once, and looked at */

struct peer_order {
    uint32_t kind, count, flags;
    uint32_t point; /* or page */
};

struct peer_report {
    uint32_t round;
    uint32_t device_status, interrupts; /* at the end of the order, before a reset for the next */
    uint32_t used;                      /* requests that came back */
    struct {
        uint32_t id, len;
    } element[PEER_MAX_READS];
    uint32_t good;       /* requests with the right data and status */
    uint32_t guards_bad; /* bytes outside of buffers that were changed */
    uint32_t reused_bad; /* bytes that were changed after a reset */
    uint32_t header_bad; /* bytes of headers that were changed */
    uint32_t timeouts;
    char other[96]; /* what is wrong with the other disk, if anything */
};

#endif

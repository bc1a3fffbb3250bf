/* SPDX-License-Identifier: MIT */
/*
 * The mediator's core: one virtio device, towards its driver a virtio-mmio
 * device, towards its backend a window of shadow virtqueues (abi.h).
 *
 * The core is freestanding.  Its environment (Xen, a unit test, a fuzzer)
 * provides "svq_port.h" (types, barriers, memcpy, memset) on the include path
 * and the functions svq_env_*() below.  They are bound when linking, so the
 * hot path makes no indirect call.
 *
 * Address spaces: "guest-physical" and "gfn" are the frontend's.  A "frame"
 * is a cookie of the environment that names the page behind a gfn (Xen: its
 * mfn), so that the page which is revoked is the page that was granted.
 *
 * Locking: each queue has a lock, which is the caller's.  Whoever has those of all
 * queues is alone with the device.  svq_queue_*() below are called with the lock of
 * the queue, whatever happens in the others meanwhile; svq_dev_*(), svq_mmio_read()
 * and svq_mmio_write() alone; svq_int_*() with none.  Queues share nothing that is
 * written while requests come and go, so no lock either.  Calls for different
 * devices are independent.
 *
 * Sections named are those of VIRTIO 1.4.
 */
#ifndef VIRTIO_SHADOW_SVQ_H
#define VIRTIO_SHADOW_SVQ_H

#include "svq_port.h"
#include <virtio-shadow/abi.h>
#include <virtio-shadow/ring.h>

#define SVQ_PAGE_SHIFT          12
#define SVQ_PAGE_SIZE           (1u << SVQ_PAGE_SHIFT)
#define SVQ_PAGE_MASK           (SVQ_PAGE_SIZE - 1)

/*
 * Pages that one chain may cover: 8 MiB.  The largest requests that Linux
 * block drivers make are 1280 KiB by default.  A chain is granted in one go,
 * so this bounds the time of one step in the hypervisor.
 */
#define SVQ_CHAIN_PAGES         2048u

/* Pages in flight that a queue has records for, per descriptor: at most. */
#define SVQ_PAGES_PER_DESC      64u

/*
 * Work that svq_dev_run() does before it asks to be called again, in units of
 * one descriptor or one page (well below a microsecond each).  One chain may
 * exceed it, by SVQ_CHAIN_PAGES and the queue size at most.
 */
#define SVQ_BUDGET              512u

/* Page operations handed to the environment at a time. */
#define SVQ_PAGE_BATCH          64u

/* Frames that one part of a ring of SVQ_QUEUE_MAX descriptors can touch. */
#define SVQ_QUEUE_MAX           VSH_MAX_QUEUE_SIZE
#define SVQ_RING_FRAMES         (SVQ_DESC_BYTES(SVQ_QUEUE_MAX) / SVQ_PAGE_SIZE + 1)

/*
 * Entries of shadow indirect tables that a queue has, per descriptor: 64 KiB
 * for a queue of 256.  16 of the longest tables fit (or one for every
 * descriptor), so that a chain can wait for others but never for ever.
 */
#define SVQ_TABLE_PER_DESC      16u
#define SVQ_TABLE_ENTRIES(n)    (SVQ_TABLE_PER_DESC * (n))
#define SVQ_TABLE_FRAMES        (SVQ_DESC_BYTES(SVQ_TABLE_ENTRIES(SVQ_QUEUE_MAX)) / SVQ_PAGE_SIZE)

/* They are handed out in granules of so many entries: 64 bytes. */
#define SVQ_TABLE_GRANULE       4u
#define SVQ_TABLE_WORDS         (SVQ_TABLE_ENTRIES(SVQ_QUEUE_MAX) / SVQ_TABLE_GRANULE / 32u)

/*
 * VIRTIO_F_INDIRECT_PAGES: a table that is not copied stays where it is, and its
 * pages are read-only for the driver as long as it is in flight.  Pages of the
 * longest.
 */
#define SVQ_TABLE_PAGES         (SVQ_DESC_BYTES(SVQ_QUEUE_MAX) / SVQ_PAGE_SIZE)

/*
 * SVQ_INDIRECT_AUTO: tables with fewer entries are copied, which costs less, mostly
 * as it takes no flush.  Measured: docs/indirect-tables.md.
 */
#define SVQ_REMAP_ENTRIES       512u

/*
 * With so many chains at the backend it is asked to call for several returns at a
 * time, at most half of them: what is revoked for all of them takes one flush.  In
 * the same way the driver is asked to kick for several: they take one trap, and what
 * they need is granted together.
 */
#define SVQ_PATIENCE_FROM   8u
#define SVQ_PATIENCE_MAX    127u
#define SVQ_EAGER           32u

/* What making pages of tables read-only costs, flush included, in units of SVQ_BUDGET. */
#define SVQ_REMAP_WORK          32u

/* They become so for the sake of several chains at a time, as far as they are there. */
#define SVQ_REMAP_CHAINS        8u
#define SVQ_REMAP_PAGES         16u

/* Ids of chains in flight: 2.8 lets a driver choose any 16 bits. */
#define SVQ_BUSY_WORDS          ((1u << 16) / 32u)

/*
 * Bounce pages: the frames that a queue has for each direction, by the policy.
 * Requests of Linux block drivers (1280 KiB) fit even if they are in pieces of a
 * page.  VSH_POLICY_HYBRID can do with less, as what does not fit is granted.
 */
#define SVQ_BOUNCE_GRANULE      512u
#define SVQ_BOUNCE_FRAMES       1024u   /* at most: 4 MiB */
#define SVQ_BOUNCE_WORDS        (SVQ_BOUNCE_FRAMES * (SVQ_PAGE_SIZE / SVQ_BOUNCE_GRANULE) / 32u)

static inline uint32_t svq_bounce_frames(uint32_t policy, uint32_t queue_size)
{
    uint32_t per_desc = policy == VSH_POLICY_COPY ? 4 : policy == VSH_POLICY_HYBRID ? 2 : 0;
    uint32_t least = per_desc * 128, most = per_desc * 256, want = per_desc * queue_size;

    return want < least ? least : want > most ? most : want;
}

/*
 * VSH_POLICY_HYBRID: requests of at most so many bytes in all are copied, if the
 * environment does not know better: 64 KiB, and what goes with them.  Measured:
 * docs/benchmarks.md.
 */
#define SVQ_THRESHOLD           (65536u + SVQ_PAGE_SIZE)

/*
 * The window (abi.h): frames of the parts of queue q, for queues of queue_size
 * descriptors (a power of two, at most SVQ_QUEUE_MAX).  After them come twice
 * bounce frames: those that the backend reads, and those that it writes.
 */
enum svq_part { SVQ_PART_DESC, SVQ_PART_AVAIL, SVQ_PART_USED, SVQ_PART_TABLES, SVQ_PARTS };

static inline uint32_t svq_part_frames(uint32_t queue_size, enum svq_part part)
{
    uint32_t bytes = part == SVQ_PART_DESC ? SVQ_DESC_BYTES(queue_size) :
                     part == SVQ_PART_AVAIL ? SVQ_AVAIL_BYTES(queue_size) :
                     part == SVQ_PART_USED ? SVQ_USED_BYTES(queue_size) :
                                             SVQ_DESC_BYTES(SVQ_TABLE_ENTRIES(queue_size));

    return (bytes + SVQ_PAGE_MASK) >> SVQ_PAGE_SHIFT;
}

static inline uint32_t svq_queue_frames(uint32_t queue_size, uint32_t bounce)
{
    return svq_part_frames(queue_size, SVQ_PART_DESC) +
           svq_part_frames(queue_size, SVQ_PART_AVAIL) +
           svq_part_frames(queue_size, SVQ_PART_USED) +
           svq_part_frames(queue_size, SVQ_PART_TABLES) + 2 * bounce;
}

static inline uint32_t svq_window_frames(uint32_t nr_queues, uint32_t queue_size, uint32_t bounce)
{
    return VSH_FRAME_FIRST_QUEUE + nr_queues * svq_queue_frames(queue_size, bounce);
}

/* Where the window lies in the device address space; no guest of Xen's has RAM up there. */
#define SVQ_WINDOW_DAS          (1ULL << 46)

/* The largest window that the limits allow. */
#define SVQ_WINDOW_FRAMES_MAX                                                                      \
    (VSH_FRAME_FIRST_QUEUE +                                                                       \
     VSH_MAX_QUEUES * (4u + 1u + 3u + SVQ_TABLE_FRAMES + 2u * SVQ_BOUNCE_FRAMES))

/*
 * May the backend write this frame of the window?  The mailbox, used rings, and
 * bounce pages for what it sends.
 */
static inline bool svq_window_writable(uint32_t queue_size, uint32_t bounce, uint32_t frame)
{
    uint32_t used = svq_part_frames(queue_size, SVQ_PART_DESC) +
                    svq_part_frames(queue_size, SVQ_PART_AVAIL);

    if ( frame < VSH_FRAME_FIRST_QUEUE )
        return frame == VSH_FRAME_MAILBOX;

    frame = (frame - VSH_FRAME_FIRST_QUEUE) % svq_queue_frames(queue_size, bounce);

    return (frame >= used && frame - used < svq_part_frames(queue_size, SVQ_PART_USED)) ||
           frame >= svq_queue_frames(queue_size, bounce) - bounce;
}

/*
 * Page records that a queue needs: a power of two, as its size is.  At least two of
 * the largest chains fit, so that a chain can wait for others but never for ever.
 */
static inline uint32_t svq_page_records(uint32_t queue_size)
{
    uint32_t want = queue_size * SVQ_PAGES_PER_DESC;

    return want < 2 * SVQ_CHAIN_PAGES ? 2 * SVQ_CHAIN_PAGES : want;
}

/*
 * Why a device was failed; shown in the log and in the statistics.  The toolstack
 * knows them by number: a value keeps its meaning for ever, and new ones come last,
 * of their kind.
 */
enum svq_error {
    SVQ_ERR_NONE,
    /* the driver's doing: up to 47 */
    SVQ_ERR_AVAIL_IDX,      /* 2.7.6: idx jumps by more than the queue size */
    SVQ_ERR_HEAD,           /* 2.7.6: ring entry beyond the descriptor table */
    SVQ_ERR_HEAD_BUSY,      /* 2.7.13: head, or buffer id, offered again while in flight */
    SVQ_ERR_NEXT,           /* 2.7.5: next beyond the descriptor table */
    SVQ_ERR_CHAIN_LONG,     /* 2.7.5: longer than the queue size, or a loop */
    SVQ_ERR_CHAIN_BYTES,    /* 2.7.5: more than 2^32 bytes */
    SVQ_ERR_CHAIN_PAGES,    /* more than SVQ_CHAIN_PAGES pages */
    SVQ_ERR_ORDER,          /* 2.7.4.2: readable after writable */
    SVQ_ERR_INDIRECT,       /* 2.7.5.3: INDIRECT, which was not negotiated */
    SVQ_ERR_TABLE,          /* 2.7.5.3: an indirect table of no, half or too many descriptors */
    SVQ_ERR_TABLE_LINK,     /* 2.7.5.3, 2.8.19: INDIRECT in a table, or where NEXT links */
    SVQ_ERR_TABLE_PAGE,     /* a buffer in a page of a table that is in flight */
    SVQ_ERR_TABLE_WRITE,    /* the driver wrote to a table that is in flight */
    SVQ_ERR_CHAIN_PART,     /* 2.8.6: a list that is available in part only */
    SVQ_ERR_FLAGS,          /* 2.7.5: flags that mean nothing */
    SVQ_ERR_LEN,            /* a buffer of no bytes */
    SVQ_ERR_ADDR,           /* outside guest RAM, or wrapping */
    SVQ_ERR_OVERCOMMIT,     /* more descriptors in flight than the queue has */
    SVQ_ERR_PAGE,           /* not plain RAM that the guest owns */
    SVQ_ERR_BOUNCE,         /* more to be copied than there is room for */
    SVQ_ERR_RING,           /* 2.7: queue size, alignment or place of the rings */
    SVQ_ERR_STATUS,         /* 3.1.1: queue or status write out of order */
    SVQ_ERR_DRIVER_END,
    /* the backend's doing, and the administrator's */
    SVQ_ERR_USED_IDX = 48,  /* 2.7.8: idx jumps beyond what is in flight */
    SVQ_ERR_USED_ID,        /* 2.7.8: id that is not in flight */
    SVQ_ERR_APERTURE,       /* the backend has put something else there */
    SVQ_ERR_BACKEND_MEM,    /* out of page-table memory for the aperture */
    SVQ_ERR_BACKEND_GONE,   /* the backend detached or died */
    SVQ_ERR_REVOKED,        /* everything was revoked on request */
    SVQ_ERR_COUNT,
    /* Not an error, and never a device's: to be done by who is alone with the device. */
    SVQ_NOT_ALONE
};

/* A short text for the log, lower case, no full stop.  Never NULL. */
const char *svq_error_text(enum svq_error err);

/* Whose doing an error is: true for the backend's (and the administrator's). */
static inline bool svq_error_is_backend(enum svq_error err)
{
    return err >= SVQ_ERR_USED_IDX;
}

/*
 * Access of the backend to one page of the frontend.  SVQ_DUMMY: a private
 * page of the backend stands in its place, because access was taken away from
 * under a request that the backend may still be working on.
 */
enum svq_access { SVQ_NONE, SVQ_RO, SVQ_RW, SVQ_DUMMY };

/* Indirect tables: may a driver use them, and what becomes of them? */
enum svq_indirect {
    SVQ_INDIRECT_AUTO,          /* whatever costs less */
    SVQ_INDIRECT_COPY,
    SVQ_INDIRECT_REMAP,         /* in place, read-only, wherever that is possible */
    SVQ_INDIRECT_OFF            /* not offered to the driver */
};

/* No page behind this record. */
#define SVQ_NO_FRAME            (~0ULL)

/* One change of access. */
struct svq_page_op {
    uint64_t gfn;
    uint64_t frame;             /* OUT of a grant, IN of everything else, see svq_env_grant() */
    uint64_t backend_gfn;       /* where it appears in the backend */
    uint8_t from, to;           /* enum svq_access; from of a grant: see svq_env_grant() */
    bool held;                  /* of a grant: there is a reference for it already */
    uint32_t record;            /* the core's own */
};

/* A page of an indirect table, that is read-only for the driver. */
struct svq_table_page {
    uint64_t gfn;
    uint64_t frame;             /* SVQ_NO_FRAME: it is not */
};

/* One part of a ring, seen by the core: pages that need not be neighbours. */
struct svq_mem {
    uint8_t *page[SVQ_RING_FRAMES];
    uint32_t off;               /* of the first byte in page[0] */
    uint32_t nr;                /* pages in use */
};

static inline void *svq_mem_at(const struct svq_mem *m, uint32_t off)
{
    off += m->off;
    return m->page[off >> SVQ_PAGE_SHIFT] + (off & SVQ_PAGE_MASK);
}

/* One frontend page that is in flight, or whose frame is known from an earlier flight. */
struct svq_page {
    uint64_t gfn;
    uint64_t frame;
    uint64_t generation;        /* of the frontend's memory, from before frame was looked up */
    uint16_t readers;           /* buffers in flight that the device reads */
    uint16_t writers;           /* ... and that it writes */
    uint16_t held;              /* buffers of queues being reset that a device may still use */
    uint8_t have;               /* enum svq_access in force */
    uint8_t want;               /* ... that the counts ask for */
    bool dirty : 1;             /* on the dirty list */
    bool in_use : 1;            /* not on the free list */
    bool kept : 1;              /* in no flight, but frame is known, and a reference held */
    bool table : 1;             /* of a table: frame is protected, and readers is 1 */
    bool table_first : 1;       /* ... the first one of it */
    bool gone : 1;              /* ... and the backend has removed its entry */
    bool multi : 1;             /* other queues have something there, too, or had */
    uint32_t hash_next;         /* of the bucket, or of the free list */
    uint32_t dirty_next;
    uint32_t kept_prev, kept_next;
};

/*
 * Pages in flight of one queue: a hash of fixed size, keyed by gfn.  What the backend
 * sees of a page that is in flight in several queues is what most of them allow.
 */
struct svq_pages {
    struct svq_dev *dev;
    struct svq_page *page;      /* nr of them */
    uint32_t *bucket;           /* nr of them; nr is a power of two */
    uint32_t nr;
    uint64_t key;               /* what the frontend cannot know */
    uint64_t multiplier;
    uint32_t free;              /* head of the free list */
    uint32_t nr_free;           /* ... and how many there are, those that are kept included */
    uint32_t dirty;             /* head of the dirty list */
    bool loss, holding;         /* something was put, or held, since the last commit ... */
    bool multi;                 /* ... or is dirty that concerns other queues */
    uint32_t max_kept;          /* records that may be kept when they are in no flight */
    uint32_t nr_kept;           /* ... and are: these count as free */
    uint32_t oldest, newest;
    uint32_t nr_mapped;         /* have is SVQ_RO or SVQ_RW */
    uint32_t nr_dummy;          /* have is SVQ_DUMMY */
    uint32_t nr_tables;         /* pages that are read-only for the driver */
    uint32_t scan;              /* progress of taking away, and of clearing */
};

/* A buffer of a chain in flight, or a part of one. */
struct svq_seg {
    uint64_t addr;              /* guest-physical */
    uint32_t len;
    uint32_t write : 1;         /* the device writes it */
    uint32_t bounced : 1;       /* it is copied: the device sees bounce[write], from off on */
    uint32_t off : 30;          /* of others: where the record of the first page is, as a hint */
};

/* Bounce pages of a queue, for one direction. */
struct svq_bounce {
    uint8_t **page;             /* frames of them; allocated by the environment */
    uint32_t frames;
    uint64_t das;               /* of the first byte */
    uint32_t granules, nr_free;
    uint32_t words;             /* of used that are in use */
    uint32_t hint;              /* word to look at first */
    uint32_t used[SVQ_BOUNCE_WORDS];    /* bitmap of granules */
};

/* No table belongs to this chain. */
#define SVQ_NO_TABLE            0xffffu

/* One shadow descriptor. */
struct svq_slot {
    struct svq_seg seg;         /* or the table, if it is in place, or nothing */
    uint16_t next;              /* in the chain, or in the free list */
    /* valid in the head of a chain */
    uint16_t count;             /* segments of the chain; 0: not a head */
    uint16_t table;             /* first entry of its table in svq_tables, or SVQ_NO_TABLE */
    uint16_t id;                /* the driver's: head, or buffer id */
    uint16_t ring_descs;        /* descriptors of the driver's ring that it takes */
    bool remapped;              /* it has a table, which is in place */
    uint32_t number;            /* svq_queue.next_number, when it was made available */
    bool done;                  /* the backend has returned it, the driver has not got it yet */
    uint32_t writable;          /* bytes that the device may have written */
    uint32_t len;               /* used length, once done */
};

/* A chain on its way back to the driver. */
struct svq_done {
    uint16_t id, ring_descs;
    uint32_t len;
};

/*
 * Shadow indirect tables of a queue.  Xen's own knowledge of what it wrote into
 * them is in seg, entry by entry: the tables themselves are for the backend.
 * For a table in place seg is all there is.
 */
struct svq_tables {
    uint8_t *page[SVQ_TABLE_FRAMES];
    struct svq_seg *seg;        /* allocated by the environment */
    uint64_t das;               /* of entry 0 */
    uint32_t words;             /* of used that are in use */
    uint32_t hint;              /* word to look at first */
    uint32_t used[SVQ_TABLE_WORDS];     /* bitmap of granules */
};

struct svq_queue_stats {
    uint64_t kicks, requests, returned, grants, revokes, flushes, rejected,
             notifications, interrupts, tables_copied, tables_remapped, tables_restored,
             bounces, bytes_requested, bytes_exposed, bytes_copied;
};

/* Where a queue's own reset (2.6.1) has got to. */
enum svq_queue_reset {
    SVQ_RESET_NONE,
    SVQ_RESET_TAKING,           /* dummies take the place of what is in flight */
    SVQ_RESET_WAITING,          /* for the backend's VSH_REQ_QUEUE_ACK */
    SVQ_RESET_CLEARING          /* the dummies go */
};

struct svq_queue {
    /* Allocated by the environment at creation, for max_size descriptors. */
    struct svq_slot *slot;
    struct svq_desc *chain;     /* private copy of the chain being looked at */
    struct svq_seg *part;       /* the same, as it goes to the backend */
    struct svq_done *done;      /* returned, waiting for the flush */
    uint16_t *order;            /* slots of chains, in the order they were made available */
    uint32_t *busy;             /* bitmap: ids of chains that the driver has not got back */
    struct svq_tables tables;
    struct svq_bounce bounce[2];        /* by svq_seg.write */
    struct svq_mem shadow_desc, shadow_avail, shadow_used;
    struct svq_desc *table;     /* private copy of a driver's indirect table */
    struct svq_pages pages;
    struct svq_page_op op[SVQ_PAGE_BATCH];
    struct svq_table_page restore[SVQ_PAGE_BATCH];  /* pages that become writable again ... */
    uint32_t nr_restore;        /* ... so many of them */
    uint8_t nr;                 /* which queue it is */

    /* The driver's registers, 4.2.2. */
    uint64_t desc_addr, avail_addr, used_addr;
    uint16_t size;
    uint16_t max_size;
    bool ready;

    /* What was negotiated; valid while ready. */
    bool packed, indirect, in_order;
    bool remap;                 /* tables may be left in place */
    bool event_idx;             /* with the driver */
    bool shadow_event_idx;      /* with the device */
    bool shadow_indirect;       /* the device knows tables, whatever the driver does */

    /* The driver's ring; pages valid while ready.  Packed: avail, used are 2.8.14's. */
    struct svq_mem desc, avail, used;
    uint16_t last_avail;        /* next entry of the available ring; packed: next descriptor */
    uint16_t avail_seen;        /* split: idx that was read and checked last */
    uint16_t used_idx;          /* of the used ring; packed: next descriptor to write */
    uint16_t kick_event;        /* what we have asked the driver to kick for ... */
    bool kick_event_valid;      /* ... if we have */
    bool avail_wrap, used_wrap; /* packed: wrap counters, 2.8.1 */
    uint16_t head_flags;        /* packed: of the descriptor at last_avail, as it was read */
    uint16_t ring_free;         /* descriptors that no chain in flight takes */

    /* The shadow ring. */
    uint16_t shadow_size;       /* a power of two, not below size */
    uint16_t shadow_avail_idx;
    uint16_t last_shadow_used;
    uint16_t shadow_used_seen;  /* idx that was read and checked last */
    uint16_t call_event;        /* what we have asked the backend to call for */
    uint8_t patience;           /* returns to wait for without a call, at most; see below */
    uint8_t eager;              /* calls for single returns until there is any again */
    uint16_t free;              /* head of the free slots ... */
    uint16_t free_slots;        /* ... so many of them */
    uint16_t in_flight;         /* chains that the backend has */
    uint16_t order_head, order_tail;    /* of order[]: next to come, next to go back */
    /*
     * Chains that were made available.  It may wrap: a chain that the backend has kept
     * since then is refused when it comes back, or offered in another order to the next.
     */
    uint32_t next_number;

    bool live;                  /* the backend has the queue */
    bool fetch;                 /* the driver's available ring may hold news */
    bool collect;               /* the shadow used ring may */
    bool stalled;               /* waits for page records, or for room */
    bool slow;                  /* the device has returned nothing for some time */
    uint32_t need_pages, need_entries, need_slots;  /* of the chain that waits */
    uint32_t need_granules[2];

    bool delayed;               /* the backend may return chains without a call */
    bool quiet;                 /* the driver may offer chains without a kick */
    uint32_t returned;          /* chains so far: how fast is the device?  It may wrap */

    /* Left to who is alone with the device: nothing else is done for the queue before. */
    bool wait_alone;            /* a commit, and what follows from it */
    uint16_t nr_done;           /* chains in done[] that were not returned yet */
    uint16_t unpublished;       /* chains in the shadow ring that were not published yet */
    enum svq_error error;       /* the device is to be failed for its sake */

    uint8_t reset;              /* enum svq_queue_reset */
    bool reset_acked;
    uint16_t reset_scan;        /* slot that is next in TAKING or CLEARING */
    uint32_t generation;        /* moves with each reset of the live queue; see svq_dev's */

    struct svq_queue_stats stats;
};

/* Features that the environment may keep from a device. */
#define SVQ_WITHHOLDABLE                                                                           \
    (1ULL << SVQ_F_INDIRECT_DESC | 1ULL << SVQ_F_EVENT_IDX | 1ULL << SVQ_F_RING_PACKED |           \
     1ULL << SVQ_F_IN_ORDER | 1ULL << SVQ_F_RING_RESET | 1ULL << SVQ_F_INDIRECT_PAGES)

struct svq_dev {
    /* Set by the environment before svq_dev_init(), constant afterwards. */
    uint32_t nr_queues;
    uint32_t nr_banks;
    struct vsh_bank bank[VSH_MAX_BANKS];
    uint64_t withheld;                  /* feature bits of queues that neither side gets */
    enum svq_indirect indirect;
    uint32_t policy;                    /* VSH_POLICY_* */
    struct vsh_bank pool;               /* VSH_POLICY_POOL: page aligned, in a bank */
    uint32_t threshold;                 /* VSH_POLICY_HYBRID: bytes; 0: SVQ_THRESHOLD */
    bool scrub;                         /* what is granted to be written is zeroed before */
    struct svq_queue queue[VSH_MAX_QUEUES];
    struct vsh_info *info;              /* window frame 0 */
    const struct vsh_mailbox *mailbox;  /* window frame 1: hostile */

    /* As the backend described it. */
    uint64_t aperture_gfn[VSH_MAX_BANKS];
    uint64_t device_features;
    uint32_t device_id, vendor_id;
    uint32_t dev_queues;                /* queues that the device has */
    uint32_t dev_queue_size;
    uint32_t config_len;
    uint8_t config[VSH_CONFIG_SIZE];

    /* Registers, 4.2.2. */
    uint64_t driver_features;
    uint64_t shadow_features;           /* what the device process is to go by */
    uint32_t dev_feat_sel, drv_feat_sel, queue_sel;
    uint32_t status;
    uint32_t config_gen;                /* 2.5.1: as wide as the register, which wraps */
    uint32_t int_status;                /* changed atomically, bit by bit */

    uint32_t state;                     /* VSH_STATE_* */
    /*
     * Resets of the live device.  It may wrap: nothing is trusted for its sake, as a
     * backend that has not stopped can read the number and acknowledge it all the same.
     */
    uint32_t generation;
    uint32_t request_seq;               /* last one carried out: the backend's to choose */
    int32_t request_error;
    bool attached;                      /* a backend has described the device */
    bool ack_needed;                    /* a device process may still be at work */
    bool start_pending;                 /* DRIVER_OK came while RESETTING, or WAITING */

    /* Work that is noted for svq_dev_run(), besides that of the queues. */
    bool taking_away;                   /* forced revocation */
    bool reset_pending;                 /* driver reset: registers, once it is done */
    bool clearing;                      /* dummies, once the device has stopped */
    bool sharing;                       /* svq_share.c: memory becomes visible before the start */
    uint32_t share_bank;                /* ... and so far it has got */
    uint64_t share_page;

    /* svq_restart.c: from one backend to the next. */
    bool keep;                          /* set by the environment: the driver waits for another */
    bool waiting;                       /* the backend is gone, its description is not */
    bool leaving;                       /* work: what it has returned, and then its access */
    bool resuming;                      /* work: what is in flight, for the one that has come */
    bool zeroing;                       /* ... which is zeroed before */
    uint32_t resume_queue, zero_slot;   /* ... so far it has got */
    uint32_t restarts;                  /* times that another took over from one in use: shown */

    uint32_t scrub_queue, scrub_page;   /* svq_dev_scrub(): so far it has got */

    bool alone;                         /* the caller has the locks of all queues */
    uint32_t next_queue;                /* to be served first */
    struct svq_table_page ahead[SVQ_REMAP_PAGES];   /* protected for chains that come next ... */
    uint32_t nr_ahead;                  /* ... so many; none between calls */

    uint32_t failures;                  /* shown */
    enum svq_error last_error;
};

/* The records of the info page.  They have fixed places, but a backend asks the page for them. */
#define SVQ_INFO_BANKS          ((uint32_t)sizeof(struct vsh_info))
#define SVQ_INFO_QUEUES                                                                            \
    (SVQ_INFO_BANKS + VSH_MAX_BANKS * (uint32_t)sizeof(struct vsh_bank))
#define SVQ_INFO_BYTES                                                                             \
    (SVQ_INFO_QUEUES + VSH_MAX_QUEUES * (uint32_t)sizeof(struct vsh_queue_info))

static inline struct vsh_bank *svq_info_bank(const struct svq_dev *dev, uint32_t b)
{
    return (struct vsh_bank *)((uint8_t *)dev->info + SVQ_INFO_BANKS) + b;
}

static inline struct vsh_queue_info *svq_info_queue(const struct svq_dev *dev, uint32_t q)
{
    return (struct vsh_queue_info *)((uint8_t *)dev->info + SVQ_INFO_QUEUES) + q;
}

/*
 * Life of a device.
 *
 * The environment provides, in an otherwise zeroed *dev: nr_queues, nr_banks
 * and bank[] (page aligned, not overlapping, below SVQ_WINDOW_DAS); for each
 * queue max_size (the same power of two for all), slot, chain, part, done, order
 * (max_size of each), bounce[].page (svq_bounce_frames() of each), busy
 * (SVQ_BUSY_WORDS), tables.seg (as many as SVQ_TABLE_ENTRIES(max_size)), table
 * (max_size), pages.page, pages.bucket, pages.nr (svq_page_records()) and pages.key
 * (random); and policy, and pool if the policy is to have one.  It may set
 * pages.max_kept of each queue, if svq_env_generation() tells what it has to;
 * threshold, scrub, indirect, and withheld, to offer less than
 * there is: bits of SVQ_WITHHOLDABLE.  If it sets keep, it bounds the time that
 * waiting is set (svq_dev_wait_over()).  It writes the event channels, frontend
 * and device into the zeroed info page itself.
 *
 * frame[]: the core's pointers to the frames of the window, which has
 * svq_window_frames(nr_queues, max_size, svq_bounce_frames(policy, max_size)) of
 * them and outlives the device.
 * svq_dev_init() cannot fail.
 */
void svq_dev_init(struct svq_dev *dev, uint8_t *const frame[]);

/*
 * Register access by the driver, 4.2.2; off is in bytes from the device's
 * base, size 1, 2, 4 or 8.  Nothing that a driver can do here is an error of
 * the call: what is not allowed reads as zero or has no effect.  Work that
 * follows (a kick, a reset) is only noted: call svq_dev_run().
 */
uint64_t svq_mmio_read(struct svq_dev *dev, uint32_t off, unsigned int size);
void svq_mmio_write(struct svq_dev *dev, uint32_t off, unsigned int size, uint64_t val);

/*
 * The driver's register write concerns this queue alone, as a kick does: then call
 * svq_queue_kicked() instead, with its lock.  -1: it does not.  A queue that the
 * device does not have is among what it may return, but none beyond VSH_MAX_QUEUES.
 */
int svq_mmio_queue(uint32_t off, unsigned int size, uint64_t val);

/* InterruptStatus and InterruptACK, 4.2.2, of which svq_mmio_is_int() says that it is one. */
static inline bool svq_mmio_is_int(uint32_t off, unsigned int size)
{
    return size == 4 && (off == SVQ_MMIO_INT_STATUS || off == SVQ_MMIO_INT_ACK);
}

uint32_t svq_int_read(const struct svq_dev *dev, uint32_t off);
void svq_int_write(struct svq_dev *dev, uint32_t off, uint32_t val);

/* The driver has written q's number to QueueNotify.  Mostly only notes it. */
void svq_queue_kicked(struct svq_dev *dev, unsigned int q);

/* The backend sent on queue q's channel.  Mostly only notes it. */
void svq_queue_called(struct svq_dev *dev, unsigned int q);

/*
 * The backend sent on the control channel: carry out what the mailbox asks.  Where
 * svq_env_admit() has not let it, the request is still there: call this again.
 */
void svq_dev_control(struct svq_dev *dev);

/*
 * Is what svq_dev_run() has to do what the backend has asked for, or brought about, and
 * nothing that the driver waits for?  It has an end, as no driver can add to it.
 */
bool svq_dev_is_backends(const struct svq_dev *dev);

/*
 * The backend is about to do nothing, or has been given the time that may pass
 * (late): if it has returned chains without a call, they are collected, and what
 * the driver has offered without a kick is fetched.  Only notes it; of use only
 * while delayed or quiet is set for the queue.  Returns true if there is something.
 */
bool svq_queue_poll(struct svq_dev *dev, unsigned int q, bool late);

/* The driver is about to do nothing: the same for what it has offered. */
bool svq_queue_poll_driver(struct svq_dev *dev, unsigned int q);

/*
 * Do up to SVQ_BUDGET units of the work that is noted.  Returns true if some
 * is left: call again before the vCPU that caused it runs on.
 */
bool svq_dev_run(struct svq_dev *dev);

/*
 * The same for queue q alone: requests come and go, but whatever else there is to do
 * is left.  SVQ_RUN_MORE: call it again; SVQ_RUN_ALONE: call svq_dev_run() instead,
 * before the vCPU that caused it runs on.
 */
enum svq_run { SVQ_RUN_DONE, SVQ_RUN_MORE, SVQ_RUN_ALONE };
enum svq_run svq_queue_run(struct svq_dev *dev, unsigned int q);

/* Pages that the backend sees, counted once for each queue that they are in flight in. */
unsigned int svq_dev_mapped(const struct svq_dev *dev);

/*
 * The frontend's memory has changed, or memory is short: let go of pages that
 * are in no flight.  Returns true while there is more to do.
 */
bool svq_dev_forget(struct svq_dev *dev);

/* The same for one page, which is about to be somebody's who must be alone with it. */
void svq_dev_forget_page(struct svq_dev *dev, uint64_t gfn);

/*
 * Fail the device: everything in flight is taken away from the backend,
 * DEVICE_NEEDS_RESET is set and a configuration interrupt raised (2.1.1).
 * The taking away is noted for svq_dev_run().  q is the queue to blame, or -1.
 * No effect on a device that has no backend, has failed already, or is gone.
 */
void svq_dev_fail(struct svq_dev *dev, int q, enum svq_error err);

/*
 * The frontend tried to write to the page at gfn, which was read-only for it.
 * True if that is because of a table in flight: the device fails.
 */
bool svq_dev_write_fault(struct svq_dev *dev, uint64_t gfn);

/*
 * The backend is dead, or is going away: its mappings are gone or about to
 * be.  It can be attached again.  With dev->keep, the driver does not notice:
 * dev->waiting is set until there is another backend, to which everything that
 * the driver has not got back is offered anew.  Otherwise, the device fails if
 * the driver was using it.
 *
 * What has to be taken from the backend is noted for svq_dev_run(), and is
 * there to be taken until that returns false.
 */
void svq_dev_backend_gone(struct svq_dev *dev);

/*
 * Another domain is going to be the backend: zeroes what bounce pages hold of buffers
 * that it is not offered again.  In steps: returns true while there is more to do.
 * svq_dev_run() has returned false since svq_dev_backend_gone(), and from then on until
 * this does nobody sees the window.
 */
bool svq_dev_scrub(struct svq_dev *dev);

/*
 * dev->waiting has taken too long: fails the device if the driver is using it,
 * as if there had been no dev->keep.  No effect if it is not waiting.
 */
void svq_dev_wait_over(struct svq_dev *dev);

/*
 * The frontend is going away.  Takes back everything, in steps: returns true
 * while there is more to do.  Afterwards no page, ring or reference of the
 * frontend is held, and no call but svq_dev_release() is made for the device.
 */
bool svq_dev_release(struct svq_dev *dev);

/*
 * ---- The environment ----
 */

/*
 * Pages for one part of a driver's ring, [addr, addr + bytes) guest-physical,
 * already checked to be inside a RAM bank.  All pages must be plain RAM owned
 * by the frontend; the environment holds a reference on each until put.
 * Returns 0, or negative with nothing held.
 */
int svq_env_ring_get(struct svq_dev *dev, uint64_t addr, uint32_t bytes, struct svq_mem *mem);
void svq_env_ring_put(struct svq_dev *dev, struct svq_mem *mem);

/*
 * The frame at gfn, in a RAM bank, with a reference: until svq_env_forget(), it is
 * nobody else's.  SVQ_NO_FRAME if it is not plain RAM owned by the frontend.
 */
uint64_t svq_env_frame(struct svq_dev *dev, uint64_t gfn);

/*
 * Copy len > 0 bytes of a frame, for which there is a reference, from byte at on.
 * They are in one page.
 */
void svq_env_read(struct svq_dev *dev, uint64_t frame, uint32_t at, void *buf, uint32_t len);

/* The same between a frame and a bounce page: to the guest, or from there. */
void svq_env_copy(struct svq_dev *dev, uint64_t frame, uint32_t at, uint8_t *bounce, uint32_t len,
                  bool to_guest);

/* Zero len > 0 bytes of a frame, in the same way.  Whoever sees it from now on sees that. */
void svq_env_zero(struct svq_dev *dev, uint64_t frame, uint32_t at, uint32_t len);

/*
 * Make pages of indirect tables read-only for the frontend.  t[].frame becomes
 * the page's, for which a reference is held, if on return nobody can write to
 * it: it is plain RAM that the frontend owns, nobody else refers to it, and no
 * vCPU has a translation left by which it was writable.  Otherwise t[].frame is
 * SVQ_NO_FRAME, and nothing has changed.
 */
void svq_env_protect(struct svq_dev *dev, struct svq_table_page *t, unsigned int nr);

/*
 * Undo it, and drop the references.  What the frontend has put there in the
 * meantime is left alone.  Cannot fail.
 */
void svq_env_unprotect(struct svq_dev *dev, const struct svq_table_page *t, unsigned int nr);

/* Copy the first len bytes of a page that is protected into buf. */
void svq_env_read_table(struct svq_dev *dev, const struct svq_table_page *t, void *buf,
                        uint32_t len);

/*
 * A number that is another one once any page that the core has a frame of is not
 * at its gfn any more, or has become something else than plain RAM of the
 * frontend's.  Known to whoever has learnt of that change, or of anything that
 * came after.  No number comes again: a frame that is kept is trusted if it has not
 * changed, and the frontend, or its backend, can make it change for days.
 */
uint64_t svq_env_generation(struct svq_dev *dev);

/* Drop the reference that the core has on a frame, see svq_env_frame(), svq_env_release(). */
void svq_env_forget(struct svq_dev *dev, uint64_t frame);

/*
 * Of the calls below, those that change what the backend sees do so for queue q, whose
 * lock is held: what is revoked for a queue takes a flush for that queue.
 */

/*
 * Give the backend access to pages.  op[].from is SVQ_NONE, op[].to SVQ_RO or
 * SVQ_RW; or from SVQ_RO to SVQ_RW, an upgrade of op[].frame.
 * From SVQ_NONE with op[].frame and op[].held set: that page; the reference that
 * the core has on it is the entry's from now on, if it is done.
 * From SVQ_NONE with op[].frame set: that page, which is protected; to SVQ_RO.
 * From SVQ_NONE without: looks gfn up in the frontend, which must own plain RAM
 * there (SVQ_ERR_PAGE), sets op[].frame.  Either way holds a reference for it.  The place in
 * the backend must be empty (SVQ_ERR_APERTURE); from SVQ_DUMMY instead of SVQ_NONE, it
 * may hold the dummy page as well, which goes.
 * An upgrade must be effective on return; if the entry no longer shows
 * op[].frame: SVQ_ERR_APERTURE.
 * Returns the number of ops done; below nr, *err says why the next one failed
 * and that one has changed nothing.
 */
unsigned int svq_env_grant(struct svq_dev *dev, unsigned int q, struct svq_page_op *op,
                           unsigned int nr, enum svq_error *err);

/*
 * Take access away: op[].to is SVQ_NONE, or SVQ_RO from SVQ_RW.  Only clears
 * or rewrites the entries: access may go on until svq_env_flush().  From
 * SVQ_DUMMY (to SVQ_NONE) there is no frame, and no reference but the dummy's
 * own, which is dropped here.
 * An entry that no longer shows op[].frame was removed by the backend, and the
 * entry's reference with it: op[].frame becomes SVQ_NO_FRAME.  Cannot fail.
 */
void svq_env_revoke(struct svq_dev *dev, unsigned int q, struct svq_page_op *op, unsigned int nr);

/*
 * After this, no access that svq_env_revoke() took away for q is possible any more.
 * Returns whether a flush had to be made for it: others' flushes count as well.
 */
bool svq_env_flush(struct svq_dev *dev, unsigned int q);

/*
 * Drop the references of pages that were revoked to SVQ_NONE and flushed, unless
 * they are kept; ops with SVQ_NO_FRAME, from SVQ_DUMMY, or to SVQ_RO are passed over.
 */
void svq_env_release(struct svq_dev *dev, const struct svq_page_op *op, unsigned int nr);

/*
 * Take access away from under requests that the backend may be working on:
 * from SVQ_RO or SVQ_RW to SVQ_DUMMY.  On return the flush is complete, the
 * frontend's page is released, and the backend finds its dummy page there
 * (nothing, if the backend is dead or the entry was not ours any more).
 */
void svq_env_take_away(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr);

/*
 * What the backend has in the places of op[].backend_gfn: op[].frame becomes a
 * page of the frontend that was granted there read-write, or SVQ_NO_FRAME if
 * there is something else.
 */
void svq_env_shown(struct svq_dev *dev, struct svq_page_op *op, unsigned int nr);

/* Send to the backend: queue q's channel, or the control channel for -1. */
void svq_env_notify(struct svq_dev *dev, int q);

/*
 * May a request be carried out now of a kind that costs others something: ATTACH,
 * DETACH, CONFIG?  If not, svq_dev_control() must try it again later.
 */
bool svq_env_admit(struct svq_dev *dev);

/* Raise the device's interrupt in the frontend. */
void svq_env_interrupt(struct svq_dev *dev);

/* Report, rate-limited: dev was failed, by err on queue q (-1: none in particular). */
void svq_env_report(struct svq_dev *dev, int q, enum svq_error err);

#endif /* VIRTIO_SHADOW_SVQ_H */

/* SPDX-License-Identifier: MIT */
/*
 * The environment of the core in unit tests: a guest's RAM, a backend's p2m
 * with a TLB that keeps what it has seen, and an account of every reference.
 *
 * It keeps a model of its own of the requests in flight, read off the shadow
 * rings when they are published and off the driver's used ring when that is.
 * env_check() compares what the backend can reach with that model; it runs
 * after each call of the core and at the moment each idx moves.  There is one
 * device at a time, in the global env.
 */
#ifndef UNIT_ENV_H
#define UNIT_ENV_H

/* cmocka.h wants these four before it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <virtio-shadow/svq.h>

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define PAGE ((uint64_t)SVQ_PAGE_SIZE)

#define BANK0 (1 * GIB)
#define BANK1 (8 * GIB)
#define RINGS BANK0 /* 64 KiB for each queue */
#define BUFFERS (BANK0 + 1 * MIB)
#define BUF(n) (BUFFERS + (uint64_t)(n)*PAGE)

/* What a guest frame number can be. */
enum env_kind { ENV_RAM, ENV_FOREIGN, ENV_HOLE };

/* What a place in the aperture can hold besides enum svq_access. */
#define ENV_OTHER (SVQ_DUMMY + 1)

struct env_frame {
    uint8_t *data;     /* allocated when first used as a ring */
    unsigned int refs; /* the guest's own among them, unless: */
    bool given_up;
};

struct env_page {   /* one gfn of the guest */
    uint64_t frame; /* 0: nothing allocated yet */
    uint8_t kind;
    bool shared;               /* somebody else refers to it, and may write to it */
    bool ro;                   /* by the guest's p2m */
    bool tlb_rw;               /* a vCPU may have a translation by which it is writable */
    uint32_t readers, writers; /* buffers in flight, by the model */
    uint32_t tables;           /* tables in place */
};

struct env_place { /* one gfn of the aperture */
    uint64_t frame, tlb_frame;
    unsigned int revoked_by; /* the queue that did so last */
    uint8_t access;
    uint8_t tlb; /* the most that a stale TLB may still allow */
    bool listed;
};

struct env_flight {
    unsigned int id, nr;              /* the driver's: head, or buffer id */
    unsigned int table, table_nr;     /* entries of the shadow table; 0: none */
    struct svq_desc in_place;         /* points to a table in the guest's RAM; len 0: does not */
    uint64_t frames[SVQ_TABLE_PAGES]; /* in which it is */
    uint64_t number;                  /* in the order of publication */
    uint64_t writable;
    bool forgotten; /* its table and bounce pages may be another's already */
    struct svq_desc desc[];
};

/*
 * Where in shared memory a pointer points.  ENV_TABLE: what svq_env_read() reads;
 * ENV_IN_PLACE: what svq_env_read_table() does, which the guest cannot write;
 * ENV_BUFFER: what svq_env_copy() has copied from there.
 */
enum env_area {
    ENV_ELSEWHERE,
    ENV_TABLE,
    ENV_IN_PLACE,
    ENV_BUFFER,
    ENV_DESC,
    ENV_AVAIL,
    ENV_USED,
    ENV_SHADOW_DESC,
    ENV_SHADOW_AVAIL,
    ENV_SHADOW_USED,
    ENV_MAILBOX,
    ENV_INFO
};

struct env_where {
    enum env_area area;
    unsigned int queue;
    uint32_t off;
};

struct env_opts {          /* 0 means the default */
    unsigned int queues;   /* 1 */
    unsigned int size;     /* 16 */
    unsigned int banks;    /* 2 */
    uint64_t bank0, bank1; /* bytes: 64 MiB, 16 MiB */
    uint32_t records;      /* of pages, a power of two; svq_page_records() */
    uint64_t withheld;     /* feature bits, as the administrator wants */
    enum svq_indirect indirect;
    uint32_t policy; /* VSH_POLICY_GRANT */
    struct vsh_bank pool;
    bool keep; /* the driver waits for another backend */
    uint32_t threshold;
    bool forgetful; /* nothing is kept of pages that are in no flight */
    bool scrub;
};

struct env {
    struct svq_dev dev;
    uint8_t **window;
    unsigned int nr_window;

    struct env_page *page[VSH_MAX_BANKS];
    struct env_place *place[VSH_MAX_BANKS];
    struct env_frame *frame;
    size_t nr_frames, max_frames;

    uint64_t generation;                 /* of the guest's memory */
    unsigned int lookups, uses, forgets; /* of frames by gfn; grants of those kept; drops */

    struct env_place **active; /* places with access, or a stale one */
    size_t nr_active, max_active;

    uint64_t aperture[VSH_MAX_BANKS];
    bool backend_dead;
    bool tampered; /* the backend changed its p2m: pages may be missing */

    struct env_flight *flight[VSH_MAX_QUEUES][VSH_MAX_QUEUE_SIZE];
    unsigned int nr_flights;
    uint64_t published, returned[VSH_MAX_QUEUES]; /* numbers of flights */
    uint32_t restarts[VSH_MAX_QUEUES];            /* of the device, that the queue has seen */
    unsigned int offered_again;                   /* requests, to another backend */
    /* Slots of chains that are left to who is alone: maybe it is another who gets them. */
    bool late[VSH_MAX_QUEUES][VSH_MAX_QUEUE_SIZE];
    uint8_t *table_used[VSH_MAX_QUEUES];     /* entries of shadow tables in flight */
    unsigned int table_reads;                /* calls of svq_env_read() */
    uint8_t *bounce_used[VSH_MAX_QUEUES][2]; /* bytes of bounce pages in flight */
    uint8_t *given[VSH_MAX_QUEUES];          /* bytes that the backend was ever to read */
    uint64_t copied_out, copied_in, zeroed;  /* bytes */
    unsigned int protected;                  /* pages that are read-only for the guest */
    unsigned int protects, unprotects, protects_refused; /* pages */
    unsigned int protect_flushes;

    /* Fail a grant once, after so many more pages, with this error; -1: never. */
    int grants_left;
    enum svq_error grant_error;

    /* Called after each read of shared memory, to change it. */
    void (*on_read)(struct env_where where, void *p, size_t bytes);
    void (*on_copy)(void); /* after the mailbox was copied */
    void (*on_flush)(void);
    void (*on_protect)(void);   /* entries are read-only, the flush is to come */
    void (*on_protected)(void); /* before the table is read */
    void (*on_used)(unsigned int queue);
    void (*on_published)(unsigned int queue, unsigned int slot); /* before the idx moves */

    bool rmb, wmb, mb;                    /* seen since what they must follow */
    bool zeroing;                         /* zeroed, and no barrier since: nothing is granted */
    bool look_again[VSH_MAX_QUEUES];      /* kicks were asked for: the ring must be read */
    bool look_again_used[VSH_MAX_QUEUES]; /* ... calls: the shadow used ring */
    bool copied;                          /* the mailbox was, and its copy not yet used */
    bool throttled;                       /* what svq_env_admit() does not let through */

    unsigned int grants, upgrades, revokes, downgrades, flushes, taken_away;
    unsigned int others_found; /* times that a queue alone was refused what another has */
    unsigned int notify[VSH_MAX_QUEUES], notify_control, interrupts, reports;
    int report_queue;
    enum svq_error report_error;
    unsigned int steps; /* of the last env_run() */
};

extern struct env *env;

/* A device in VSH_STATE_IDLE. */
void env_create(const struct env_opts *opts);

/* svq_dev_run() until it has nothing left, checking after each step. */
void env_run(void);

/* After svq_dev_scrub(): bounce pages hold what is offered again, and nothing else. */
void env_check_scrubbed(void);

/* The frontend goes; afterwards nothing may be held.  Ends a test. */
void env_release(void);

/* Free everything, also after a failed test. */
void env_destroy(void);

/* The invariants that hold between any two steps. */
void env_check(void);

/* The same, and the records of pages in flight one by one. */
void env_check_records(void);

/* Of any queue; and all of them are looked at. */
bool env_delayed(void);
bool env_quiet(void);
bool env_poll(bool late);
bool env_poll_driver(void);

/* Guest RAM, as the driver sees it; may cross pages. */
void env_write(uint64_t addr, const void *src, size_t bytes);
void env_read(uint64_t addr, void *dst, size_t bytes);
void env_write16(uint64_t addr, uint16_t val);
uint16_t env_read16(uint64_t addr);

struct env_page *env_page(uint64_t addr);
struct env_frame *env_frame(uint64_t frame);
void env_set_kind(uint64_t addr, enum env_kind kind);
void env_replace(uint64_t addr);      /* another frame behind this gfn */
unsigned int env_refs(uint64_t addr); /* beyond the guest's own, and what is kept */
unsigned int env_kept(uint64_t addr);

/* The most that the backend can do to the page at addr, by its p2m and a stale TLB. */
enum svq_access env_access(uint64_t addr);
uint8_t env_entry(uint64_t addr); /* by its p2m alone */
unsigned int env_visible(void);   /* pages of the guest it can reach */

/*
 * A vCPU of the guest writes, as far as its p2m or TLB let it.  False if it
 * takes an abort; then the core has been told.
 */
bool env_vcpu_writes(uint64_t addr, const void *src, size_t bytes);
/* A vCPU looks at the page, which its TLB remembers. */
void env_vcpu_touches(uint64_t addr);

/* The bounce pages of a queue that the backend reads (0), or writes (1): das of the first. */
uint64_t env_bounce(unsigned int queue, bool write);

/* The backend changes its own p2m. */
void env_backend_removes(uint64_t addr);
void env_backend_occupies(uint64_t addr);

struct env_where env_where(const volatile void *p);

/* One test: its name says the rule it checks. */
typedef void env_test(void);
void env_test_body(void **state);
int env_test_cleanup(void **state);
#define TEST(f)                                                                                    \
    {                                                                                              \
#f, env_test_body, NULL, env_test_cleanup, (void *)(uintptr_t)(f)                          \
    }

/* The main program of a group: tests[].  argv[1]: a pattern for the names of those to run. */
#define TEST_MAIN(tests)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        if (argc > 1)                                                                              \
            cmocka_set_test_filter(argv[1]);                                                       \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif /* UNIT_ENV_H */

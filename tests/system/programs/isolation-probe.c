// SPDX-License-Identifier: MIT
/*
 * Runs in the backend VM, as root, against a device that virtio-shadowd serves:
 * tries to read every page of the frontend through the aperture, and says which
 * could be read although no request in flight covered them.
 *
 * Besides going through all pages it reads those that are in flight when it looks,
 * to show that it would see them.
 *
 * It borrows the daemon's own region files, so it sees exactly what a device
 * process sees. What is in flight it knows from the shadow rings.
 *
 *   isolation-probe FRONTEND-DOMID DEVICE PASSES
 *
 * prints one JSON object. In it scan_pages are those that it has tried on its way through
 * all of them, probe_pages are these and those in flight; bytes_beside are those of pages
 * that a request in flight holds in part, which it does not hold; canaries are words that
 * the program canary keeps in the guest's memory and in no request. What that has in its
 * requests is in the window, for those that are copied: window_in_flight bytes of
 * requests in flight, window_returned bytes of those that were returned, whose
 * room nobody has needed since. Exit 0: scanned; 1: an uncovered page was
 * readable; 2: could not probe.
 */
#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <virtio-shadow/abi.h>
#include <virtio-shadow/ring.h>

#include "borrow.h"
#include "canary.h"
#include "window.h"

#define PAGE 4096ULL

/*
 * How long after its return a buffer counts as covered: the backend cannot see
 * when Xen looks at the used ring, only that it put something there.
 */
#define GRACE_NS 1000000000ULL

/*
 * How long a page that is readable and not covered gets to become either: on a
 * busy host an emulated CPU can stand still for seconds between the steps.
 */
#define PATIENCE_NS 10000000000ULL

/* A look is to end, whatever it finds: these wait and are named, others are counted at once. */
#define PATIENT_PAGES 4

struct buffer {
    uint64_t addr;
    uint32_t len;
};

struct chain {
    bool in_flight, known;
    uint64_t returned_ns;
    unsigned int nr;
    /* One more, for a table in the frontend's memory. */
    struct buffer buffer[VSH_MAX_QUEUE_SIZE + 1];
};

struct queue {
    uint16_t size, avail_seen, used_seen;
    const struct svq_desc *desc;
    const uint8_t *avail, *used;
    struct chain *chain;
};

static struct borrowed dev;
static struct queue queue[VSH_MAX_QUEUES];
static unsigned int nr_queues;
static uint64_t lost;
static bool shared;

/* What was seen. */
static struct {
    uint64_t pages, tried, scanned, in_flight, uncovered, beside, canaries;
    uint64_t window_pages, window_canaries, window_in_flight, window_returned;
} found;

/* Nothing is blocked while a signal is handled: there is no mask to be put back. */
static sigjmp_buf fault_env;

static void on_fault(int sig)
{
    siglongjmp(fault_env, sig);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* One read of the page; false if it faulted. */
static bool readable(const volatile uint8_t *va)
{
    if (sigsetjmp(fault_env, 0))
        return false;
    (void)*va;
    return true;
}

static uint16_t load16(const uint8_t *p)
{
    return *(const volatile uint16_t *)p;
}

static uint32_t load32(const uint8_t *p)
{
    return *(const volatile uint32_t *)p;
}

/* A place in the device address space, as it is mapped here; NULL if it is not. */
static const volatile void *at_das(uint64_t das)
{
    if (das - dev.window.das < dev.window.size)
        return dev.window.va + (das - dev.window.das);
    for (unsigned int b = 0; b < dev.nr_banks; b++)
        if (das - dev.bank[b].das < dev.bank[b].size)
            return dev.bank[b].va + (das - dev.bank[b].das);
    return NULL;
}

static void note_buffer(struct chain *c, uint64_t addr, uint32_t len)
{
    if (c->nr < sizeof(c->buffer) / sizeof(c->buffer[0]))
        c->buffer[c->nr++] = (struct buffer){.addr = addr, .len = len};
}

/*
 * Chains through the descriptors from i on, in a table of nr of them. Returns
 * the descriptor that points to an indirect table, if there is one.
 */
static struct buffer note_descriptors(struct chain *c, const volatile struct svq_desc *table,
                                      unsigned int nr, unsigned int i)
{
    for (unsigned int n = 0; n < nr; n++) {
        uint64_t addr = table[i].addr;
        uint32_t len = table[i].len;
        uint16_t flags = table[i].flags;

        /* A table in the window is none of the frontend's memory, but noting it does no harm. */
        note_buffer(c, addr, len);
        if (flags & SVQ_DESC_F_INDIRECT)
            return (struct buffer){.addr = addr, .len = len};
        if (!(flags & SVQ_DESC_F_NEXT))
            break;
        i = table[i].next % nr;
    }
    return (struct buffer){0};
}

/* What the chain at head covers, as the shadow descriptor table has it now. */
static void note_chain(struct queue *q, uint16_t head)
{
    struct chain *c = &q->chain[head % q->size];
    const volatile void *table;
    struct buffer indirect;

    c->nr = 0;
    indirect = note_descriptors(c, q->desc, q->size, head % q->size);
    table = indirect.len >= sizeof(struct svq_desc) ? at_das(indirect.addr) : NULL;
    /* A table in the frontend's memory may be gone by now. */
    if (table && !sigsetjmp(fault_env, 0))
        note_descriptors(c, table, indirect.len / sizeof(struct svq_desc), 0);
    c->in_flight = c->known = true;
}

/*
 * What is in flight already: a device that returns requests in order leaves it
 * in the last entries of the available ring. Where it does not, those before
 * them are covered for a while, too.
 */
static void start_queue(struct queue *q)
{
    uint64_t now = now_ns();
    uint16_t in_flight;

    q->used_seen = load16(q->used + SVQ_USED_IDX);
    __sync_synchronize();
    q->avail_seen = load16(q->avail + SVQ_AVAIL_IDX);
    __sync_synchronize();
    in_flight = (uint16_t)(q->avail_seen - q->used_seen);
    for (uint16_t i = q->size; i > 0; i--) {
        uint16_t at = (uint16_t)(q->avail_seen - i);
        uint16_t head = load16(q->avail + SVQ_AVAIL_RING(at % q->size));

        note_chain(q, head);
        if (i > in_flight) {
            q->chain[head % q->size].in_flight = false;
            q->chain[head % q->size].returned_ns = now;
        }
    }
}

/* Follow the shadow rings of all queues. */
static void follow(void)
{
    uint64_t now = now_ns();

    for (unsigned int n = 0; n < nr_queues; n++) {
        struct queue *q = &queue[n];
        uint16_t used = load16(q->used + SVQ_USED_IDX);
        uint16_t avail;

        __sync_synchronize();
        avail = load16(q->avail + SVQ_AVAIL_IDX);
        __sync_synchronize();

        if ((uint16_t)(avail - q->avail_seen) > q->size ||
            (uint16_t)(used - q->used_seen) > q->size) {
            /* Too many at once to follow: what was in flight last stays covered for a while. */
            lost++;
            for (unsigned int i = 0; i < q->size; i++)
                if (q->chain[i].in_flight) {
                    q->chain[i].in_flight = false;
                    q->chain[i].returned_ns = now;
                }
            start_queue(q);
            continue;
        }
        for (; q->avail_seen != avail; q->avail_seen++)
            note_chain(q, load16(q->avail + SVQ_AVAIL_RING(q->avail_seen % q->size)));
        for (; q->used_seen != used; q->used_seen++) {
            struct chain *c =
                &q->chain[load32(q->used + SVQ_USED_ID(q->used_seen % q->size)) % q->size];

            c->in_flight = false;
            c->returned_ns = now;
        }
    }
}

/*
 * A page that is in flight by what the rings say, another one each time; NULL
 * if there is none. To read it shows that the probe would see what is there.
 */
static const uint8_t *in_flight_page(void)
{
    static unsigned int turn;

    for (unsigned int n = 0; n < nr_queues; n++) {
        for (unsigned int i = 0; i < queue[n].size; i++) {
            const struct chain *c = &queue[n].chain[(turn + i) % queue[n].size];

            if (!c->in_flight)
                continue;
            for (unsigned int b = 0; b < c->nr; b++) {
                const struct buffer *buf = &c->buffer[(turn + b) % c->nr];

                for (unsigned int k = 0; k < dev.nr_banks; k++) {
                    if (buf->addr - dev.bank[k].das < dev.bank[k].size) {
                        turn++;
                        return dev.bank[k].va + (buf->addr - dev.bank[k].das);
                    }
                }
            }
        }
    }
    return NULL;
}

static bool covered(uint64_t gpa)
{
    uint64_t now = now_ns();

    for (unsigned int n = 0; n < nr_queues; n++) {
        for (unsigned int i = 0; i < queue[n].size; i++) {
            const struct chain *c = &queue[n].chain[i];

            if (!c->known || (!c->in_flight && now - c->returned_ns > GRACE_NS))
                continue;
            for (unsigned int b = 0; b < c->nr; b++) {
                uint64_t first = c->buffer[b].addr & ~(PAGE - 1);
                uint64_t last = (c->buffer[b].addr + c->buffer[b].len - 1) & ~(PAGE - 1);

                /* Without a length it is an entry that nobody has filled in. */
                if (c->buffer[b].len && gpa >= first && gpa <= last)
                    return true;
            }
        }
    }
    return false;
}

/* Which bytes of a page of the aperture or the window requests in flight hold; how many not. */
static unsigned int not_held(uint64_t das, bool held[PAGE])
{
    uint64_t now = now_ns();
    unsigned int nr = PAGE;

    memset(held, 0, PAGE * sizeof(*held));
    for (unsigned int n = 0; n < nr_queues; n++) {
        for (unsigned int i = 0; i < queue[n].size; i++) {
            const struct chain *c = &queue[n].chain[i];

            if (!c->known || (!c->in_flight && now - c->returned_ns > GRACE_NS))
                continue;
            for (unsigned int b = 0; b < c->nr; b++) {
                uint64_t from = c->buffer[b].addr, to = from + c->buffer[b].len;

                from = from < das ? das : from;
                to = to > das + PAGE ? das + PAGE : to;
                for (; from < to; from++) {
                    nr -= !held[from - das];
                    held[from - das] = true;
                }
            }
        }
    }
    return nr;
}

/*
 * Bytes of a page that no request in flight holds, although one holds others of
 * it: what comes along with a buffer when its page is shown.
 */
static unsigned int beside(uint64_t gpa)
{
    static bool held[PAGE];

    return not_held(gpa, held);
}

/*
 * Xen grants first and publishes then: a page may be seen just before its
 * request. And it may be seen while Xen is about to revoke it.
 */
static bool stays_uncovered(uint64_t gpa, const uint8_t *page)
{
    uint64_t start = now_ns(), patience = found.uncovered < PATIENT_PAGES ? PATIENCE_NS : 0;

    do {
        follow();
        if (covered(gpa) || !readable(page))
            return false;
    } while (now_ns() - start < patience);
    return true;
}

/* None, if the driver has not started the device: then nothing is covered. */
static void find_queues(void)
{
    struct vsh_view v;

    window_view(&v, dev.window.va, dev.window.size);

    /* All of the guest is there, or what it has set apart, and Xen knows of no requests. */
    shared = v.info.policy == VSH_POLICY_TRUSTED || v.info.policy == VSH_POLICY_POOL;
    if (shared)
        return;

    for (unsigned int i = 0; i < v.info.nr_queues; i++) {
        const struct vsh_queue_info *qi = &v.queue[i];
        struct queue *q = &queue[nr_queues];

        if (!qi->size)
            continue;
        q->size = (uint16_t)qi->size;
        q->desc = (const struct svq_desc *)(dev.window.va + (qi->desc - v.info.window_base));
        q->avail = dev.window.va + (qi->avail - v.info.window_base);
        q->used = dev.window.va + (qi->used - v.info.window_base);
        q->chain = calloc(q->size, sizeof(*q->chain));
        if (!q->chain)
            err(2, "no memory");
        start_queue(q);
        nr_queues++;
    }
}

/* Words of a page that a program in the guest has put there, and nowhere into a request. */
static unsigned int canaries(const volatile uint8_t *page)
{
    const volatile uint64_t *word = (const volatile uint64_t *)page;
    volatile unsigned int nr = 0;

    if (sigsetjmp(fault_env, 0))
        return nr;
    for (unsigned int i = 0; i < PAGE / sizeof(*word); i++)
        if (word[i] == CANARY)
            nr++;
    return nr;
}

static const uint8_t *page_of(const uint8_t *p)
{
    return (const uint8_t *)((uintptr_t)p & ~(uintptr_t)(PAGE - 1));
}

static void scan_page(uint64_t gpa, const uint8_t *page)
{
    const uint8_t *other;

    follow();
    other = in_flight_page();
    if (other) {
        found.pages++;
        if (readable(other)) {
            found.in_flight++;
            found.canaries += canaries(page_of(other));
        }
    }
    found.pages++;
    found.tried++;
    if (!readable(page))
        return;
    found.scanned++;
    found.canaries += canaries(page);
    if (shared)
        return;
    if (stays_uncovered(gpa, page)) {
        if (found.uncovered++ < PATIENT_PAGES)
            fprintf(stderr, "isolation-probe: page %#llx is readable and not in flight\n",
                    (unsigned long long)gpa);
    } else if (covered(gpa) && readable(page)) {
        found.beside += beside(gpa);
    }
}

/* Copies need not lie as the guest's memory does: canaries are looked for at every byte. */
static void scan_window_page(uint64_t das, const volatile uint8_t *page)
{
    static bool held[PAGE];
    uint64_t word[PAGE / sizeof(uint64_t)], at;
    bool payload = false;

    if (!readable(page))
        return;
    found.window_pages++;
    follow();
    for (unsigned int i = 0; i < PAGE / sizeof(*word); i++) {
        word[i] = ((const volatile uint64_t *)page)[i];
        payload |= word[i] == PAYLOAD;
    }
    for (unsigned int i = 0; i <= PAGE - sizeof(at); i++) {
        memcpy(&at, (const uint8_t *)word + i, sizeof(at));
        found.window_canaries += at == CANARY;
    }
    if (!payload)
        return;
    follow();
    not_held(das, held);
    for (unsigned int i = 0; i < PAGE / sizeof(*word); i++) {
        if (word[i] != PAYLOAD)
            continue;
        if (held[i * sizeof(*word)])
            found.window_in_flight += sizeof(*word);
        else
            found.window_returned += sizeof(*word);
    }
}

static void tell(const char *key, uint64_t number)
{
    printf(", \"%s\": %llu", key, (unsigned long long)number);
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    unsigned int passes;
    uint64_t start;

    if (argc != 4)
        errx(2, "usage: isolation-probe FRONTEND-DOMID DEVICE PASSES");
    borrow_device(&dev, (unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]), PROT_READ);
    passes = (unsigned int)atoi(argv[3]);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    find_queues();

    start = now_ns();
    for (unsigned int p = 0; p < passes; p++) {
        for (unsigned int b = 0; b < dev.nr_banks; b++)
            for (uint64_t off = 0; off < dev.bank[b].size; off += PAGE)
                scan_page(dev.bank[b].das + off, dev.bank[b].va + off);
        for (uint64_t off = 0; off < dev.window.size; off += PAGE)
            scan_window_page(dev.window.das + off, dev.window.va + off);
    }

    printf("{\"frontend\": %s, \"device\": %s, \"queues\": %u, \"passes\": %u", argv[1], argv[2],
           nr_queues, passes);
    tell("probe_pages", found.pages);
    tell("scan_pages", found.tried);
    tell("readable", found.scanned + found.in_flight);
    tell("readable_scan", found.scanned);
    tell("uncovered", found.uncovered);
    tell("bytes_beside", found.beside);
    tell("canaries", found.canaries);
    tell("window_pages", found.window_pages);
    tell("window_canaries", found.window_canaries);
    tell("window_in_flight", found.window_in_flight);
    tell("window_returned", found.window_returned);
    tell("ring_overruns", lost);
    tell("milliseconds", (now_ns() - start) / 1000000);
    printf("}\n");
    return found.uncovered ? 1 : 0;
}

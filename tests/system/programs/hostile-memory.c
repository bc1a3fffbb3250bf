// SPDX-License-Identifier: MIT
/* A hostile backend: what it reads and writes where it must not, by itself and by its kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

#define FAULTS "each access faults, the request is served"
#define EFAULTS "the system call fails with EFAULT, the request is served"

/* Pages of the aperture that are tried beside those of the request. */
#define TRIES 2048u

static volatile uint8_t *das(uint64_t addr)
{
    return h_at(addr & ~(uint64_t)(HPAGE - 1));
}

/* ---- the window ---- */

enum { INFO, DESC, AVAIL, TABLES };

static volatile uint8_t *window_part(unsigned int part)
{
    switch (part) {
    case INFO:
        return h_window.va;
    case DESC:
        return h_at(h_queue->desc);
    case AVAIL:
        return h_at(h_queue->avail);
    default:
        /* Behind the used ring, which is the last that the info page tells of. */
        return h_used() + svq_part_frames(h_queue->max_size, SVQ_PART_USED) * HPAGE;
    }
}

static const char *write_window(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = window_part(a->arg);
    unsigned int done = 0, tried = 0;

    for (unsigned int i = 0; i < HPAGE; i += 64, tried++)
        done += h_can_write(p + i, 0xff);
    attack_saw("%u of %u writes done", done, tried);
    return done ? "it can be written" : h_finish(r);
}

/* Zeroes a block of the cache: a write that is none for a compiler. */
static bool can_zero(volatile uint8_t *p)
{
    uint8_t val;

    if (!h_can_read(p, &val))
        return false;
    return h_can_write(p, val);
}

static const char *write_then_read(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = window_part(a->arg);
    uint8_t before[HPAGE];

    for (unsigned int i = 0; i < HPAGE; i++)
        before[i] = p[i];
    for (unsigned int i = 0; i < HPAGE; i += 128)
        if (can_zero(p + i))
            return "it can be written";
    for (unsigned int i = 0; i < HPAGE; i++)
        if (before[i] != p[i])
            return "it has changed";
    return h_finish(r);
}

/* read() into a page, by the kernel. */
static int kernel_writes(volatile uint8_t *p)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, (void *)p, 256);
    int error = n < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return error;
}

/* write() from a page, by the kernel. */
static int kernel_reads(volatile uint8_t *p)
{
    int fd = open("/tmp/leak", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, (void *)p, HPAGE);
    int error = n < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return error;
}

static const char *kernel_window(const struct hostile_attack *a, struct request *r)
{
    int error = kernel_writes(window_part(a->arg));

    attack_saw("read() into it: error %d", error);
    return error != EFAULT ? "it did not fail with EFAULT" : h_finish(r);
}

/* ---- the aperture ---- */

static const char *write_read_only(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = das(r->desc[0].addr);
    unsigned int done = 0;
    uint8_t val;

    (void)a;
    if (!h_can_read(p, &val))
        return "what the device is to read cannot be read";
    for (unsigned int i = 0; i < HPAGE; i += 64)
        done += h_can_write(p + i, 0xff);
    attack_saw("%u of %u writes done", done, HPAGE / 64);
    return done ? "it can be written" : h_finish(r);
}

static const char *kernel_read_only(const struct hostile_attack *a, struct request *r)
{
    int error = kernel_writes(das(r->desc[0].addr));

    (void)a;
    attack_saw("read() into it: error %d", error);
    return error != EFAULT ? "it did not fail with EFAULT" : h_finish(r);
}

/* A page of the guest's, and not of the window. */
static bool in_aperture(uint64_t addr)
{
    return addr < SVQ_WINDOW_DAS;
}

static bool in_request(const struct request *r, const volatile uint8_t *p)
{
    for (unsigned int i = 0; i < r->nr; i++)
        if (das(r->desc[i].addr) == p)
            return true;
    return false;
}

/* Pages all over the aperture that this request has nothing to do with. */
static const char *others(const struct hostile_attack *a, struct request *r)
{
    unsigned int seen = 0, tried = 0;

    for (unsigned int i = 0; i < TRIES; i++) {
        struct region *b = &h_bank[i % h_banks];
        volatile uint8_t *p = b->va + (uint64_t)random() % (b->size / HPAGE) * HPAGE;
        uint8_t val;

        if (in_request(r, p))
            continue;
        tried++;
        seen += a->arg ? h_can_write(p + i % HPAGE, 0xff) : h_can_read(p + i % HPAGE, &val);
    }
    attack_saw("%u of %u pages", seen, tried);
    return seen ? "a page that no request has is there" : h_finish(r);
}

static const char *neighbours(const struct hostile_attack *a, struct request *r)
{
    unsigned int seen = 0;
    uint8_t val;

    (void)a;
    for (unsigned int i = 0; i < r->nr; i++) {
        for (int d = -1; d <= 1; d += 2) {
            volatile uint8_t *p = das(r->desc[i].addr + (uint64_t)(d * (int)HPAGE));

            if (p && in_aperture(r->desc[i].addr) && !in_request(r, p))
                seen += h_can_read(p, &val);
        }
    }
    attack_saw("%u pages", seen);
    return seen ? "a neighbour of a buffer's page is there" : h_finish(r);
}

static const char *kernel_other(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = h_bank[0].va + h_bank[0].size / 2;
    int error;

    while (in_request(r, p))
        p += HPAGE;
    error = a->arg ? kernel_writes(p) : kernel_reads(p);
    attack_saw("error %d", error);
    return error != EFAULT ? "it did not fail with EFAULT" : h_finish(r);
}

/* What was granted, after the driver has it back. */
static const char *afterwards(const struct hostile_attack *a, struct request *r)
{
    unsigned int seen = 0, granted = 0, i;
    volatile uint8_t *p[3];
    const char *why;
    uint8_t val;

    for (i = 0; i < r->nr; i++)
        if (in_aperture(r->desc[i].addr) && granted < 3)
            p[granted++] = h_at(r->desc[i].addr);
    why = h_finish(r);
    for (i = 0; i < granted; i++)
        seen += a->arg ? h_can_write(p[i], 0xff) : h_can_read(p[i], &val);
    attack_saw("%u of %u pages", seen, granted);
    if (!granted)
        return "no page was granted";
    return why ? why : seen ? "a page is still there" : NULL;
}

/* Returned and told, while Xen takes it back: writes until it faults; it must. */
static const char *until_it_faults(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = h_at(r->desc[1].addr);
    unsigned int writes = 0;
    const char *why;

    (void)a;
    if (!h_serve(r))
        return "what is granted cannot be written";
    h_give_back(r, h_writable(r));
    /* What is good data, so that it does not matter until when it goes well. */
    while (writes < 1000000 && h_can_write(p + 16, PEER_DATA))
        writes++;
    attack_saw("%u writes until it faulted", writes);
    why = h_must_serve(1);
    return writes < 1000000 ? why : "it never faulted";
}

/* Guards, so many of them in a row that it is no chance. */
static unsigned int guards_in(volatile uint8_t *page)
{
    unsigned int seen = 0, row = 0;
    uint8_t copy[HPAGE];

    if (!h_can_copy(copy, page, sizeof(copy)))
        return 0;
    for (unsigned int k = 0; k < HPAGE; k++) {
        row = copy[k] == PEER_GUARD ? row + 1 : 0;
        seen += row == 8 ? 8 : row > 8;
    }
    return seen;
}

/* All that can be seen: is there a guard, which is the driver's own? */
static const char *guards(const struct hostile_attack *a, struct request *r)
{
    unsigned int seen = 0;

    (void)a;
    for (unsigned int i = 0; i < r->nr; i++)
        if (in_aperture(r->desc[i].addr))
            seen += guards_in(das(r->desc[i].addr));
    for (uint64_t off = 0; off < h_window.size; off += HPAGE)
        seen += guards_in(h_window.va + off);
    attack_saw("%u guard bytes", seen);
    return seen ? "what lies beside a buffer can be read" : h_finish(r);
}

static const char *write_guards(const struct hostile_attack *a, struct request *r)
{
    volatile uint8_t *p = h_at(r->desc[1].addr);

    (void)a;
    for (unsigned int k = 0; k < 64; k++) {
        h_can_write(p - 64 + k, 0xff);
        h_can_write(p + r->desc[1].len + k, 0xff);
    }
    return h_finish(r);
}

static const struct hostile_attack attacks[] = {
    H_HARMLESS("writes to the info page", FAULTS, H_READS(1), write_window, INFO),
    H_HARMLESS("writes to the shadow descriptors", FAULTS, H_READS(1), write_window, DESC),
    H_HARMLESS("writes to the shadow available ring", FAULTS, H_READS(1), write_window, AVAIL),
    H_HARMLESS("writes to the shadow indirect tables", FAULTS, H_READS(1), write_window, TABLES),
    H_HARMLESS("rewrites the shadow descriptors with what is there", FAULTS, H_READS(1),
               write_then_read, DESC),
    H_HARMLESS("has its kernel write to the info page", EFAULTS, H_READS(1), kernel_window, INFO),
    H_HARMLESS("has its kernel write to the shadow descriptors", EFAULTS, H_READS(1), kernel_window,
               DESC),
    H_HARMLESS("has its kernel write to the shadow available ring", EFAULTS, H_READS(1),
               kernel_window, AVAIL),
    H_HARMLESS("writes to a page that is granted to be read", FAULTS, H_WHOLE, write_read_only, 0),
    H_HARMLESS("has its kernel write to a page that is granted to be read", EFAULTS, H_WHOLE,
               kernel_read_only, 0),
    H_HARMLESS("reads 2048 pages of no request", FAULTS, H_WHOLE, others, 0),
    H_HARMLESS("writes 2048 pages of no request", FAULTS, H_WHOLE, others, 1),
    H_HARMLESS("reads the neighbours of granted pages", FAULTS, H_WHOLE, neighbours, 0),
    H_HARMLESS("has its kernel read a page of no request", EFAULTS, H_WHOLE, kernel_other, 0),
    H_HARMLESS("has its kernel write a page of no request", EFAULTS, H_WHOLE, kernel_other, 1),
    H_HARMLESS("reads what was granted, after its return", FAULTS, H_LINGER, afterwards, 0),
    H_HARMLESS("writes what was granted, after its return", FAULTS, H_LINGER, afterwards, 1),
    H_HARMLESS("writes to a page while it is taken back", "faults once it is taken back", H_LINGER,
               until_it_faults, 0),
};

/* What the policy "grant" does not promise: a buffer's page is its own. */
static const struct hostile_attack exact[] = {
    H_HARMLESS("reads what lies beside buffers in their pages", "no guard byte is seen", H_READS(1),
               guards, 0),
    H_HARMLESS("writes to the bounce page of a buffer that it is to read", FAULTS, H_READS(1),
               write_read_only, 0),
    H_HARMLESS("has its kernel write to the bounce page of a buffer that it is to read", EFAULTS,
               H_READS(1), kernel_read_only, 0),
    H_HARMLESS("writes what lies beside buffers in their pages", "no guard byte is changed",
               H_READS(1), write_guards, 0),
};

void hostile_memory(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}

void hostile_exact(void)
{
    h_attacks(exact, H_COUNT(exact));
}

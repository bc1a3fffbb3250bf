// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "buffers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define POOL_BYTES (64ul << 20) /* scattered ones take every other page: half of it can be used */
#define POOL_PAGES (POOL_BYTES / PAGE)
#define PRESENT (UINT64_C(1) << 63)
#define FRAME ((UINT64_C(1) << 55) - 1)

/* A page of the pool. */
struct page {
    uint64_t frame;
    off_t offset;
};

static struct page pool[POOL_PAGES];

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "buffers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "buffers: %s\n", why);
    exit(1);
}

/* The physical page behind each page of a mapping that is there, of /proc/self/pagemap. */
static void frames_of(const char *at, size_t pages, uint64_t *frames)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    size_t length = pages * sizeof(*frames);

    if (fd < 0 || pread(fd, frames, length, (off_t)((uintptr_t)at / PAGE * sizeof(*frames))) !=
                      (ssize_t)length)
        fail("cannot read /proc/self/pagemap");
    close(fd);
    for (size_t i = 0; i < pages; i++) {
        if (!(frames[i] & PRESENT) || !(frames[i] & FRAME))
            refuse("/proc/self/pagemap shows no page: it takes root");
        frames[i] &= FRAME;
    }
}

static int by_frame(const void *a, const void *b)
{
    const struct page *x = a, *y = b;

    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Finds the pages of the file, in the order of physical memory; the first to come makes it. */
static int open_pool(const char *file)
{
    static uint64_t frames[POOL_PAGES];
    int fd = open(file, O_RDWR | O_CREAT, 0600);
    struct stat st;
    char *all;

    if (fd < 0 || fstat(fd, &st) || ((size_t)st.st_size != POOL_BYTES && ftruncate(fd, POOL_BYTES)))
        fail(file);
    all = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (all == MAP_FAILED)
        fail(file);
    for (size_t i = 0; i < POOL_PAGES; i++)
        *(volatile char *)(all + i * PAGE) = 0x5a;
    frames_of(all, POOL_PAGES, frames);
    munmap(all, POOL_BYTES);
    for (size_t i = 0; i < POOL_PAGES; i++)
        pool[i] = (struct page){.frame = frames[i], .offset = (off_t)(i * PAGE)};
    qsort(pool, POOL_PAGES, sizeof(pool[0]), by_frame);
    return fd;
}

/* How many pages of the pool follow the one before, from one on, up to a limit. */
static size_t run_from(size_t first, size_t limit)
{
    size_t n = 1;

    while (n < limit && first + n < POOL_PAGES &&
           pool[first + n].frame == pool[first + n - 1].frame + 1)
        n++;
    return n;
}

static void choose_contiguous(struct page *chosen, size_t per_buffer, unsigned int buffers)
{
    size_t at = 0, n;

    for (unsigned int b = 0; b < buffers; at += n) {
        if (at >= POOL_PAGES)
            refuse("physical memory is in too many pieces for contiguous buffers");
        n = run_from(at, per_buffer);
        if (n == per_buffer)
            memcpy(chosen + per_buffer * b++, pool + at, per_buffer * sizeof(*chosen));
    }
}

/* Every other page, so that no two are adjacent, shuffled: by the same numbers each time. */
static void choose_scattered(struct page *chosen, size_t pages)
{
    static struct page other[POOL_PAGES / 2];
    uint64_t seed = 1;

    for (size_t i = 0; i < POOL_PAGES / 2; i++)
        other[i] = pool[2 * i];
    for (size_t i = POOL_PAGES / 2 - 1; i > 0; i--) {
        struct page p = other[i];
        size_t j;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        j = (size_t)((seed >> 33) % (i + 1));
        other[i] = other[j];
        other[j] = p;
    }
    memcpy(chosen, other, pages * sizeof(*chosen));
}

char *map_buffers(const char *file, enum layout layout, size_t bytes, unsigned int buffers)
{
    size_t per_buffer = bytes / PAGE, pages = per_buffer * buffers;
    static struct page chosen[POOL_PAGES / 2];
    int fd = open_pool(file);
    char *at;

    if (bytes % PAGE || !pages || pages > POOL_PAGES / 2)
        refuse("buffers with a layout are whole pages, 32 MiB at most");
    if (layout == CONTIGUOUS)
        choose_contiguous(chosen, per_buffer, buffers);
    else
        choose_scattered(chosen, pages);
    at = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        fail("no room for buffers");
    for (size_t i = 0; i < pages; i++)
        if (mmap(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                 fd, chosen[i].offset) == MAP_FAILED)
            fail("cannot map buffers");
    for (size_t i = 0; i < pages; i++)
        *(volatile char *)(at + i * PAGE) = 0x5a;
    close(fd);
    return at;
}

void report_buffers(const char *at, enum layout layout, size_t bytes, unsigned int buffers)
{
    static uint64_t frames[POOL_PAGES / 2];
    size_t per_buffer = bytes / PAGE, wanted = layout == CONTIGUOUS ? 1 : per_buffer;
    uint32_t hash = 2166136261u;

    frames_of(at, per_buffer * buffers, frames);
    for (unsigned int b = 0; b < buffers; b++) {
        const uint64_t *f = frames + per_buffer * b;
        size_t runs = 1;

        for (size_t i = 1; i < per_buffer; i++)
            runs += f[i] != f[i - 1] + 1;
        if (runs != wanted)
            refuse("the pages of a buffer are not where they should be");
        for (size_t i = 0; i < per_buffer; i++)
            hash = (hash ^ (uint32_t)f[i]) * 16777619u;
    }
    printf("layout runs=%zu pages=%zu frames=%" PRIu32 "\n", wanted, per_buffer, hash);
    fflush(stdout);
}

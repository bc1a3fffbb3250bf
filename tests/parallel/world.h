/* SPDX-License-Identifier: MIT */
/*
 * One device, the locks of its queues, and an environment that any number of threads
 * call: a guest's RAM, what a backend sees of it, and what each queue has in flight.
 */
#ifndef PARALLEL_WORLD_H
#define PARALLEL_WORLD_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <virtio-shadow/svq.h>

#define QUEUES 6u
#define SIZE 16u
#define PAGES 256u /* of RAM */
#define BANK (1ULL << 30)
#define FIRST_GFN (BANK >> SVQ_PAGE_SHIFT)
#define APERTURE 0x200000ULL
#define BE_FEATURES (1ULL << SVQ_F_VERSION_1 | 1ULL << SVQ_F_RING_RESET)

/* Pages that all queues use, and after these some of each queue's own. */
#define SHARED 128u
#define NR_SHARED 5u
#define OWN(q) (SHARED + NR_SHARED + 8u * (q))
#define NR_OWN 8u

#define CHECK(cond, what)                                                                          \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\nbroken: %s\n", __FILE__, __LINE__, what, #cond);           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct world {
    struct svq_dev dev;
    pthread_mutex_t lock[QUEUES];
    uint8_t *window[64];

    /* Without a lock. */
    unsigned int interrupts, met; /* met: times that a queue alone was refused a page */
    uint64_t generation;
    bool may_fail;
};

extern struct world world;

/* Random numbers of a thread. */
static inline unsigned int rnd(uint64_t *state, unsigned int below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned int)(*state >> 33) % below;
}

void world_create(void);
/* The frontend goes: nothing is held. */
void world_release(void);

void lock_all(void);
void unlock_all(void);

uint8_t *ram(uint64_t addr);

/* The driver of queue q offers a buffer in a page, or has got it back. */
void page_offered(unsigned int q, unsigned int page, bool write);
void page_returned(unsigned int q, unsigned int page, bool write);
/* It has nothing in flight any more: neither has the backend, but for others. */
void queue_is_empty(unsigned int q);
/* There is nothing that the backend can get at. */
void check_nothing_visible(void);

#endif /* PARALLEL_WORLD_H */

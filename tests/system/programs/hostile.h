/* SPDX-License-Identifier: MIT */
/*
 * A backend of its own: attaches to a mediated device through /dev/virtio-shadow,
 * without the daemon, and serves it itself, so that everything about it can be
 * wrong. Its driver is hand-peer (peer.h).
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include <virtio-shadow/abi.h>
#include <virtio-shadow/ring.h>

#include "attack.h"
#include "peer.h"

#define HPAGE 4096u

struct region {
    uint64_t das, size, gfn;
    volatile uint8_t *va;
};

/* A chain as the shadow ring has it. */
struct request {
    unsigned int head, nr;
    struct svq_desc desc[8];
};

extern unsigned int h_frontend, h_device;
extern struct region h_window, h_bank[VSH_MAX_BANKS];
extern unsigned int h_banks;
extern const volatile struct vsh_info *h_info;
extern const volatile struct vsh_queue_info *h_queue; /* of the one that is served */
extern volatile struct vsh_mailbox *h_mailbox;
extern struct peer_report h_report; /* the driver's last one */

/* Opens and attaches; what is not there yet is waited for. Exits with status 2 if it stays away. */
void h_open(unsigned int frontend, unsigned int device);

/* A request by mailbox; what is not set in *m is 0. VSH_ERR_*, or 1 if Xen did not answer. */
int h_mailbox_request(struct vsh_mailbox *m);
/* What describes our device truthfully. */
struct vsh_mailbox h_description(void);
int h_attach(void);
int h_detach(void);

/* Acknowledges resets, of the device and of the queue, unless that is put off. */
extern bool h_hold_acks;
void h_pump(void);

bool h_running(void);
bool h_wait_state(uint32_t state);
/* Leaves VSH_STATE_RUNNING, or that incarnation of it. */
bool h_wait_failed(uint32_t generation);
void h_pause_ms(unsigned int ms);
uint64_t h_milliseconds(void);

/* The driver's next round begins: it gets this order. False if it does not come. */
bool h_exchange(const struct peer_order *order);
bool h_exchange_within(const struct peer_order *order, unsigned int ms);

/* The next request; only those that are on their way are waited for. */
bool h_next(struct request *r);
/* The bytes of a descriptor, in the window or an aperture; NULL if they are nowhere. */
volatile uint8_t *h_at(uint64_t das);
uint64_t h_gfn(uint64_t das);
/* Serves a PEER_READ as a good device would, up to the used element. */
bool h_serve(const struct request *r);
void h_put_used(unsigned int slot, uint32_t id, uint32_t len);
uint16_t h_used_idx(void);
void h_set_used_idx(uint16_t idx);
volatile uint8_t *h_used(void);
unsigned int h_size(void);
void h_tell(void);
void h_tell_control(void);
/* A used element for it, the idx, and the notification. */
void h_give_back(const struct request *r, uint32_t len);
/* The bytes of a request that the device may write. */
uint32_t h_writable(const struct request *r);
/* The driver goes on: it sees the mark in the data of its first request. */
bool h_mark(const struct request *r);

/* Accesses that may be refused. */
bool h_can_read(const volatile uint8_t *p, uint8_t *val);
bool h_can_copy(void *to, const volatile uint8_t *from, size_t len);
bool h_can_write(volatile uint8_t *p, uint8_t val);

/* A value that is this and that by turns while Xen reads it, and that in the end. */
bool h_flip(volatile uint32_t *val, uint32_t this, uint32_t that);
void h_flip_end(void);

/*
 * What the driver saw, as an attack's outcome: NULL, or what is not as it should
 * be. Guards, reused pages, headers and the other disk are always looked at.
 */
const char *h_seen_failed(void);
const char *h_seen_served(unsigned int n);
const char *h_seen_untouched(void);
/* Waits for the end of the round first. */
const char *h_must_fail(uint32_t generation);
const char *h_must_serve(unsigned int n);
const char *h_must_return(unsigned int n); /* whatever is in it */
/* Serves this one, as a good device would, and h_must_serve(1). */
const char *h_finish(const struct request *r);

/* One attack: what is done with a round, and how it is judged. */
struct hostile_attack {
    struct attack a;
    struct peer_order order;
    const char *(*run)(const struct hostile_attack *a, struct request *r);
    unsigned int arg;
};

/*
 * Orders: requests at once; one with pages of its own, which may be used again at once; one with
 * nothing to write but its status; none.
 */
#define H_READS(n)                                                                                 \
    {                                                                                              \
        .kind = PEER_DO_READ, .count = (n)                                                         \
    }
#define H_WHOLE                                                                                    \
    {                                                                                              \
        .kind = PEER_DO_READ, .count = 1, .flags = PEER_WHOLE_PAGES                                \
    }
#define H_LINGER                                                                                   \
    {                                                                                              \
        .kind = PEER_DO_READ, .count = 1, .flags = PEER_WHOLE_PAGES | PEER_LINGER                  \
    }
#define H_NO_DATA                                                                                  \
    {                                                                                              \
        .kind = PEER_DO_READ, .count = 1, .flags = PEER_NO_DATA                                    \
    }
#define H_WAIT(ms)                                                                                 \
    {                                                                                              \
        .kind = PEER_DO_WAIT, .count = (ms)                                                        \
    }

/* Attacks of the backend: those that do not fail the device, and those that do. */
#define H_HARMLESS(name, expected, order, run, arg)                                                \
    {                                                                                              \
        {"backend", name, expected, 0, 0}, order, run, arg                                         \
    }
#define H_FAILING(name, expected, failures, error, order, run, arg)                                \
    {                                                                                              \
        {"backend", name, expected, failures, error}, order, run, arg                              \
    }

/* Runs it, with as many requests at hand as the order makes, and reports. */
void h_attack(const struct hostile_attack *a);
void h_attacks(const struct hostile_attack *a, unsigned int nr);

/* The groups. */
void hostile_used(void);
void hostile_memory(void);
void hostile_exact(void); /* under policies that keep to the byte */
void hostile_hypercalls(void);
void hostile_mailbox(void);
void hostile_life(void);
void hostile_storm(void);

#define H_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif

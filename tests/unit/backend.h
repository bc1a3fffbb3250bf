/* SPDX-License-Identifier: MIT */
/*
 * The backend: it knows the window and nothing else.  Rings are found through
 * the info page; writes go where the backend's mapping is writable.
 */
#ifndef UNIT_BACKEND_H
#define UNIT_BACKEND_H

#include "env.h"

#define BE_FEATURES ((1ULL << SVQ_F_VERSION_1) | 0x00000246ULL)
#define BE_CONFIG_LEN 60u
#define BE_APERTURE0 0x200000ULL /* gfn */
#define BE_APERTURE1 0x300000ULL

/* What be_describe() says: BE_FEATURES, unless a test says else. */
extern uint64_t be_features;

const struct vsh_info *be_info(void);
const struct vsh_queue_info *be_queue_info(unsigned int q); /* where the info page says */
struct vsh_mailbox *be_mailbox(void);

/* Buffers, in the device address space. */
void be_read(uint64_t das, void *dst, size_t bytes);
void be_write(uint64_t das, const void *src, size_t bytes);

/* A mailbox that describes a device; nothing is sent. */
void be_describe(void);

/* Send the mailbox as it is, with this request, and run: the reply. */
int be_request(uint32_t request);
/* The same without svq_dev_run() after it. */
int be_request_only(uint32_t request);

int be_attach(void); /* be_describe(), VSH_REQ_ATTACH */
int be_ack(void);    /* VSH_REQ_RESET_ACK of the generation that the info page shows */

int be_queue_ack(unsigned int q); /* VSH_REQ_QUEUE_ACK, likewise */

/* The same without svq_dev_run() after it. */
int be_attach_only(void);
int be_ack_only(void);
int be_queue_ack_only(unsigned int q);

/* Queues; be_begin() when the device has (re)started. */
void be_begin(void);
void be_begin_queue(unsigned int q);
bool be_next(unsigned int q, unsigned int *head);
struct svq_desc be_desc(unsigned int q, unsigned int i);
void be_used_elem(unsigned int q, unsigned int at, uint32_t id, uint32_t len);
void be_used_idx(unsigned int q, uint16_t idx);
void be_used_flags(unsigned int q, uint16_t flags);
void be_avail_event(unsigned int q, uint16_t event);
uint16_t be_used_event(unsigned int q);
unsigned int be_size(unsigned int q);
/* The whole chain at a head, tables and all: its buffers' number. */
unsigned int be_chain(unsigned int q, unsigned int head, struct svq_desc chain[]);
void be_put(unsigned int q, uint32_t id, uint32_t len); /* element and idx, no kick */
void be_kick(unsigned int q);                           /* and run */
void be_kick_only(unsigned int q);
void be_return(unsigned int q, uint32_t id, uint32_t len); /* put and kick */

/* Take the next request, which must be there; the head. */
unsigned int be_take(unsigned int q);
/* ... which must have nr buffers. */
unsigned int be_take_chain(unsigned int q, struct svq_desc chain[], unsigned int nr);
/* Return the oldest request that is available, with this length. */
void be_serve(unsigned int q, uint32_t len);

/* A running device: env_create(), attach, drv_start(). */
void up(const struct env_opts *opts);
/* Driver reset and ack after a failure, then start again. */
void up_again(void);
/* One step of both sides towards VSH_STATE_READY, without running what follows from it. */
void up_step(void);
/* Any device can be made to work: by this step, over and over. */
void up_by(void (*step)(void));

#endif /* UNIT_BACKEND_H */

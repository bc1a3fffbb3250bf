// SPDX-License-Identifier: MIT
/*
 * Single queues that the driver resets, and may use again, while others go on.
 *
 * GET_VRING_BASE stops a queue, but says nothing about requests that are under way
 * (session.h). Xen makes no more available on a queue that is being reset, so the
 * device is given the time to return what it has; only then is the queue stopped.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device_internal.h"

/* Between two looks at the used rings of queues that are to stop. */
#define LOOK_MS 5

static int join(struct device *d, uint32_t index, const struct vsh_queue_info *info)
{
    struct session_queue *q = &d->queue[index];
    int err;

    /* New eventfds for every run: what an old run left in one means nothing. */
    *q = (struct session_queue){
        .size = info->size,
        .rings = {.desc = info->desc, .avail = info->avail, .used = info->used},
        .kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    d->queue_generation[index] = info->generation;
    if (q->kick < 0 || q->call < 0) {
        return -errno;
    }
    err = shadow_set_call(&d->shadow, index, q->call);
    return err ? err : shadow_set_kick(&d->shadow, index, q->kick);
}

static void unjoin(struct device *d, uint32_t index)
{
    struct session_queue *q = &d->queue[index];

    if (!q->size) {
        return;
    }
    shadow_set_kick(&d->shadow, index, -1);
    shadow_set_call(&d->shadow, index, -1);
    if (q->kick >= 0) {
        close(q->kick);
    }
    if (q->call >= 0) {
        close(q->call);
    }
    *q = (struct session_queue){.kick = -1, .call = -1};
}

int device_join(struct device *d, const struct shadow_info *info)
{
    int err = 0;

    d->nr_queues = 0;
    for (uint32_t i = 0; !err && i < info->nr_queues && i < SESSION_MAX_QUEUES; i++) {
        d->queue[i] = (struct session_queue){.kick = -1, .call = -1};
        d->queue_generation[i] = info->queue[i].generation;
        d->nr_queues = i + 1;
        if (info->queue[i].size) {
            err = join(d, i, &info->queue[i]);
        }
    }
    return err;
}

void device_unjoin(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->queue_timer);
    d->starting = 0;
    d->stopping = 0;
    d->halting = 0;
    for (uint32_t i = 0; i < d->nr_queues; i++) {
        unjoin(d, i);
    }
    d->nr_queues = 0;
}

void device_kick_queues(struct device *d, uint32_t queues)
{
    for (uint32_t i = 0; i < d->nr_queues; i++) {
        if (queues & 1u << i && d->queue[i].size) {
            eventfd_write(d->queue[i].kick, 1);
        }
    }
}

static int lost(struct device *d, uint32_t index, int err, const char *what)
{
    device_complain(d, "queue %u: %s", index, what);
    return err;
}

static int start(struct device *d, uint32_t index, const struct vsh_queue_info *info)
{
    int err = join(d, index, info);

    if (err) {
        return lost(d, index, err, strerror(-err));
    }
    d->starting |= 1u << index;
    session_start_queue(&d->session, index, &d->queue[index]);
    return 0;
}

static void has_started(struct device *d, uint32_t index)
{
    d->starting &= ~(1u << index);
    device_kick_queues(d, 1u << index);
    log_info("%s: queue %u running, generation %u", d->name, index, d->queue_generation[index]);
}

static void begin_stop(struct device *d, uint32_t index, uint32_t generation)
{
    d->queue_generation[index] = generation;
    d->stop_deadline[index] = loop_now() + d->env->options->drain_ms;
    d->stopping |= 1u << index;
}

/* Of one that is to stop: it is told to when it has returned its requests. */
static int look(struct device *d, uint32_t index)
{
    if (shadow_queue_idle(&d->shadow, &d->queue[index].rings)) {
        d->stopping &= ~(1u << index);
        d->halting |= 1u << index;
        session_stop_queue(&d->session, index);
    } else if (loop_now() > d->stop_deadline[index]) {
        return lost(d, index, -ETIMEDOUT, "the device does not finish its requests");
    }
    return 0;
}

static void has_stopped(struct device *d, uint32_t index)
{
    unjoin(d, index);
    d->halting &= ~(1u << index);
    log_info("%s: queue %u stopped, generation %u", d->name, index, d->queue_generation[index]);
    device_ack_queue(d, index, d->queue_generation[index]);
}

static int check_queue(struct device *d, uint32_t index, const struct vsh_queue_info *q)
{
    uint32_t bit = 1u << index;
    bool live = session_queue_live(&d->session, index);

    if (d->starting & bit && live) {
        has_started(d, index);
    }
    if (d->halting & bit && !live) {
        has_stopped(d, index);
    }
    if ((d->starting | d->halting) & bit) {
        return 0;
    }
    /* What Xen says now may be news since the queue was told to start: nothing else wakes us. */
    if (d->stopping & bit) {
        return look(d, index);
    }
    if (d->queue[index].size && q->generation != d->queue_generation[index]) {
        begin_stop(d, index, q->generation);
        return look(d, index);
    }
    if (!d->queue[index].size && q->size) {
        d->queue_generation[index] = q->generation;
        return start(d, index, q);
    }
    return 0;
}

int device_check_queues(struct device *d, const struct shadow_info *info)
{
    int err = 0;

    for (uint32_t i = 0; !err && i < d->nr_queues; i++) {
        err = check_queue(d, i, &info->queue[i]);
    }
    if (d->stopping) {
        loop_timer_set(d->env->loop, &d->queue_timer, LOOK_MS, d->check, d);
    }
    return err;
}

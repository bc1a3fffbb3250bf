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

int device_join(struct device *d, const struct vsh_info *info)
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
    d->stopping = 0;
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

/* The session is of no more use. */
static void lost(struct device *d, uint32_t index, const char *what)
{
    device_complain(d, "queue %u: %s", index, what);
    device_session_lost(d);
}

static bool stop(struct device *d, uint32_t index)
{
    if (session_stop_queue(&d->session, index)) {
        lost(d, index, session_error(&d->session));
        return false;
    }
    unjoin(d, index);
    d->stopping &= ~(1u << index);
    log_info("%s: queue %u stopped, generation %u", d->name, index, d->queue_generation[index]);
    device_ack_queue(d, index, d->queue_generation[index]);
    return true;
}

static void look(void *arg)
{
    struct device *d = arg;

    /* Otherwise all queues go. */
    if (d->phase != PHASE_RUNNING) {
        return;
    }
    for (uint32_t i = 0; i < d->nr_queues; i++) {
        if (!(d->stopping & 1u << i)) {
            continue;
        }
        if (shadow_queue_idle(&d->shadow, &d->queue[i].rings)) {
            if (!stop(d, i)) {
                return;
            }
        } else if (loop_now() > d->stop_deadline[i]) {
            lost(d, i, "the device does not finish its requests");
            return;
        }
    }
    if (d->stopping) {
        loop_timer_set(d->env->loop, &d->queue_timer, LOOK_MS, look, d);
    }
}

static void start(struct device *d, uint32_t index, const struct vsh_queue_info *info)
{
    int err = join(d, index, info);

    if (err) {
        lost(d, index, strerror(-err));
        return;
    }
    if (session_start_queue(&d->session, index, &d->queue[index])) {
        lost(d, index, session_error(&d->session));
        return;
    }
    device_kick_queues(d, 1u << index);
    log_info("%s: queue %u running, generation %u", d->name, index, info->generation);
}

void device_check_queues(struct device *d, const struct vsh_info *info)
{
    for (uint32_t i = 0; i < d->nr_queues && d->phase == PHASE_RUNNING; i++) {
        const struct vsh_queue_info *q = &info->queue[i];

        if (d->stopping & 1u << i) {
            continue;
        }
        if (d->queue[i].size && q->generation != d->queue_generation[i]) {
            d->queue_generation[i] = q->generation;
            d->stop_deadline[i] = loop_now() + d->env->options->drain_ms;
            d->stopping |= 1u << i;
        } else if (!d->queue[i].size && q->size) {
            start(d, i, q);
        }
    }
    if (d->phase == PHASE_RUNNING && d->stopping) {
        look(d);
    }
}

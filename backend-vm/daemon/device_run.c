// SPDX-License-Identifier: MIT
/* Handing the queues to the device process, and taking them back. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "device_internal.h"

/* For a process that did not stop in time, to die. */
#define KILL_MS 2000

void device_start(struct device *d, const struct vsh_info *info)
{
    struct vhost_user_region regions[SHADOW_MAX_REGIONS];
    int err;

    d->generation = info->generation;
    err = device_join(d, info);
    if (err) {
        device_complain(d, "cannot join the queues' event channels: %s", strerror(-err));
        device_session_lost(d);
        return;
    }
    for (unsigned int i = 0; i < d->shadow.nr_regions; i++) {
        const struct shadow_region *r = &d->shadow.region[i];

        regions[i] = (struct vhost_user_region){
            .guest_addr = r->das, .user_addr = r->das, .size = r->size, .fd = r->fd};
    }
    d->phase = PHASE_RUNNING;
    err = session_start(&d->session, info->driver_features, regions, d->shadow.nr_regions, d->queue,
                        d->nr_queues);
    if (err) {
        device_complain(d, "cannot start the device process: %s", session_error(&d->session));
        device_session_lost(d);
        return;
    }
    /* Requests may have come before the device process had the queues. */
    device_kick_queues(d, ~0u);
    d->complaint[0] = '\0';
    log_info("%s: running, generation %u, features %#llx", d->name, d->generation,
             (unsigned long long)info->driver_features);
}

static void drain_killed_too_late(void *arg)
{
    struct device *d = arg;

    log_error("%s: process %d cannot be killed: its I/O does not end", d->name, (int)d->process);
    device_drained(d);
}

static void drain_timeout(void *arg)
{
    struct device *d = arg;

    if (d->process && !d->killed) {
        log_warn("%s: the device does not finish its requests in %d ms: killing process %d",
                 d->name, d->env->options->drain_ms, (int)d->process);
        device_kill(d, SIGKILL);
        loop_timer_set(d->env->loop, &d->timer, KILL_MS, drain_killed_too_late, d);
        return;
    }
    log_warn("%s: the device does not finish its requests in %d ms: closing the connection",
             d->name, d->env->options->drain_ms);
    device_drained(d);
}

void device_stop(struct device *d)
{
    int err = session_stop(&d->session);

    loop_timer_cancel(d->env->loop, &d->queue_timer);
    log_info("%s: stopping the device, generation %u", d->name, d->generation);
    d->phase = PHASE_DRAIN;
    loop_timer_set(d->env->loop, &d->timer, err ? 0 : d->env->options->drain_ms, drain_timeout, d);
    if (err) {
        log_warn("%s: the device does not stop: %s", d->name, session_error(&d->session));
    }
}

static void replace_too_late(void *arg)
{
    struct device *d = arg;

    device_complain(d, "process %d cannot be killed: its I/O does not end", (int)d->process);
    if (d->closing) {
        device_drained(d);
    } else {
        loop_timer_set(d->env->loop, &d->timer, KILL_MS, replace_too_late, d);
    }
}

/*
 * Wait for the process to end, however long that takes: until then its I/O may
 * reach the pages of requests, which the next one is to have.
 */
void device_replace(struct device *d)
{
    d->phase = PHASE_DRAIN;
    d->lost = true;
    if (!d->killed) {
        device_kill(d, SIGKILL);
    }
    loop_timer_set(d->env->loop, &d->timer, KILL_MS, replace_too_late, d);
}

/* The device process has nothing to do with the queues any more. */
void device_drained(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->timer);
    device_disconnect(d);
    if (d->lost) {
        device_lost(d);
        return;
    }
    device_unjoin(d);
    d->phase = PHASE_CONNECT;
    device_check(d);
    if (d->phase == PHASE_CONNECT) {
        device_connect(d);
    }
}

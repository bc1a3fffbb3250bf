// SPDX-License-Identifier: MIT
/* Handing the queues to the device process, and taking them back. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "device_internal.h"

/* For a process that did not stop in time, to die. */
#define KILL_MS 2000

/* Nobody is at work any more. Xen is told, so that what is in flight goes to the next. */
static enum phase lost_now(struct device *d)
{
    d->exited = false;
    device_unjoin(d);
    if (d->described) {
        device_detach(d);
    }
    device_retry(d);
    return PHASE_CONNECT;
}

enum phase device_lost(struct device *d)
{
    device_disconnect(d);
    loop_timer_cancel(d->env->loop, &d->queue_timer);
    if (!d->process) {
        return lost_now(d);
    }
    if (!d->killed) {
        device_kill(d, SIGKILL);
    }
    device_wait(d, KILL_MS);
    return PHASE_REPLACE;
}

/*
 * Wait for the process to end, however long that takes: until then its I/O may
 * reach the pages of requests, which the next one will have.
 */
enum phase device_replacing(struct device *d)
{
    if (!d->process) {
        return lost_now(d);
    }
    if (!device_due(d)) {
        return PHASE_REPLACE;
    }
    device_complain(d, "process %d cannot be killed: its I/O does not end", (int)d->process);
    if (d->closing) {
        return lost_now(d);
    }
    device_wait(d, KILL_MS);
    return PHASE_REPLACE;
}

enum phase device_start(struct device *d, const struct shadow_info *info)
{
    struct vhost_user_region regions[SHADOW_MAX_REGIONS];
    int err;

    d->generation = info->generation;
    d->driver_features = info->driver_features;
    d->started = false;
    err = device_join(d, info);
    if (err) {
        device_complain(d, "cannot join the queues' event channels: %s", strerror(-err));
        return device_lost(d);
    }
    for (unsigned int i = 0; i < d->shadow.nr_regions; i++) {
        const struct shadow_region *r = &d->shadow.region[i];

        regions[i] = (struct vhost_user_region){
            .guest_addr = r->das, .user_addr = r->das, .size = r->size, .fd = r->fd};
    }
    session_start(&d->session, d->driver_features, regions, d->shadow.nr_regions, d->queue,
                  d->nr_queues);
    return PHASE_RUNNING;
}

static void has_started(struct device *d)
{
    d->started = true;
    /* Requests may have come before the device process had the queues. */
    device_kick_queues(d, ~0u);
    d->complaint[0] = '\0';
    log_info("%s: running, generation %u, features %#llx", d->name, d->generation,
             (unsigned long long)d->driver_features);
    device_announce(d, STORE_CONNECTED, NULL);
}

static enum phase stop(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->queue_timer);
    log_info("%s: stopping the device, generation %u", d->name, d->generation);
    device_wait(d, d->env->options->drain_ms);
    session_stop(&d->session);
    return PHASE_DRAIN;
}

/* The state of the run that this side knows has nothing to do with Xen's any more. */
static bool run_is_over(const struct device *d, const struct shadow_info *info)
{
    return info->state != VSH_STATE_RUNNING || info->generation != d->generation;
}

enum phase device_running(struct device *d, const struct shadow_info *info)
{
    const char *exited;

    if (d->closing || run_is_over(d, info)) {
        return stop(d);
    }
    exited = device_exited(d);
    if (exited || d->session.state == SESSION_FAILED) {
        device_complain(d, "%s%s", d->started || exited ? "" : "cannot start the device process: ",
                        exited ? exited : session_error(&d->session));
        return device_lost(d);
    }
    if (d->session.state != SESSION_RUNNING) {
        return PHASE_RUNNING;
    }
    if (!d->started) {
        has_started(d);
    }
    device_tell_config(d);
    return device_check_queues(d, info) ? device_lost(d) : PHASE_RUNNING;
}

/* The device process has nothing to do with the queues any more. */
static enum phase drained(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->timer);
    device_disconnect(d);
    device_unjoin(d);
    return PHASE_CONNECT;
}

static void kill_it(struct device *d, const char *why)
{
    log_warn("%s: %s: killing process %d", d->name, why, (int)d->process);
    device_kill(d, SIGKILL);
    device_wait(d, KILL_MS);
}

/* It has a process of its own, or whoever serves the socket is not heard of any more. */
static enum phase drain_failed(struct device *d, const char *why)
{
    if (d->process) {
        kill_it(d, why);
        return PHASE_DRAIN;
    }
    log_warn("%s: %s: closing the connection", d->name, why);
    return drained(d);
}

enum phase device_draining(struct device *d)
{
    const char *exited = device_exited(d);

    if (exited) {
        if (!d->by_us) {
            log_warn("%s: %s", d->name, exited);
        }
        return drained(d);
    }
    if (d->process && d->killed) {
        if (!device_due(d)) {
            return PHASE_DRAIN;
        }
        log_error("%s: process %d cannot be killed: its I/O does not end", d->name,
                  (int)d->process);
        return drained(d);
    }
    switch (d->session.state) {
    case SESSION_ENDED:
        return drained(d);
    case SESSION_FAILED:
        return drain_failed(d, session_error(&d->session));
    default:
        return device_due(d) ? drain_failed(d, "the device does not finish its requests in time")
                             : PHASE_DRAIN;
    }
}

// SPDX-License-Identifier: MIT
/* The life of a device, and what follows from the state that Xen reports. */
#include "device.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_internal.h"

#define FIRST_RETRY_MS 100
#define LAST_RETRY_MS 5000
/* libxl gives up after a minute; a reason is better than its timeout. */
#ifndef GIVE_UP_MS
#define GIVE_UP_MS 50000
#endif
/* For a process to end after SIGTERM. */
#define TERM_MS 2000

static void attach(void *arg);

const struct store_device *device_node(const struct device *d)
{
    return &d->node;
}

/* Once: retries mostly fail as the first try did. */
void device_complain(struct device *d, const char *fmt, ...)
{
    char text[sizeof(d->complaint)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (strcmp(text, d->complaint)) {
        memcpy(d->complaint, text, sizeof(text));
        log_error("%s: %s", d->name, text);
    }
}

static void announce(struct device *d, enum store_state state, const char *error)
{
    int err;

    if (d->closing && d->why != DEVICE_CLOSE_TOOLSTACK) {
        return;
    }
    err = store_set_state(d->env->store, &d->node, state, error);
    if (err) {
        log_error("%s: cannot set its state to %d in xenstore: %s", d->name, state, strerror(-err));
    }
}

static void finish(void *arg)
{
    struct device *d = arg;

    d->env->finished(d->env->arg, d);
}

/* Everything is released but the process, which was asked to end, or there is none. */
static void done(struct device *d)
{
    d->phase = PHASE_DONE;
    announce(d, STORE_CLOSED, d->error[0] ? d->error : NULL);
    log_info("%s: closed", d->name);
    /* From the loop: whoever called may still need the device. */
    loop_timer_set(d->env->loop, &d->timer, 0, finish, d);
}

static void end_too_late(void *arg)
{
    struct device *d = arg;

    log_error("%s: process %d cannot be killed: its I/O does not end", d->name, (int)d->process);
    done(d);
}

static void end_timeout(void *arg)
{
    struct device *d = arg;

    log_warn("%s: process %d does not end: killing it", d->name, (int)d->process);
    device_kill(d, SIGKILL);
    loop_timer_set(d->env->loop, &d->timer, TERM_MS, end_too_late, d);
}

static void release(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->timer);
    device_disconnect(d);
    if (shadow_fd(&d->shadow) >= 0) {
        device_unjoin(d);
        if (d->described) {
            device_detach(d);
        }
        loop_unwatch(d->env->loop, &d->control);
        shadow_detach(&d->shadow);
    }
    d->phase = PHASE_END;
    if (d->process) {
        device_kill(d, SIGTERM);
        loop_timer_set(d->env->loop, &d->timer, TERM_MS, end_timeout, d);
    } else {
        done(d);
    }
}

void device_close(struct device *d, enum device_close_reason reason)
{
    if (!d->closing) {
        log_info("%s: closing", d->name);
        d->closing = true;
        d->why = reason;
    } else if (reason == DEVICE_CLOSE_NODE_GONE) {
        d->why = reason;
    }
    device_check(d);
}

/* Does not work, and the toolstack is waiting. */
void device_give_up(struct device *d)
{
    memcpy(d->error, d->complaint, sizeof(d->error));
    device_close(d, DEVICE_CLOSE_TOOLSTACK);
}

void device_retry(struct device *d, void (*again)(void *))
{
    if (d->closing) {
        device_check(d);
        return;
    }
    if (!d->announced && loop_now() > d->give_up) {
        device_give_up(d);
        return;
    }
    loop_timer_set(d->env->loop, &d->timer, d->retry_ms, again, d);
    d->retry_ms = d->retry_ms * 2 < LAST_RETRY_MS ? d->retry_ms * 2 : LAST_RETRY_MS;
}

/* With a session: Xen has to know what it leads to. */
static void describe(struct device *d, const struct vsh_info *info)
{
    int err;

    if (d->described || (info->state != VSH_STATE_IDLE && info->state != VSH_STATE_WAITING)) {
        return;
    }
    err = device_describe(d);
    if (err == -EINVAL) {
        if (d->announced) {
            device_session_lost(d);
        } else {
            device_give_up(d);
        }
        return;
    }
    if (err) {
        return;
    }
    d->retry_ms = FIRST_RETRY_MS;
    if (!d->announced) {
        announce(d, STORE_INIT_WAIT, NULL);
        d->announced = true;
        log_info("%s: ready", d->name);
    }
}

/* The state of the run that this side knows has nothing to do with Xen's any more. */
static bool run_is_over(const struct device *d, const struct vsh_info *info)
{
    return info->state != VSH_STATE_RUNNING || info->generation != d->generation;
}

static void check_linked(struct device *d, const struct vsh_info *info)
{
    switch (info->state) {
    case VSH_STATE_IDLE:
    case VSH_STATE_WAITING:
        /* Or it is described, and about to go on where another left off. */
        if (info->state == VSH_STATE_WAITING && d->described) {
            break;
        }
        d->described = false;
        describe(d, info);
        break;
    case VSH_STATE_READY:
        device_tell_config(d);
        break;
    case VSH_STATE_RUNNING:
        device_tell_config(d);
        device_start(d, info);
        if (d->phase == PHASE_RUNNING) {
            announce(d, STORE_CONNECTED, NULL);
        }
        break;
    default:
        break;
    }
}

/* No device process is at work: a driver that has reset the device need not wait any more. */
static void ack_reset(struct device *d, const struct vsh_info *info)
{
    if (info->state != VSH_STATE_RESETTING && info->state != VSH_STATE_FAILED) {
        return;
    }
    if (d->described && !(d->acked && d->acked_generation == info->generation)) {
        device_ack_reset(d, info->generation);
    }
}

/* What Xen says, what is there, and what is to be done about it. */
void device_check(struct device *d)
{
    struct vsh_info info = {.state = VSH_STATE_GONE};
    int err = 0;

    if (d->phase == PHASE_DONE) {
        return;
    }
    if (d->phase == PHASE_END) {
        if (!d->process) {
            loop_timer_cancel(d->env->loop, &d->timer);
            done(d);
        }
        return;
    }
    if (shadow_fd(&d->shadow) >= 0) {
        err = shadow_info(&d->shadow, &info);
        if (err) {
            device_complain(d, "the window is unreadable: %s", strerror(-err));
            info.state = VSH_STATE_GONE;
        }
        if (info.state == VSH_STATE_GONE && !d->closing) {
            log_info("%s: the guest is gone", d->name);
            d->closing = true;
        }
    }

    switch (d->phase) {
    case PHASE_RUNNING:
        if (d->closing || run_is_over(d, &info)) {
            device_stop(d);
        } else {
            device_check_queues(d, &info);
        }
        return;
    case PHASE_DRAIN:
        return;
    default:
        break;
    }
    if (d->closing) {
        release(d);
        return;
    }
    if (shadow_fd(&d->shadow) >= 0) {
        ack_reset(d, &info);
    }
    if (d->phase == PHASE_LINKED && !shadow_info(&d->shadow, &info)) {
        check_linked(d, &info);
    }
}

static void control_ready(void *arg)
{
    struct device *d = arg;

    shadow_clear(&d->shadow);
    device_check(d);
}

/* Left by a daemon that could not say good-bye; the module mostly says it instead. */
static void detach_old(struct device *d)
{
    struct vsh_info info;

    if (!shadow_info(&d->shadow, &info) && info.state != VSH_STATE_IDLE &&
        info.state != VSH_STATE_WAITING && info.state != VSH_STATE_GONE) {
        device_detach(d);
    }
}

static void attach(void *arg)
{
    struct device *d = arg;
    int err;

    if (d->node.error[0]) {
        device_complain(d, "%s", d->node.error);
        device_give_up(d);
        return;
    }
    err = shadow_attach(&d->shadow, d->env->options->module, d->node.frontend, d->node.shadow_id);
    if (!err) {
        err = loop_watch(d->env->loop, &d->control, shadow_fd(&d->shadow), control_ready, d);
        if (err) {
            shadow_detach(&d->shadow);
        }
    }
    if (err) {
        device_complain(d, "cannot attach to device %u of domain %u: %s", d->node.shadow_id,
                        d->node.frontend, shadow_attach_error(err));
        device_retry(d, attach);
        return;
    }
    detach_old(d);
    d->retry_ms = FIRST_RETRY_MS;
    device_connect(d);
}

struct device *device_create(const struct device_env *env, const struct store_device *node)
{
    struct device *d = calloc(1, sizeof(*d));

    if (!d) {
        return NULL;
    }
    d->env = env;
    d->node = *node;
    snprintf(d->name, sizeof(d->name), "%s %u/%u", node->kind, node->frontend, node->devid);
    d->retry_ms = FIRST_RETRY_MS;
    d->give_up = loop_now() + GIVE_UP_MS;
    /* By another daemon, before this one: who uses it now does not wait to be told so. */
    d->announced = node->served;
    shadow_init(&d->shadow);
    session_init(&d->session, env->options->limit_ms);
    /* From the loop: what comes of it may be that it is finished. */
    loop_timer_set(env->loop, &d->timer, 0, attach, d);
    return d;
}

void device_free(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->timer);
    free(d);
}

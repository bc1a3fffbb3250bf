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

/* libxl gives up after a minute; a reason is better than its timeout. */
#ifndef GIVE_UP_MS
#define GIVE_UP_MS 50000
#endif
/* For a process to end after SIGTERM. */
#define TERM_MS 2000

const struct store_device *device_node(const struct device *d)
{
    return &d->node;
}

static void finish(void *arg)
{
    struct device *d = arg;

    d->env->finished(d->env->arg, d);
}

/* Everything is released but the process, which was asked to end, or there is none. */
static enum phase done(struct device *d)
{
    device_announce(d, STORE_CLOSED, d->error[0] ? d->error : NULL);
    log_info("%s: closed", d->name);
    loop_timer_cancel(d->env->loop, &d->wake);
    /* From the loop: whoever called may still need the device. */
    loop_timer_set(d->env->loop, &d->timer, 0, finish, d);
    return PHASE_DONE;
}

static enum phase release(struct device *d)
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
    device_kill(d, SIGTERM);
    device_wait(d, TERM_MS);
    return PHASE_END;
}

static enum phase ending(struct device *d)
{
    if (!d->process) {
        return done(d);
    }
    if (!device_due(d)) {
        return PHASE_END;
    }
    if (d->insisted) {
        log_error("%s: process %d cannot be killed: its I/O does not end", d->name,
                  (int)d->process);
        return done(d);
    }
    log_warn("%s: process %d does not end: killing it", d->name, (int)d->process);
    d->insisted = true;
    device_kill(d, SIGKILL);
    device_wait(d, TERM_MS);
    return PHASE_END;
}

static void control_ready(void *arg)
{
    struct device *d = arg;

    shadow_clear(&d->shadow);
    device_wake(d);
}

/* Left by a daemon that could not say good-bye; the module mostly says it instead. */
static void detach_old(struct device *d)
{
    struct shadow_info info;

    if (!shadow_info(&d->shadow, &info) && info.state != VSH_STATE_IDLE &&
        info.state != VSH_STATE_WAITING && info.state != VSH_STATE_GONE) {
        device_detach(d);
    }
}

static enum phase attach(struct device *d)
{
    int err;

    if (d->closing) {
        return release(d);
    }
    if (!device_due(d)) {
        return PHASE_ATTACH;
    }
    if (d->node.error[0]) {
        device_complain(d, "%s", d->node.error);
        device_give_up(d);
        return PHASE_ATTACH;
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
        device_retry(d);
        return PHASE_ATTACH;
    }
    detach_old(d);
    device_worked(d);
    return PHASE_CONNECT;
}

/* No device process is at work: a driver that has reset the device need not wait any more. */
static void ack_reset(struct device *d, const struct shadow_info *info)
{
    if (info->state != VSH_STATE_RESETTING && info->state != VSH_STATE_FAILED) {
        return;
    }
    if (d->described && !(d->acked && d->acked_generation == info->generation)) {
        device_ack_reset(d, info->generation);
    }
}

static enum phase connect_failed(struct device *d, const char *why)
{
    device_complain(d, "%s", why);
    device_disconnect(d);
    if (d->process && d->announced) {
        /* It did work once, or another did. */
        return device_lost(d);
    }
    device_retry(d);
    return PHASE_CONNECT;
}

static enum phase connecting(struct device *d, const struct shadow_info *info)
{
    const char *exited;

    if (d->closing) {
        return release(d);
    }
    ack_reset(d, info);
    exited = device_exited(d);
    if (exited && !d->announced) {
        device_disconnect(d);
        device_complain(d, "%s", exited);
        device_give_up(d);
        return PHASE_CONNECT;
    }
    if (exited) {
        return connect_failed(d, exited);
    }
    switch (d->session.state) {
    case SESSION_CLOSED:
        if (device_due(d)) {
            device_connect(d);
        }
        return PHASE_CONNECT;
    case SESSION_OPEN:
        loop_timer_cancel(d->env->loop, &d->timer);
        log_info("%s: connected to %s, %u queue(s), features %#llx", d->name, d->socket,
                 d->session.nr_queues, (unsigned long long)d->session.features);
        return PHASE_LINKED;
    case SESSION_FAILED:
        return connect_failed(d, session_error(&d->session));
    default:
        return PHASE_CONNECT;
    }
}

/* With a session: Xen has to know what it leads to. */
static enum phase describe(struct device *d)
{
    int err = device_describe(d);

    if (err == -EINVAL && d->announced) {
        return device_lost(d);
    }
    if (err == -EINVAL) {
        device_give_up(d);
    }
    if (err) {
        return PHASE_LINKED;
    }
    device_worked(d);
    if (!d->announced) {
        device_announce(d, STORE_INIT_WAIT, NULL);
        d->announced = true;
        log_info("%s: ready", d->name);
    }
    return PHASE_LINKED;
}

static enum phase linked(struct device *d, const struct shadow_info *before)
{
    struct shadow_info info;
    const char *exited;

    if (d->closing) {
        return release(d);
    }
    ack_reset(d, before);
    exited = device_exited(d);
    if (exited || d->session.state == SESSION_FAILED) {
        device_complain(d, "%s", exited ? exited : session_error(&d->session));
        return device_lost(d);
    }
    if (shadow_info(&d->shadow, &info)) {
        return PHASE_LINKED;
    }
    switch (info.state) {
    case VSH_STATE_WAITING:
        /* It is described, and about to go on where another left off. */
        if (d->described) {
            return PHASE_LINKED;
        }
        return describe(d);
    case VSH_STATE_IDLE:
        d->described = false;
        return describe(d);
    case VSH_STATE_READY:
        device_tell_config(d);
        return PHASE_LINKED;
    case VSH_STATE_RUNNING:
        device_tell_config(d);
        return device_start(d, &info);
    default:
        return PHASE_LINKED;
    }
}

/* What Xen says. */
static void look(struct device *d, struct shadow_info *info)
{
    int err;

    *info = (struct shadow_info){.state = VSH_STATE_GONE};
    if (shadow_fd(&d->shadow) < 0) {
        return;
    }
    err = shadow_info(&d->shadow, info);
    if (err) {
        device_complain(d, "the window is unreadable: %s", strerror(-err));
        info->state = VSH_STATE_GONE;
    }
    if (info->state == VSH_STATE_GONE && !d->closing) {
        log_info("%s: the guest is gone", d->name);
        d->closing = true;
    }
}

static enum phase step(struct device *d, const struct shadow_info *info)
{
    switch (d->phase) {
    case PHASE_ATTACH:
        return attach(d);
    case PHASE_CONNECT:
        return connecting(d, info);
    case PHASE_LINKED:
        return linked(d, info);
    case PHASE_RUNNING:
        return device_running(d, info);
    case PHASE_DRAIN:
        return device_draining(d);
    case PHASE_REPLACE:
        return device_replacing(d);
    case PHASE_END:
        return ending(d);
    case PHASE_DONE:
        break;
    }
    return PHASE_DONE;
}

/* All facts, and what must be done about them: from the loop, and nowhere else. */
static void device_check(void *arg)
{
    struct device *d = arg;
    enum phase before;

    if (d->session.backend_error && d->session.backend_error != -EPIPE) {
        log_warn("%s: the device's own requests make no sense: hearing no more of them", d->name);
    }
    d->session.backend_error = 0;
    do {
        struct shadow_info info;

        look(d, &info);
        before = d->phase;
        d->phase = step(d, &info);
    } while (d->phase != before);
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
    d->check = device_check;
    d->give_up = loop_now() + GIVE_UP_MS;
    /* By another daemon, before this one: who uses it now does not wait to be told so. */
    d->announced = node->served;
    device_worked(d);
    shadow_init(&d->shadow);
    session_init(&d->session, env->loop, env->options->limit_ms, NULL, NULL);
    device_wake(d);
    return d;
}

void device_free(struct device *d)
{
    loop_timer_cancel(d->env->loop, &d->timer);
    loop_timer_cancel(d->env->loop, &d->wake);
    free(d);
}

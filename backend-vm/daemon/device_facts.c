// SPDX-License-Identifier: MIT
/* What is noted of a device: for the next look at it, for the log, and for the toolstack. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device_internal.h"

#define FIRST_RETRY_MS 100
#define LAST_RETRY_MS 5000

void device_wake(struct device *d)
{
    if (!d->wake.active && d->phase != PHASE_DONE) {
        loop_timer_set(d->env->loop, &d->wake, 0, d->check, d);
    }
}

void device_wait(struct device *d, int ms)
{
    loop_timer_set(d->env->loop, &d->timer, ms, d->check, d);
}

bool device_due(const struct device *d)
{
    return !d->timer.active;
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

void device_announce(struct device *d, enum store_state state, const char *error)
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

/* Does not work, and the toolstack is waiting. */
void device_give_up(struct device *d)
{
    memcpy(d->error, d->complaint, sizeof(d->error));
    device_close(d, DEVICE_CLOSE_TOOLSTACK);
}

void device_retry(struct device *d)
{
    if (!d->closing && !d->announced && loop_now() > d->give_up) {
        device_give_up(d);
        return;
    }
    device_wait(d, d->retry_ms);
    d->retry_ms = d->retry_ms * 2 < LAST_RETRY_MS ? d->retry_ms * 2 : LAST_RETRY_MS;
}

void device_worked(struct device *d)
{
    d->retry_ms = FIRST_RETRY_MS;
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
    device_wake(d);
}

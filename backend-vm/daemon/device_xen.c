// SPDX-License-Identifier: MIT
/* The requests that a device makes of Xen. */
#include <errno.h>
#include <string.h>

#include "device_internal.h"

/* "XVSH": nothing depends on it */
#define VENDOR_ID 0x48535658u

static int request(struct device *d, const struct vsh_mailbox *m, const char *what)
{
    int32_t reply;
    int err = shadow_request(&d->shadow, m, &reply);

    if (err) {
        if (err != -ENODEV) {
            device_complain(d, "Xen does not answer to %s: %s", what, strerror(-err));
        }
        return err;
    }
    if (reply == VSH_ERR_STATE) {
        log_debug("%s: %s is not possible now", d->name, what);
        return -EAGAIN;
    }
    if (reply) {
        device_complain(d, "Xen refuses %s: %s", what, shadow_reply_name(reply));
        return -EINVAL;
    }
    return 0;
}

static void remember_config(struct device *d)
{
    d->config_len = d->session.config_len;
    memcpy(d->config, d->session.config, sizeof(d->config));
}

/* -EAGAIN: later, when the state has changed. */
int device_describe(struct device *d)
{
    struct vsh_mailbox m = {
        .request = VSH_REQ_ATTACH,
        .device_id = d->node.device_type,
        .vendor_id = VENDOR_ID,
        .device_features = d->session.features,
        .nr_queues = d->session.nr_queues,
        .queue_size = d->node.queue_size,
        .config_len = d->session.config_len,
    };
    int err;

    memcpy(m.config, d->session.config, sizeof(m.config));
    err = request(d, &m, "the device's description");
    if (!err) {
        d->described = true;
        remember_config(d);
    }
    return err;
}

/* Nothing, if Xen knows it already: the driver is interrupted for it. */
void device_tell_config(struct device *d)
{
    struct vsh_mailbox m = {
        .request = VSH_REQ_CONFIG,
        .config_len = d->session.config_len,
    };

    if (!d->described || (d->config_len == d->session.config_len &&
                          !memcmp(d->config, d->session.config, sizeof(d->config)))) {
        return;
    }
    memcpy(m.config, d->session.config, sizeof(m.config));
    if (!request(d, &m, "the new config space")) {
        log_info("%s: the config space has changed", d->name);
        remember_config(d);
    }
}

void device_ack_reset(struct device *d, uint32_t generation)
{
    struct vsh_mailbox m = {.request = VSH_REQ_RESET_ACK, .generation = generation};

    request(d, &m, "the end of a run");
    /* Whatever the answer, saying it again would not change it. */
    d->acked = true;
    d->acked_generation = generation;
}

void device_ack_queue(struct device *d, uint32_t queue, uint32_t generation)
{
    struct vsh_mailbox m = {
        .request = VSH_REQ_QUEUE_ACK,
        .queue = queue,
        .generation = generation,
    };

    request(d, &m, "the end of a queue");
}

void device_detach(struct device *d)
{
    struct vsh_mailbox m = {.request = VSH_REQ_DETACH};

    request(d, &m, "the end of the device");
    d->described = false;
}

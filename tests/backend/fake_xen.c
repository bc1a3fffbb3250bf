// SPDX-License-Identifier: MIT
#include "fake_xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shadow.h"
#include "test.h"

#define QUEUE_SIZE 64

struct fake_xen fake_xen[FAKE_XEN_DEVICES];

void fake_xen_create(void)
{
    memset(fake_xen, 0, sizeof(fake_xen));
    for (int i = 0; i < FAKE_XEN_DEVICES; i++) {
        struct fake_xen *x = &fake_xen[i];

        guest_create(&x->guest, FAKE_XEN_QUEUES, QUEUE_SIZE);
        x->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_true(x->event >= 0);
        for (int q = 0; q < FAKE_XEN_QUEUES; q++) {
            x->kick[q] = -1;
            x->call[q] = -1;
        }
    }
}

void fake_xen_destroy(void)
{
    for (int i = 0; i < FAKE_XEN_DEVICES; i++) {
        struct fake_xen *x = &fake_xen[i];

        for (int q = 0; q < FAKE_XEN_QUEUES; q++) {
            assert_int_equal(x->kick[q], -1);
            assert_int_equal(x->call[q], -1);
        }
        guest_destroy(&x->guest);
        close(x->event);
    }
}

static struct vsh_info *begin(struct fake_xen *x)
{
    struct vsh_info *info = guest_info(&x->guest);

    info->seq++;
    return info;
}

static void end(struct fake_xen *x)
{
    guest_info(&x->guest)->seq++;
    eventfd_write(x->event, 1);
}

uint32_t fake_xen_state(struct fake_xen *x)
{
    return guest_info(&x->guest)->state;
}

static void set_state(struct fake_xen *x, uint32_t state)
{
    struct vsh_info *info = begin(x);

    info->state = state;
    for (int q = 0; q < FAKE_XEN_QUEUES; q++) {
        guest_queue_info(&x->guest, q)->size = state == VSH_STATE_RUNNING ? QUEUE_SIZE : 0;
    }
    end(x);
}

static void settle(struct fake_xen *x)
{
    if (x->described && x->driver_waits) {
        struct vsh_info *info = guest_info(&x->guest);

        x->driver_waits = false;
        guest_reset_rings(&x->guest);
        info->driver_features = x->description.device_features;
        set_state(x, VSH_STATE_RUNNING);
    } else {
        set_state(x, x->described ? VSH_STATE_READY : VSH_STATE_IDLE);
    }
}

void fake_xen_driver_ok(struct fake_xen *x)
{
    x->driver_waits = true;
    if (fake_xen_state(x) == VSH_STATE_READY) {
        settle(x);
    }
}

static void leave_running(struct fake_xen *x)
{
    if (fake_xen_state(x) == VSH_STATE_RUNNING) {
        x->ack_needed = x->described;
        guest_info(&x->guest)->generation++;
    }
}

void fake_xen_driver_reset(struct fake_xen *x)
{
    leave_running(x);
    x->driver_waits = false;
    if (x->ack_needed) {
        set_state(x, VSH_STATE_RESETTING);
    } else {
        settle(x);
    }
}

void fake_xen_fail(struct fake_xen *x)
{
    leave_running(x);
    set_state(x, VSH_STATE_FAILED);
}

void fake_xen_gone(struct fake_xen *x)
{
    x->described = false;
    set_state(x, VSH_STATE_GONE);
}

void fake_xen_kick(struct fake_xen *x, unsigned int queue)
{
    if (x->kick[queue] >= 0) {
        eventfd_write(x->kick[queue], 1);
    } else {
        x->pending[queue] = true;
    }
}

void fake_xen_queue_reset(struct fake_xen *x, unsigned int queue)
{
    struct vsh_queue_info *q = guest_queue_info(&x->guest, queue);

    begin(x);
    q->size = 0;
    q->generation++;
    x->resetting[queue] = true;
    end(x);
}

void fake_xen_queue_enable(struct fake_xen *x, unsigned int queue)
{
    assert_false(x->resetting[queue]);
    guest_reset_queue(&x->guest, queue);
    begin(x);
    guest_queue_info(&x->guest, queue)->size = QUEUE_SIZE;
    end(x);
}

/* The mailbox. */

static int32_t handle_attach(struct fake_xen *x, const struct vsh_mailbox *m)
{
    if (fake_xen_state(x) != VSH_STATE_IDLE && fake_xen_state(x) != VSH_STATE_WAITING) {
        return VSH_ERR_STATE;
    }
    if (x->refusal) {
        return x->refusal;
    }
    x->attaches++;
    x->described = true;
    x->description = *m;
    return 0;
}

static int32_t handle_ack(struct fake_xen *x, const struct vsh_mailbox *m)
{
    if (!x->ack_needed || m->generation != guest_info(&x->guest)->generation) {
        return VSH_ERR_STATE;
    }
    x->acks++;
    x->ack_needed = false;
    return 0;
}

static int32_t handle_queue_ack(struct fake_xen *x, const struct vsh_mailbox *m)
{
    if (m->queue >= FAKE_XEN_QUEUES) {
        return VSH_ERR_QUEUES;
    }
    if (fake_xen_state(x) != VSH_STATE_RUNNING || !x->resetting[m->queue] ||
        m->generation != guest_queue_info(&x->guest, m->queue)->generation) {
        return VSH_ERR_STATE;
    }
    x->queue_acks++;
    x->resetting[m->queue] = false;
    return 0;
}

/* The description goes with it, as the registers of the device do. */
static int32_t handle_config(struct fake_xen *x, const struct vsh_mailbox *m)
{
    if (!x->described) {
        return VSH_ERR_STATE;
    }
    if (m->config_len != x->description.config_len) {
        return VSH_ERR_CONFIG;
    }
    x->configs++;
    memcpy(x->description.config, m->config, sizeof(m->config));
    return 0;
}

static int32_t handle_detach(struct fake_xen *x)
{
    x->detaches++;
    x->described = false;
    x->ack_needed = false;
    if (fake_xen_state(x) == VSH_STATE_RUNNING) {
        guest_info(&x->guest)->generation++;
        set_state(x, x->keep ? VSH_STATE_WAITING : VSH_STATE_FAILED);
    }
    return 0;
}

static void attached(struct fake_xen *x, uint32_t state)
{
    if (state == VSH_STATE_WAITING) {
        /* Not at once: first, everything is made visible again. */
        set_state(x, VSH_STATE_WAITING);
        guest_offer_again(&x->guest);
        set_state(x, VSH_STATE_RUNNING);
    } else {
        settle(x);
    }
}

int shadow_request(struct shadow *sh, const struct vsh_mailbox *body, int32_t *reply)
{
    struct fake_xen *x = sh->window;
    uint32_t state = fake_xen_state(x);

    if (state == VSH_STATE_GONE) {
        return -ENODEV;
    }
    switch (body->request) {
    case VSH_REQ_ATTACH:
        *reply = handle_attach(x, body);
        if (!*reply) {
            attached(x, state);
        }
        break;
    case VSH_REQ_CONFIG:
        *reply = handle_config(x, body);
        break;
    case VSH_REQ_RESET_ACK:
        *reply = handle_ack(x, body);
        if (!*reply && state == VSH_STATE_RESETTING) {
            settle(x);
        }
        break;
    case VSH_REQ_QUEUE_ACK:
        *reply = handle_queue_ack(x, body);
        break;
    case VSH_REQ_DETACH:
        *reply = handle_detach(x);
        if (state == VSH_STATE_READY || state == VSH_STATE_RESETTING) {
            settle(x);
        }
        break;
    default:
        *reply = VSH_ERR_REQUEST;
        break;
    }
    if (*reply) {
        x->bad_requests++;
    }
    return 0;
}

/* The module. sh->window is the fake itself: nobody else looks at it. */

void shadow_init(struct shadow *sh)
{
    *sh = (struct shadow){.fd = -1};
}

int shadow_attach(struct shadow *sh, const char *path, uint32_t frontend, uint32_t device)
{
    struct fake_xen *x = &fake_xen[device];
    int err = x->attach_error;

    (void)path;
    (void)frontend;
    shadow_init(sh);
    if (err) {
        x->attach_error = x->attach_always ? err : 0;
        return err;
    }
    assert_false(x->attached);
    x->attached = true;
    sh->fd = fcntl(x->event, F_DUPFD_CLOEXEC, 0);
    sh->nr_queues = FAKE_XEN_QUEUES;
    sh->nr_regions = 2;
    sh->region[0] = (struct shadow_region){GUEST_RAM_BASE, GUEST_RAM_SIZE,
                                           fcntl(x->guest.ram_fd, F_DUPFD_CLOEXEC, 0)};
    sh->region[1] = (struct shadow_region){GUEST_WINDOW_DAS, GUEST_WINDOW_SIZE,
                                           fcntl(x->guest.window_fd, F_DUPFD_CLOEXEC, 0)};
    sh->window = x;
    return 0;
}

void shadow_detach(struct shadow *sh)
{
    struct fake_xen *x = sh->window;

    x->attached = false;
    close(sh->fd);
    close(sh->region[0].fd);
    close(sh->region[1].fd);
    shadow_init(sh);
}

int shadow_fd(const struct shadow *sh)
{
    return sh->fd;
}

void shadow_clear(struct shadow *sh)
{
    eventfd_t n;

    eventfd_read(sh->fd, &n);
}

int shadow_info(const struct shadow *sh, struct shadow_info *info)
{
    struct fake_xen *x = sh->window;

    return shadow_view(info, x->guest.window, GUEST_WINDOW_SIZE / VSH_FRAME_SIZE, sh->nr_queues);
}

bool shadow_queue_idle(const struct shadow *sh, const struct vhost_user_rings *rings)
{
    struct fake_xen *x = sh->window;

    return guest_idle(&x->guest, rings->avail, rings->used);
}

static int set(int *slot, int fd)
{
    if (*slot >= 0) {
        close(*slot);
    }
    *slot = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return 0;
}

int shadow_set_kick(struct shadow *sh, uint32_t queue, int fd)
{
    struct fake_xen *x = sh->window;

    set(&x->kick[queue], fd);
    if (fd >= 0 && x->pending[queue]) {
        x->pending[queue] = false;
        eventfd_write(fd, 1);
    }
    return 0;
}

int shadow_set_call(struct shadow *sh, uint32_t queue, int fd)
{
    struct fake_xen *x = sh->window;

    return set(&x->call[queue], fd);
}

/* xenstore. */

int store_set_state(struct store *st, const struct store_device *dev, enum store_state state,
                    const char *error)
{
    struct fake_xen *x = &fake_xen[dev->shadow_id];

    (void)st;
    x->store_state = state;
    if (error) {
        snprintf(x->store_error, sizeof(x->store_error), "%s", error);
    }
    return 0;
}

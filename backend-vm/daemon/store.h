/* SPDX-License-Identifier: MIT */
/* xenstore: which devices the toolstack wants served here, and what they are told about it. */
#ifndef VSHD_STORE_H
#define VSHD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Xen has not that many devices of one domain. */
#define STORE_MAX_SHADOW_ID 255u

/* Values of a device's state, as everywhere in xenstore. */
enum store_state {
    STORE_INITIALISING = 1,
    STORE_INIT_WAIT = 2, /* the guest may be started */
    STORE_CONNECTED = 4,
    STORE_CLOSING = 5,
    STORE_CLOSED = 6,
};

/* What a backend directory of a mediated device says. */
struct store_device {
    char kind[16]; /* "virtio" or "virtio_disk" */
    uint32_t frontend;
    uint32_t devid;
    uint32_t shadow_id;
    uint32_t device_type; /* virtio device id */
    uint32_t nr_queues;
    uint32_t queue_size;
    char path[256];  /* image or socket; empty if none is given */
    char format[16]; /* of the image; empty if the toolstack does not say it */
    uint8_t mac[6];  /* of a network device */
    bool read_only;
    bool restartable; /* its driver goes on if this VM dies and another comes */
    bool served;      /* the toolstack has been told that it works */
    bool closing;     /* the toolstack wants it to go, or it has gone */
    char error[160];  /* not empty: why it cannot be served */
};

struct store *store_open(void);
void store_close(struct store *st);

/* Readable when something may have changed; store_clear() takes that back. */
int store_fd(const struct store *st);
void store_clear(struct store *st);

/* All mediated devices. The caller frees *list. 0 or -errno. */
int store_list(struct store *st, struct store_device **list, size_t *nr);

bool store_same_device(const struct store_device *a, const struct store_device *b);

/* Writes nothing if the device's directory is gone. error may be NULL. */
int store_set_state(struct store *st, const struct store_device *dev, enum store_state state,
                    const char *error);

#endif

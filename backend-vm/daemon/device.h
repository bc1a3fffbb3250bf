/* SPDX-License-Identifier: MIT */
/*
 * One mediated device: joins what the kernel module shows of it to a vhost-user
 * device, follows the states that Xen reports, and tells the toolstack.
 */
#ifndef VSHD_DEVICE_H
#define VSHD_DEVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "store.h"

struct device;
struct loop;
struct options;

/* Outlives its devices. */
struct device_env {
    struct loop *loop;
    struct store *store;
    const struct options *options;
    /* The device has let go of everything. Not called from within device_*(). */
    void (*finished)(void *arg, struct device *d);
    void *arg;
};

/* NULL: no memory. */
struct device *device_create(const struct device_env *env, const struct store_device *node);
void device_free(struct device *d); /* after finished */

const struct store_device *device_node(const struct device *d);

enum device_close_reason {
    DEVICE_CLOSE_TOOLSTACK, /* the toolstack asks for it */
    DEVICE_CLOSE_NODE_GONE, /* its directory in xenstore is gone */
    DEVICE_CLOSE_SHUTDOWN,  /* the daemon stops: leave xenstore as it is, for the next one */
};

/* Begins to let go. A device that is letting go already does not mind. */
void device_close(struct device *d, enum device_close_reason reason);

/* 0: it has no process of its own. */
pid_t device_process(const struct device *d);
void device_process_ended(struct device *d, int status);

#endif

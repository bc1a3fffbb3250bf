/* SPDX-License-Identifier: MIT */
/*
 * The other direction of vhost-user: requests that the device makes. Of these
 * only one is of interest, that the config space has changed.
 */
#ifndef VSHD_BACKEND_CHANNEL_H
#define VSHD_BACKEND_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

/* Requests are short; what does not fit in here is none. */
#define BACKEND_CHANNEL_SIZE 512

struct backend_channel {
    int fd; /* -1: there is none */
    size_t have;
    uint8_t buf[BACKEND_CHANNEL_SIZE];
};

void backend_channel_init(struct backend_channel *ch);
/* *peer is for the device, and for the caller to close. 0 or -errno. */
int backend_channel_open(struct backend_channel *ch, int *peer);
void backend_channel_close(struct backend_channel *ch);

int backend_channel_fd(const struct backend_channel *ch);

/*
 * Reads what there is, without waiting, and answers where an answer is asked
 * for: 1 when the config space has changed, 0 if not. -errno: the channel is of
 * no more use. -EPIPE: the device has closed it.
 */
int backend_channel_read(struct backend_channel *ch);

#endif

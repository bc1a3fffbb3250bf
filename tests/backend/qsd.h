/* SPDX-License-Identifier: MIT */
/* A stock qemu-storage-daemon with a raw image. */
#ifndef QSD_H
#define QSD_H

#include <sys/types.h>

#define QSD_IMAGE_SIZE (8u << 20)

struct qsd {
    char image[128];
    char socket[100];
    pid_t pid;
};

/* The image's sector n is filled with the low byte of n. */
void qsd_make_image(char *path, size_t size);
void qsd_start(struct qsd *q, unsigned int nr_queues);
void qsd_stop(struct qsd *q);

#endif

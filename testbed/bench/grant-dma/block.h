/* SPDX-License-Identifier: MIT */
/*
 * Block requests, done in batches so that what is granted is mapped or copied with few calls.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "svq_dev.h"

struct block_options {
    const char *device;
    bool null;   /* complete requests without doing them */
    bool copy;   /* have data copied by the hypervisor, instead of mapping it */
    bool direct; /* not through the page cache */
};

/* Opens the device and returns its size in sectors of 512 bytes. Ends the program if it cannot. */
uint64_t block_open(const struct block_options *options);

/* A new batch. */
void block_begin(void);

/* Adds a chain that covers so many pages. False if it does not fit; the first one does. */
bool block_add(const struct svq_desc *desc, unsigned int nr, unsigned int pages);

/* Does them all, and fills in the used lengths. */
void block_do(struct svq_done *done, unsigned int nr);

#endif /* BLOCK_H */

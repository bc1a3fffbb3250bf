/* SPDX-License-Identifier: MIT */
/* What the values in xenstore mean. They come from the toolstack. */
#ifndef VSHD_STORE_PARSE_H
#define VSHD_STORE_PARSE_H

#include "store.h"

/* A node's value, or NULL if there is none; to be freed. */
typedef char *store_reader(void *arg, const char *key);

/*
 * Fills in dev, whose kind, frontend and devid are set, from its nodes. False:
 * it is no mediated device. What is wrong with one is said in dev->error.
 */
bool store_parse_device(struct store_device *dev, store_reader *read, void *arg);

/* Digits only, or 0x and hexadecimal ones; the whole of text. */
bool store_parse_u32(const char *text, uint32_t *value);

#endif

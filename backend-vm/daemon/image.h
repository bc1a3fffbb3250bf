/* SPDX-License-Identifier: MIT */
/* Images and block devices: what their headers say, and who may use them. */
#ifndef VSHD_IMAGE_H
#define VSHD_IMAGE_H

#include <stdbool.h>
#include <sys/types.h>

/* 0: nothing but raw, as far as the header says, or it cannot be read. */
int image_probe(const char *path);
/* "qcow2", ...; of what image_probe() has found. NULL: it finds no such thing. */
const char *image_format_name(int format);

/*
 * Lets a user read it, and, unless it is for reading only, write it, by an entry
 * in its access control list, and takes that away again. 0 or -errno.
 */
int image_allow(const char *path, uid_t user, bool read_only);
int image_disallow(const char *path, uid_t user);

#endif

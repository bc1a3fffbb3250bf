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

struct image_access {
    bool given;
    bool by_group; /* there are no access control lists: these were before */
    gid_t group;
    mode_t mode;
};

/*
 * Lets a user, whose group has the same number, read it, and, unless it is for
 * reading only, write it, and takes that away again. By an entry in its access
 * control list; where there are none, by giving it to that group. 0 or -errno.
 */
int image_allow(struct image_access *access, const char *path, uid_t user, bool read_only);
int image_disallow(struct image_access *access, const char *path, uid_t user);

#endif

/* SPDX-License-Identifier: MIT */
/* Command line and configuration file. */
#ifndef VSHD_OPTIONS_H
#define VSHD_OPTIONS_H

#include <stdbool.h>

#define OPTIONS_DEFAULT_CONFIG "/etc/virtio-shadowd.conf"

/* Is a disk to write through (%t)? */
enum options_writethrough {
    WRITETHROUGH_AUTO, /* for guests that would survive this VM */
    WRITETHROUGH_ON,
    WRITETHROUGH_OFF,
};

struct options {
    char *run_dir;
    char *device_cmd; /* of a disk */
    char *net_cmd;    /* of a network device; empty: somebody else starts it */
    char *module;     /* the kernel module's device file */
    enum options_writethrough writethrough;
    bool own_cmd;    /* device_cmd is not the default */
    bool raw_images; /* whatever their headers say */
    int uid_base;    /* device processes have users from there on; 0: this one's */
    int net_mtu;     /* told to drivers; 0: none */
    int limit_ms;    /* for each message to a device process */
    int drain_ms;    /* for a device to finish its requests */
    int verbosity;   /* of log.h */
};

/* What remains to be done after the command line was read. */
enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

enum options_result options_read(struct options *o, int argc, char **argv);
void options_free(struct options *o);

#endif

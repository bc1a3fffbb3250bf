/* SPDX-License-Identifier: MIT */
/* A session on its own, without the device that it belongs to in the daemon. */
#ifndef DRIVE_H
#define DRIVE_H

#include "session.h"

/* A loop for sessions, and its end. */
void drive_begin(void);
void drive_end(void);

void drive_init(struct session *s, int limit_ms);

/* Lets it go on for as long as it is in that state. In which it is then. */
enum session_state drive_while(struct session *s, enum session_state state);

/* Lets sessions go on for a while. */
void drive_for(int ms);

/* Until a queue is started, or is not any more. */
void drive_until_live(struct session *s, uint32_t queue, bool live);

/* Connects and waits until the device has said what it is. 0 or -errno. */
int drive_open(struct session *s, const char *path, const struct session_device *device);
/* 0 when it runs, or -errno. */
int drive_start(struct session *s, uint64_t features, const struct vhost_user_region *regions,
                unsigned int nr_regions, const struct session_queue *queues,
                unsigned int nr_queues);
/* 0 when the device has closed its end, or -errno; the session is closed. */
int drive_stop(struct session *s);

#endif

/* SPDX-License-Identifier: MIT */
/* An epoll loop with timers. Everything in the daemon runs in its one thread. */
#ifndef VSHD_LOOP_H
#define VSHD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Owned by the caller; zero it before the first use. */
struct watch {
    int fd;
    bool active;
    bool writing;
    void (*ready)(void *arg);
    void *arg;
};

struct timer {
    int64_t deadline; /* ms, of loop_now() */
    bool active;
    void (*fire)(void *arg);
    void *arg;
    struct timer *next;
};

struct loop *loop_create(void);
void loop_destroy(struct loop *loop);

/* Milliseconds of a clock that never jumps. */
int64_t loop_now(void);

/*
 * Calls ready whenever fd is readable or has failed. Both calls are allowed in
 * any callback; an inactive watch is left alone.
 */
int loop_watch(struct loop *loop, struct watch *w, int fd, void (*ready)(void *), void *arg);
void loop_unwatch(struct loop *loop, struct watch *w);
/* Whether ready is called when fd can be written to, instead of read. Of an active watch. */
int loop_watch_writing(struct loop *loop, struct watch *w, bool writing);

/* Calls fire once, after ms milliseconds. Setting an active timer moves it. */
void loop_timer_set(struct loop *loop, struct timer *t, int ms, void (*fire)(void *), void *arg);
void loop_timer_cancel(struct loop *loop, struct timer *t);

/* Until a callback calls loop_stop(), or -errno. May be called again. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif

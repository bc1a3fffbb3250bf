// SPDX-License-Identifier: MIT
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct loop {
    int epoll;
    bool stop;
    struct timer *timers;
};

int64_t loop_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct loop *loop_create(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop) {
        return NULL;
    }
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_destroy(struct loop *loop)
{
    close(loop->epoll);
    free(loop);
}

int loop_watch(struct loop *loop, struct watch *w, int fd, void (*ready)(void *), void *arg)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = w};

    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev)) {
        return -errno;
    }
    *w = (struct watch){.fd = fd, .active = true, .ready = ready, .arg = arg};
    return 0;
}

void loop_unwatch(struct loop *loop, struct watch *w)
{
    if (w->active) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
        w->active = false;
    }
}

int loop_watch_writing(struct loop *loop, struct watch *w, bool writing)
{
    struct epoll_event ev = {.events = writing ? EPOLLOUT : EPOLLIN, .data.ptr = w};

    if (w->writing == writing) {
        return 0;
    }
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, w->fd, &ev)) {
        return -errno;
    }
    w->writing = writing;
    return 0;
}

void loop_timer_set(struct loop *loop, struct timer *t, int ms, void (*fire)(void *), void *arg)
{
    loop_timer_cancel(loop, t);
    *t = (struct timer){.deadline = loop_now() + ms,
                        .active = true,
                        .fire = fire,
                        .arg = arg,
                        .next = loop->timers};
    loop->timers = t;
}

void loop_timer_cancel(struct loop *loop, struct timer *t)
{
    for (struct timer **p = &loop->timers; *p; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    t->active = false;
}

static struct timer *next_timer(const struct loop *loop)
{
    struct timer *first = loop->timers;

    for (struct timer *t = loop->timers; t; t = t->next) {
        if (t->deadline < first->deadline) {
            first = t;
        }
    }
    return first;
}

int loop_run(struct loop *loop)
{
    while (!loop->stop) {
        struct timer *t = next_timer(loop);
        struct epoll_event ev;
        int timeout = -1;
        int n;

        if (t) {
            int64_t left = t->deadline - loop_now();

            timeout = left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
        }
        /* One at a time: a callback may unwatch, and free, what comes next. */
        n = epoll_wait(loop->epoll, &ev, 1, timeout);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            struct watch *w = ev.data.ptr;

            w->ready(w->arg);
        }
        t = next_timer(loop);
        if (t && t->deadline <= loop_now()) {
            loop_timer_cancel(loop, t);
            t->fire(t->arg);
        }
    }
    loop->stop = false;
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}

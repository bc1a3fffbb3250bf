// SPDX-License-Identifier: MIT
/* virtio-shadowd: keeps one struct device for every mediated device that xenstore lists. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "store.h"

/* More than a domain's xenstore quota lets a toolstack describe. */
#define MAX_DEVICES 256

struct daemon {
    struct options options;
    struct loop *loop;
    struct store *store;
    struct device_env env;
    struct watch store_watch;
    struct watch signal_watch;
    int signals;
    bool stopping;
    struct device *devices[MAX_DEVICES];
    size_t nr;
};

static const struct store_device *find_node(const struct store_device *list, size_t nr,
                                            const struct store_device *node)
{
    for (size_t i = 0; i < nr; i++) {
        if (store_same_device(&list[i], node)) {
            return &list[i];
        }
    }
    return NULL;
}

static bool known(const struct daemon *dm, const struct store_device *node)
{
    for (size_t i = 0; i < dm->nr; i++) {
        if (store_same_device(device_node(dm->devices[i]), node)) {
            return true;
        }
    }
    return false;
}

static void add_device(struct daemon *dm, const struct store_device *node)
{
    struct device *d;

    if (dm->nr == MAX_DEVICES) {
        log_error("%s %u/%u: this is one device more than %d", node->kind, node->frontend,
                  node->devid, MAX_DEVICES);
        return;
    }
    d = device_create(&dm->env, node);
    if (!d) {
        log_error("%s %u/%u: no memory", node->kind, node->frontend, node->devid);
        return;
    }
    dm->devices[dm->nr++] = d;
}

/* What the toolstack wants, against what is there. */
static void scan(struct daemon *dm)
{
    struct store_device *list;
    size_t nr;
    int err = store_list(dm->store, &list, &nr);

    if (err) {
        log_error("cannot read the devices from xenstore: %s", strerror(-err));
        return;
    }
    for (size_t i = 0; i < dm->nr; i++) {
        const struct store_device *node = find_node(list, nr, device_node(dm->devices[i]));

        if (!node) {
            device_close(dm->devices[i], DEVICE_CLOSE_NODE_GONE);
        } else if (node->closing) {
            device_close(dm->devices[i], DEVICE_CLOSE_TOOLSTACK);
        }
    }
    for (size_t i = 0; !dm->stopping && i < nr; i++) {
        if (!list[i].closing && !known(dm, &list[i])) {
            add_device(dm, &list[i]);
        }
    }
    free(list);
}

static void store_ready(void *arg)
{
    struct daemon *dm = arg;

    store_clear(dm->store);
    scan(dm);
}

static void device_finished(void *arg, struct device *d)
{
    struct daemon *dm = arg;

    for (size_t i = 0; i < dm->nr; i++) {
        if (dm->devices[i] == d) {
            dm->devices[i] = dm->devices[--dm->nr];
            break;
        }
    }
    device_free(d);
    if (dm->stopping && !dm->nr) {
        loop_stop(dm->loop);
    } else if (!dm->stopping) {
        /* One of the same name may have come while this one was closing. */
        scan(dm);
    }
}

static void reap(struct daemon *dm)
{
    for (size_t i = 0; i < dm->nr; i++) {
        pid_t pid = device_process(dm->devices[i]);
        int status;

        if (pid && waitpid(pid, &status, WNOHANG) == pid) {
            device_process_ended(dm->devices[i], status);
        }
    }
}

static void stop(struct daemon *dm)
{
    if (dm->stopping) {
        return;
    }
    log_info("stopping, %zu device(s) to close", dm->nr);
    dm->stopping = true;
    for (size_t i = 0; i < dm->nr; i++) {
        device_close(dm->devices[i], DEVICE_CLOSE_SHUTDOWN);
    }
    if (!dm->nr) {
        loop_stop(dm->loop);
    }
}

static void signal_ready(void *arg)
{
    struct daemon *dm = arg;
    struct signalfd_siginfo si;

    while (read(dm->signals, &si, sizeof(si)) == sizeof(si)) {
        if (si.ssi_signo == SIGCHLD) {
            reap(dm);
        } else {
            stop(dm);
        }
    }
}

static int watch_signals(struct daemon *dm)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* Before xenstore's library starts its thread, which inherits the mask. */
    if (sigprocmask(SIG_BLOCK, &set, NULL)) {
        return -errno;
    }
    signal(SIGPIPE, SIG_IGN);
    dm->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (dm->signals < 0) {
        return -errno;
    }
    return loop_watch(dm->loop, &dm->signal_watch, dm->signals, signal_ready, dm);
}

/* users: device processes have users of their own. */
static bool make_run_dir(const char *path, bool users)
{
    struct stat st;

    if ((mkdir(path, 0711) && errno != EEXIST) || stat(path, &st)) {
        log_error("cannot make %s: %s; choose another one with --run-dir", path, strerror(errno));
        return false;
    }
    if (users && !(st.st_mode & S_IXOTH)) {
        log_error("device processes cannot reach their sockets in %s: chmod o+x", path);
        return false;
    }
    return true;
}

static bool set_up(struct daemon *dm)
{
    int err;

    dm->loop = loop_create();
    if (!dm->loop) {
        log_error("cannot set up epoll: %s", strerror(errno));
        return false;
    }
    err = watch_signals(dm);
    if (err) {
        log_error("cannot watch signals: %s", strerror(-err));
        return false;
    }
    dm->store = store_open();
    if (!dm->store) {
        log_error("cannot connect to xenstore: %s; is this a Xen domain with /dev/xen/xenbus?",
                  strerror(errno));
        return false;
    }
    err = loop_watch(dm->loop, &dm->store_watch, store_fd(dm->store), store_ready, dm);
    if (err) {
        log_error("cannot watch xenstore: %s", strerror(-err));
        return false;
    }
    dm->env = (struct device_env){
        .loop = dm->loop,
        .store = dm->store,
        .options = &dm->options,
        .finished = device_finished,
        .arg = dm,
    };
    return make_run_dir(dm->options.run_dir, dm->options.uid_base && geteuid() == 0);
}

static void tear_down(struct daemon *dm)
{
    if (dm->store) {
        store_close(dm->store);
    }
    if (dm->loop) {
        loop_destroy(dm->loop);
    }
    if (dm->signals >= 0) {
        close(dm->signals);
    }
    options_free(&dm->options);
}

int main(int argc, char **argv)
{
    static struct daemon dm = {.signals = -1};
    bool ok;

    switch (options_read(&dm.options, argc, argv)) {
    case OPTIONS_DONE:
        options_free(&dm.options);
        return 0;
    case OPTIONS_BAD:
        options_free(&dm.options);
        return 2;
    case OPTIONS_RUN:
        break;
    }
    log_set_level((enum log_level)dm.options.verbosity);

    ok = set_up(&dm);
    if (ok) {
        int err;

        log_info("serving; sockets are in %s", dm.options.run_dir);
        scan(&dm);
        err = loop_run(dm.loop);
        if (err) {
            log_error("the event loop ended: %s", strerror(-err));
            ok = false;
        }
    }
    tear_down(&dm);
    return ok ? 0 : 1;
}

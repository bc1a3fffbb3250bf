// SPDX-License-Identifier: MIT
/* The device process and the session with it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device_internal.h"
#include "image.h"
#include "process.h"
#include "virtio_features.h"

/* While a process of our own is starting; others are asked less often. */
#define POLL_MS 50
/* A process that finds an image of another format ends with this and image_probe(). */
#define STATUS_FORMAT 100

static bool is_net(const struct device *d)
{
    return d->node.device_type == VIRTIO_ID_NET;
}

/* Whether the device has to be started, or is a socket that somebody else serves. */
static bool needs_process(const struct device *d, const char **driver)
{
    struct stat st;

    *driver = "file";
    if (!d->node.path[0]) {
        return is_net(d) && d->env->options->net_cmd[0];
    }
    if (stat(d->node.path, &st)) {
        /* Let the process say what is wrong with it. */
        return true;
    }
    if (S_ISBLK(st.st_mode)) {
        *driver = "host_device";
    }
    return !S_ISSOCK(st.st_mode);
}

static bool choose_socket(struct device *d, bool own)
{
    int n;

    if (d->node.path[0] && !own) {
        n = snprintf(d->socket, sizeof(d->socket), "%s", d->node.path);
    } else if (own && d->user) {
        n = snprintf(d->socket, sizeof(d->socket), "%s/%u-%u/sock", d->env->options->run_dir,
                     d->node.frontend, d->node.shadow_id);
    } else {
        n = snprintf(d->socket, sizeof(d->socket), "%s/%u-%u.sock", d->env->options->run_dir,
                     d->node.frontend, d->node.shadow_id);
    }
    if (n < 0 || (size_t)n >= sizeof(d->socket)) {
        device_complain(d, "the socket's path %.60s... is too long", d->socket);
        return false;
    }
    return true;
}

/* Each has one of its own: frontends' numbers do not come back for a long time. */
static void choose_user(struct device *d, bool own)
{
    int base = d->env->options->uid_base;

    d->user = 0;
    if (own && base && geteuid() == 0) {
        d->user = (uid_t)base + d->node.frontend * (STORE_MAX_SHADOW_ID + 1) + d->node.shadow_id;
    }
}

/* Where only its process can make the socket, and only this one and that can get at it. */
static void socket_dir(const struct device *d, char *dir, size_t size)
{
    snprintf(dir, size, "%.*s", (int)(strrchr(d->socket, '/') - d->socket), d->socket);
}

static bool make_socket_dir(struct device *d)
{
    char dir[sizeof(d->socket)];

    if (!d->user) {
        return true;
    }
    socket_dir(d, dir, sizeof(dir));
    if ((mkdir(dir, 0700) && errno != EEXIST) || lchown(dir, d->user, d->user)) {
        device_complain(d, "cannot make %s: %s", dir, strerror(errno));
        return false;
    }
    return true;
}

static void remove_socket(struct device *d)
{
    char dir[sizeof(d->socket)];

    unlink(d->socket);
    if (d->user) {
        socket_dir(d, dir, sizeof(dir));
        rmdir(dir);
    }
}

static void share_image(struct device *d)
{
    int err;

    if (!d->user || !d->node.path[0]) {
        return;
    }
    err = image_allow(&d->image, d->node.path, d->user, d->node.read_only);
    if (err) {
        log_warn("%s: cannot let user %u use %s: %s", d->name, d->user, d->node.path,
                 strerror(-err));
    }
}

static void unshare_image(struct device *d)
{
    image_disallow(&d->image, d->node.path, d->user);
}

/* In the process: reading may take its time. */
static int check_image(void *arg)
{
    const struct device *d = arg;
    int format = image_probe(d->node.path);

    return format ? STATUS_FORMAT + format : 0;
}

/* Or at least the toolstack does not say that it is something else. */
static bool format_is_raw(const struct device *d)
{
    return !d->node.format[0] || !strcmp(d->node.format, "raw") ||
           !strcmp(d->node.format, "unknown");
}

/* The default command serves what is in the file as it is. */
static bool needs_probe(const struct device *d)
{
    const struct options *o = d->env->options;

    return !is_net(d) && !o->own_cmd && !o->raw_images && strcmp(d->node.format, "raw");
}

/* Whether what a guest has been told is written must have left this VM. */
static bool writes_through(const struct device *d)
{
    switch (d->env->options->writethrough) {
    case WRITETHROUGH_ON:
        return true;
    case WRITETHROUGH_OFF:
        return false;
    default:
        return d->node.restartable;
    }
}

static bool start_process(struct device *d, const char *driver)
{
    char queues[12], frontend[12], id[12], mac[18], error[128];
    const uint8_t *m = d->node.mac;
    const struct process_var vars[] = {
        {'p', d->node.path},
        {'d', driver},
        {'s', d->socket},
        {'q', queues},
        {'r', d->node.read_only ? "on" : "off"},
        {'w', d->node.read_only ? "off" : "on"},
        {'t', writes_through(d) ? "on" : "off"},
        {'f', frontend},
        {'i', id},
        {'m', mac},
        {0, NULL},
    };
    struct process_setup setup = {.user = d->user, .arg = d};
    char **argv;
    pid_t pid;

    snprintf(queues, sizeof(queues), "%u", d->node.nr_queues);
    snprintf(frontend, sizeof(frontend), "%u", d->node.frontend);
    snprintf(id, sizeof(id), "%u", d->node.shadow_id);
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    argv = process_arguments(is_net(d) ? d->env->options->net_cmd : d->env->options->device_cmd,
                             vars, error);
    if (!argv) {
        device_complain(d, "%s", error);
        return false;
    }

    if (!is_net(d) && !d->env->options->own_cmd && !format_is_raw(d)) {
        device_complain(d, "format is %s: the default device command serves raw images only",
                        d->node.format);
        free(argv);
        return false;
    }
    unlink(d->socket);
    share_image(d);
    d->probed = needs_probe(d);
    setup.check = d->probed ? check_image : NULL;
    pid = make_socket_dir(d) ? process_start(argv, &setup) : -EACCES;
    if (pid < 0) {
        device_complain(d, "cannot start %s: %s", argv[0], strerror(-pid));
        unshare_image(d);
    } else {
        d->process = pid;
        d->killed = false;
        d->exited = false;
        log_info("%s: started %s, process %d%s%s", d->name, argv[0], (int)pid,
                 d->node.path[0] ? ", for " : "", d->node.path);
    }
    free(argv);
    return pid > 0;
}

static void session_wake(void *arg)
{
    device_wake(arg);
}

void device_disconnect(struct device *d)
{
    session_close(&d->session);
}

/* It is about to listen, or it ends, and that will be heard of. */
static void wait_for_process(struct device *d)
{
    if (loop_now() > d->give_up && !d->announced) {
        device_complain(d, "its process does not listen on %s", d->socket);
        device_give_up(d);
    } else {
        device_wait(d, POLL_MS);
    }
}

void device_connect(struct device *d)
{
    struct session_device what = {
        .type = d->node.device_type,
        .max_queues = d->node.nr_queues,
        .net.mtu = (uint16_t)d->env->options->net_mtu,
    };
    const char *driver;
    bool own = needs_process(d, &driver);
    struct shadow_info info;
    int err;

    if (!shadow_info(&d->shadow, &info)) {
        what.driver_rings = info.policy == VSH_POLICY_TRUSTED || info.policy == VSH_POLICY_POOL;
    }
    choose_user(d, own);
    what.user = d->user;
    if (!choose_socket(d, own) || (own && !d->process && !start_process(d, driver))) {
        device_give_up(d);
        return;
    }
    memcpy(what.net.mac, d->node.mac, sizeof(what.net.mac));
    session_init(&d->session, d->env->loop, d->env->options->limit_ms, session_wake, d);
    err = session_open(&d->session, d->socket, &what);
    if (own && (err == -ENOENT || err == -ECONNREFUSED || err == -EAGAIN)) {
        wait_for_process(d);
    } else if (err) {
        device_complain(d, "%s: %s", d->socket, session_error(&d->session));
        device_retry(d);
    }
}

void device_kill(struct device *d, int signal)
{
    if (d->process) {
        kill(d->process, signal);
        d->killed = true;
    }
}

pid_t device_process(const struct device *d)
{
    return d->process;
}

void device_process_ended(struct device *d, int status)
{
    d->exited = true;
    d->status = status;
    d->by_us = d->killed;
    d->process = 0;
    d->killed = false;
    remove_socket(d);
    unshare_image(d);
    device_wake(d);
}

const char *device_exited(struct device *d)
{
    static char text[384];
    const char *format;

    if (!d->exited) {
        return NULL;
    }
    d->exited = false;
    format = d->probed && WIFEXITED(d->status)
                 ? image_format_name(WEXITSTATUS(d->status) - STATUS_FORMAT)
                 : NULL;
    if (format) {
        snprintf(text, sizeof(text),
                 "%.100s has the header of a %s image, and would be shown raw: convert it, or see "
                 "image-format",
                 d->node.path, format);
    } else if (WIFSIGNALED(d->status)) {
        snprintf(text, sizeof(text), "its process was killed by signal %d", WTERMSIG(d->status));
    } else {
        snprintf(text, sizeof(text),
                 "its process ended with status %d: see its own message, and check %s",
                 WEXITSTATUS(d->status), is_net(d) ? "net-cmd" : d->node.path);
    }
    return text;
}

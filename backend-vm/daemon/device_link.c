// SPDX-License-Identifier: MIT
/* The device process and the connection to it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device_internal.h"
#include "process.h"
#include "virtio_features.h"

/* While a process of our own is starting; others are asked less often. */
#define POLL_MS 50

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

    unlink(d->socket);
    pid = process_start(argv);
    if (pid < 0) {
        device_complain(d, "cannot start %s: %s", argv[0], strerror(-pid));
    } else {
        d->process = pid;
        d->killed = false;
        log_info("%s: started %s, process %d%s%s", d->name, argv[0], (int)pid,
                 d->node.path[0] ? ", for " : "", d->node.path);
    }
    free(argv);
    return pid > 0;
}

static void peer_ready(void *arg)
{
    struct device *d = arg;
    int ended = session_ended(&d->session);

    if (!ended) {
        return;
    }
    if (d->phase == PHASE_DRAIN) {
        if (ended < 0) {
            log_warn("%s: %s", d->name, session_error(&d->session));
        }
        device_drained(d);
        return;
    }
    device_complain(d, "%s",
                    ended < 0 ? session_error(&d->session) : "the device closed the connection");
    device_session_lost(d);
}

static void backend_ready(void *arg)
{
    struct device *d = arg;
    int ret = session_backend(&d->session);

    if (ret < 0) {
        loop_unwatch(d->env->loop, &d->backend);
        if (ret != -EPIPE) {
            log_warn("%s: the device's own requests make no sense: hearing no more of them",
                     d->name);
        }
        return;
    }
    if (!ret || (d->phase != PHASE_LINKED && d->phase != PHASE_RUNNING)) {
        return;
    }
    ret = session_read_config(&d->session);
    if (ret) {
        device_complain(d, "%s", session_error(&d->session));
        device_session_lost(d);
        return;
    }
    device_tell_config(d);
}

static int watch_session(struct device *d)
{
    int err = loop_watch(d->env->loop, &d->peer, session_fd(&d->session), peer_ready, d);

    if (!err && session_backend_fd(&d->session) >= 0) {
        err = loop_watch(d->env->loop, &d->backend, session_backend_fd(&d->session), backend_ready,
                         d);
    }
    return err;
}

void device_disconnect(struct device *d)
{
    loop_unwatch(d->env->loop, &d->backend);
    loop_unwatch(d->env->loop, &d->peer);
    session_close(&d->session);
}

void device_connect(void *arg)
{
    struct device *d = arg;
    struct session_device what = {
        .type = d->node.device_type,
        .max_queues = d->node.nr_queues,
        .net.mtu = (uint16_t)d->env->options->net_mtu,
    };
    const char *driver;
    bool own = needs_process(d, &driver);
    struct vsh_info info;
    int err;

    d->phase = PHASE_CONNECT;
    if (!shadow_info(&d->shadow, &info)) {
        what.driver_rings = info.policy == VSH_POLICY_TRUSTED || info.policy == VSH_POLICY_POOL;
    }
    if (!choose_socket(d, own) || (own && !d->process && !start_process(d, driver))) {
        device_give_up(d);
        return;
    }

    session_init(&d->session, d->env->options->limit_ms);
    memcpy(what.net.mac, d->node.mac, sizeof(what.net.mac));
    err = session_open(&d->session, d->socket, &what);
    if (own && (err == -ENOENT || err == -ECONNREFUSED)) {
        /* It is about to listen, or it ends, and that will be heard of. */
        if (loop_now() > d->give_up && !d->announced) {
            device_complain(d, "its process does not listen on %s", d->socket);
            device_give_up(d);
        } else {
            loop_timer_set(d->env->loop, &d->timer, POLL_MS, device_connect, d);
        }
        return;
    }
    if (!err) {
        err = watch_session(d);
        if (err) {
            device_disconnect(d);
        }
    }
    if (err) {
        device_complain(d, "%s: %s", d->socket, session_error(&d->session));
        device_retry(d, device_connect);
        return;
    }
    loop_timer_cancel(d->env->loop, &d->timer);
    d->phase = PHASE_LINKED;
    log_info("%s: connected to %s, %u queue(s), features %#llx", d->name, d->socket,
             d->session.nr_queues, (unsigned long long)d->session.features);
    device_check(d);
}

/*
 * The device process does not do what it should, or is gone: another takes its
 * place. If it is there it does not stay, as what it is still doing would get in
 * the way of the next, which is given the same requests.
 */
void device_session_lost(struct device *d)
{
    device_disconnect(d);
    if (d->process) {
        device_replace(d);
    } else {
        device_lost(d);
    }
}

/* Nobody is at work any more. Xen is told, so that what is in flight goes to the next. */
void device_lost(struct device *d)
{
    d->lost = false;
    device_unjoin(d);
    device_detach(d);
    d->phase = PHASE_CONNECT;
    device_retry(d, device_connect);
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

static void describe_status(const struct device *d, int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "its process was killed by signal %d", WTERMSIG(status));
    } else {
        snprintf(text, size, "its process ended with status %d: see its own message, and check %s",
                 WEXITSTATUS(status), is_net(d) ? "net-cmd" : d->node.path);
    }
}

void device_process_ended(struct device *d, int status)
{
    char text[384];
    bool killed = d->killed;

    d->process = 0;
    d->killed = false;
    unlink(d->socket);
    describe_status(d, status, text, sizeof(text));

    switch (d->phase) {
    case PHASE_END:
        device_check(d);
        return;
    case PHASE_DRAIN:
        if (!killed && !d->lost) {
            log_warn("%s: %s", d->name, text);
        }
        device_drained(d);
        return;
    case PHASE_CONNECT:
        device_complain(d, "%s", text);
        if (d->announced) {
            device_retry(d, device_connect);
        } else {
            device_give_up(d);
        }
        return;
    case PHASE_LINKED:
    case PHASE_RUNNING:
        device_complain(d, "%s", text);
        device_session_lost(d);
        return;
    case PHASE_ATTACH:
    case PHASE_DONE:
        return;
    }
}

// SPDX-License-Identifier: MIT
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "store_parse.h"

/* Relative paths are below this domain's own directory. */
static const char *const kinds[] = {"virtio", "virtio_disk"};

#define PATH_LEN 128

struct store {
    struct xs_handle *xs;
};

struct store *store_open(void)
{
    struct store *st = calloc(1, sizeof(*st));

    if (!st) {
        return NULL;
    }
    st->xs = xs_open(0);
    if (!st->xs) {
        free(st);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char path[PATH_LEN];

        snprintf(path, sizeof(path), "backend/%s", kinds[i]);
        if (!xs_watch(st->xs, path, "backend")) {
            store_close(st);
            return NULL;
        }
    }
    return st;
}

void store_close(struct store *st)
{
    xs_close(st->xs);
    free(st);
}

int store_fd(const struct store *st)
{
    return xs_fileno(st->xs);
}

void store_clear(struct store *st)
{
    char **event;

    while ((event = xs_check_watch(st->xs))) {
        free(event);
    }
}

struct reader {
    struct store *st;
    const struct store_device *dev;
};

static void node_path(char *path, const struct store_device *dev, const char *key)
{
    snprintf(path, PATH_LEN, "backend/%s/%u/%u/%s", dev->kind, dev->frontend, dev->devid, key);
}

static char *read_node(void *arg, const char *key)
{
    struct reader *r = arg;
    char path[PATH_LEN];

    node_path(path, r->dev, key);
    return xs_read(r->st->xs, XBT_NULL, path, NULL);
}

static int append(struct store_device **list, size_t *nr, const struct store_device *dev)
{
    struct store_device *bigger = realloc(*list, (*nr + 1) * sizeof(**list));

    if (!bigger) {
        return -ENOMEM;
    }
    *list = bigger;
    bigger[(*nr)++] = *dev;
    return 0;
}

static int list_devices(struct store *st, const char *kind, uint32_t frontend,
                        struct store_device **list, size_t *nr)
{
    char path[PATH_LEN];
    unsigned int n = 0;
    char **names;
    int err = 0;

    snprintf(path, sizeof(path), "backend/%s/%u", kind, frontend);
    names = xs_directory(st->xs, XBT_NULL, path, &n);
    if (!names) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (unsigned int i = 0; !err && i < n; i++) {
        struct store_device dev = {.frontend = frontend};
        struct reader r = {.st = st, .dev = &dev};

        snprintf(dev.kind, sizeof(dev.kind), "%s", kind);
        if (store_parse_u32(names[i], &dev.devid) && store_parse_device(&dev, read_node, &r)) {
            err = append(list, nr, &dev);
        }
    }
    free(names);
    return err;
}

static int list_frontends(struct store *st, const char *kind, struct store_device **list,
                          size_t *nr)
{
    char path[PATH_LEN];
    unsigned int n = 0;
    char **names;
    int err = 0;

    snprintf(path, sizeof(path), "backend/%s", kind);
    names = xs_directory(st->xs, XBT_NULL, path, &n);
    if (!names) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (unsigned int i = 0; !err && i < n; i++) {
        uint32_t frontend;

        if (store_parse_u32(names[i], &frontend)) {
            err = list_devices(st, kind, frontend, list, nr);
        }
    }
    free(names);
    return err;
}

int store_list(struct store *st, struct store_device **list, size_t *nr)
{
    int err = 0;

    *list = NULL;
    *nr = 0;
    for (size_t i = 0; !err && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        err = list_frontends(st, kinds[i], list, nr);
    }
    if (err) {
        free(*list);
        *list = NULL;
        *nr = 0;
    }
    return err;
}

bool store_same_device(const struct store_device *a, const struct store_device *b)
{
    return !strcmp(a->kind, b->kind) && a->frontend == b->frontend && a->devid == b->devid;
}

static bool write_node(struct store *st, xs_transaction_t t, const struct store_device *dev,
                       const char *key, const char *value)
{
    char path[PATH_LEN];

    node_path(path, dev, key);
    return xs_write(st->xs, t, path, value, (unsigned int)strlen(value));
}

/* In a transaction: writing into a directory that was just removed would make it anew. */
static int try_set_state(struct store *st, const struct store_device *dev, enum store_state state,
                         const char *error)
{
    xs_transaction_t t = xs_transaction_start(st->xs);
    char path[PATH_LEN], value[16];
    bool ok = true;
    char *old;
    int err;

    if (t == XBT_NULL) {
        return -errno;
    }
    node_path(path, dev, "state");
    old = xs_read(st->xs, t, path, NULL);
    if (!old) {
        err = errno == ENOENT ? 0 : -errno;
        xs_transaction_end(st->xs, t, true);
        return err;
    }
    snprintf(value, sizeof(value), "%d", state);
    if (error) {
        ok = write_node(st, t, dev, "error", error);
    }
    if (ok && strcmp(old, value)) {
        ok = write_node(st, t, dev, "state", value);
    }
    free(old);
    if (!ok) {
        err = -errno;
        xs_transaction_end(st->xs, t, true);
        return err;
    }
    return xs_transaction_end(st->xs, t, false) ? 0 : -errno;
}

int store_set_state(struct store *st, const struct store_device *dev, enum store_state state,
                    const char *error)
{
    int err = -EAGAIN;

    for (int tries = 0; err == -EAGAIN && tries < 100; tries++) {
        err = try_set_state(st, dev, state, error);
    }
    return err;
}

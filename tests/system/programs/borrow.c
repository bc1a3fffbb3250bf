// SPDX-License-Identifier: MIT
/* Borrows the files that virtio-shadowd holds for a device, with pidfd_getfd(). */
#define _GNU_SOURCE
#include "borrow.h"

#include <dirent.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "key:\tvalue" of a file's fdinfo. */
static bool fdinfo(int pid, int fd, const char *key, uint64_t *val)
{
    char path[64], line[256];
    size_t len = strlen(key);
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof(line), f)) {
        if (!strncmp(line, key, len) && line[len] == ':') {
            *val = strtoull(line + len + 1, NULL, 0);
            found = true;
        }
    }
    fclose(f);
    return found;
}

static int get_fd(int pidfd, int fd)
{
    int mine = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

    if (mine < 0)
        err(2, "cannot borrow descriptor %d of virtio-shadowd", fd);
    return mine;
}

static void borrow(struct borrowed *b, int pid, int pidfd, int fd, unsigned int frontend,
                   unsigned int device, int prot)
{
    uint64_t fe, dev, das, size, count;
    struct borrowed_region *r;
    void *va;
    int mine;

    if (fdinfo(pid, fd, "eventfd-count", &count)) {
        if (b->nr_eventfds < BORROW_MAX_EVENTFDS)
            b->eventfd[b->nr_eventfds++] = get_fd(pidfd, fd);
        return;
    }
    if (!fdinfo(pid, fd, "vsh-frontend", &fe) || fe != frontend ||
        !fdinfo(pid, fd, "vsh-device", &dev) || dev != device ||
        !fdinfo(pid, fd, "vsh-das", &das) || !fdinfo(pid, fd, "vsh-size", &size))
        return;

    if (das >= VSH_WINDOW_DAS)
        r = &b->window;
    else if (b->nr_banks < VSH_MAX_BANKS)
        r = &b->bank[b->nr_banks++];
    else
        errx(2, "more RAM banks than there can be");

    mine = get_fd(pidfd, fd);
    va = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, mine, 0);
    if (va == MAP_FAILED)
        err(2, "cannot map the region at %#llx", (unsigned long long)das);
    close(mine);
    *r = (struct borrowed_region){.das = das, .size = size, .va = va};
}

static void borrow_all(struct borrowed *b, int pid, unsigned int frontend, unsigned int device,
                       int prot)
{
    char path[64];
    struct dirent *e;
    int pidfd;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    d = opendir(path);
    if (!d)
        return;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        err(2, "pidfd_open(%d)", pid);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            borrow(b, pid, pidfd, atoi(e->d_name), frontend, device, prot);
    close(pidfd);
    closedir(d);
}

void borrow_device(struct borrowed *b, unsigned int frontend, unsigned int device, int prot)
{
    struct dirent *e;
    DIR *d = opendir("/proc");

    if (!d)
        err(2, "/proc");
    while (!b->window.va && (e = readdir(d))) {
        char path[64], comm[32] = "";
        FILE *f;

        if (e->d_name[0] < '0' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%.10s/comm", e->d_name);
        f = fopen(path, "re");
        if (!f)
            continue;
        if (fgets(comm, sizeof(comm), f) && !strcmp(comm, "virtio-shadowd\n"))
            borrow_all(b, atoi(e->d_name), frontend, device, prot);
        fclose(f);
    }
    closedir(d);
    if (!b->window.va || !b->nr_banks)
        errx(2, "virtio-shadowd does not serve device %u of domain %u here", device, frontend);
}

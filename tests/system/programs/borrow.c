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

#include <virtio-shadow/svq.h>

#include "process.h"

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

/* Maps the region, if that is what the file is. */
static void borrow_region(struct borrowed *b, int pid, int pidfd, int fd, unsigned int frontend,
                          unsigned int device, int prot)
{
    uint64_t fe, dev, das, size;
    struct borrowed_region *r;
    void *va;
    int mine;

    if (!fdinfo(pid, fd, "vsh-frontend", &fe) || fe != frontend ||
        !fdinfo(pid, fd, "vsh-device", &dev) || dev != device ||
        !fdinfo(pid, fd, "vsh-das", &das) || !fdinfo(pid, fd, "vsh-size", &size))
        return;

    if (das == SVQ_WINDOW_DAS)
        r = &b->window;
    else if (das > SVQ_WINDOW_DAS)
        r = &b->queues;
    else if (b->nr_banks < VSH_MAX_BANKS)
        r = &b->bank[b->nr_banks++];
    else
        errx(2, "more RAM banks than there can be");

    mine = get_fd(pidfd, fd);
    va = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, mine, 0);
    if (va == MAP_FAILED)
        err(2, "cannot map the region at %#llx", (unsigned long long)das);
    if (r == &b->queues)
        b->queues_fd = mine;
    else
        close(mine);
    *r = (struct borrowed_region){.das = das, .size = size, .va = va};
}

static void borrow_eventfd(struct borrowed *b, int pid, int pidfd, int fd)
{
    uint64_t count;

    if (b->nr_eventfds < BORROW_MAX_EVENTFDS && fdinfo(pid, fd, "eventfd-count", &count))
        b->eventfd[b->nr_eventfds++] = get_fd(pidfd, fd);
}

/* The next descriptor that the process has open, or -1; the first for a new *d. */
static int next_fd(DIR **d, int pid)
{
    char path[64];
    struct dirent *e;

    if (!*d) {
        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        *d = opendir(path);
    }
    while (*d && (e = readdir(*d)))
        if (e->d_name[0] != '.')
            return atoi(e->d_name);
    if (*d)
        closedir(*d);
    *d = NULL;
    return -1;
}

static int open_pid(int pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (pidfd < 0)
        err(2, "pidfd_open(%d)", pid);
    return pidfd;
}

void borrow_eventfds(struct borrowed *b)
{
    int fd, pidfd = open_pid(b->pid);
    DIR *d = NULL;

    while (b->nr_eventfds)
        close(b->eventfd[--b->nr_eventfds]);
    while ((fd = next_fd(&d, b->pid)) >= 0)
        borrow_eventfd(b, b->pid, pidfd, fd);
    close(pidfd);
}

static void borrow_regions(struct borrowed *b, int pid, unsigned int frontend, unsigned int device,
                           int prot)
{
    int fd, pidfd = open_pid(pid);
    DIR *d = NULL;

    while ((fd = next_fd(&d, pid)) >= 0)
        borrow_region(b, pid, pidfd, fd, frontend, device, prot);
    close(pidfd);
    b->pid = pid;
}

void borrow_device(struct borrowed *b, unsigned int frontend, unsigned int device, int prot)
{
    DIR *d = opendir("/proc");
    int pid;

    if (!d)
        err(2, "/proc");
    while (!b->window.va && (pid = process_next(d, "virtio-shadowd")))
        borrow_regions(b, pid, frontend, device, prot);
    closedir(d);
    if (!b->window.va || !b->nr_banks)
        errx(2, "virtio-shadowd does not serve device %u of domain %u here", device, frontend);
}

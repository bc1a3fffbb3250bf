// SPDX-License-Identifier: MIT
#include "shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <virtio-shadow/ring.h>

#include "loop.h"
#include "virtio_shadow_uapi.h"

/* Xen answers before the notification returns, so this is generous. */
#define REPLY_MS 1000

_Static_assert(SHADOW_MAX_REGIONS == VSH_DEV_MAX_REGIONS, "as many regions as the module has");

void shadow_init(struct shadow *sh)
{
    *sh = (struct shadow){.fd = -1};
    for (unsigned int i = 0; i < SHADOW_MAX_REGIONS; i++) {
        sh->region[i].fd = -1;
    }
    sh->all.fd = -1;
}

static int add_region(struct shadow *sh, uint64_t das, uint64_t size, int fd)
{
    if (fd < 0) {
        return -errno;
    }
    sh->region[sh->nr_regions++] = (struct shadow_region){.das = das, .size = size, .fd = fd};
    return 0;
}

static int get_regions(struct shadow *sh, const struct vsh_dev_attach *a)
{
    if (a->nr_regions < 1 || a->nr_regions > SHADOW_MAX_REGIONS || a->window != a->nr_regions - 1 ||
        a->nr_queues > VSH_MAX_QUEUES) {
        return -EPROTO;
    }
    sh->nr_queues = a->nr_queues;
    for (unsigned int i = 0; i < a->window; i++) {
        int err = add_region(sh, a->region[i].das, a->region[i].size,
                             ioctl(sh->fd, VSH_DEV_REGION_FD, (unsigned long)i));

        if (err) {
            return err;
        }
        sh->aperture_gfn[i] = a->region[i].gfn;
    }
    return 0;
}

/* With policies that leave the rings where they are there are no queues in it. */
static int get_window(struct shadow *sh, const struct vsh_dev_attach *a)
{
    const uint64_t before = VSH_FRAME_FIRST_QUEUE * VSH_FRAME_SIZE;
    uint64_t size = a->region[a->window].size;
    void *va;

    if (size < before) {
        return -EPROTO;
    }
    sh->all = (struct shadow_region){
        .das = a->region[a->window].das,
        .size = size,
        .fd = ioctl(sh->fd, VSH_DEV_REGION_FD, (unsigned long)a->window),
    };
    if (sh->all.fd < 0) {
        return -errno;
    }
    va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, sh->all.fd, 0);
    if (va == MAP_FAILED) {
        return -errno;
    }
    sh->window = va;
    sh->window_size = size;
    if (size == before) {
        return 0;
    }
    return add_region(sh, sh->all.das + before, size - before, ioctl(sh->fd, VSH_DEV_QUEUES_FD));
}

int shadow_attach(struct shadow *sh, const char *path, uint32_t frontend, uint32_t device)
{
    struct vsh_dev_attach a = {.frontend = frontend, .device = device};
    int err = 0;

    shadow_init(sh);
    sh->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (sh->fd < 0) {
        return -errno;
    }
    if (ioctl(sh->fd, VSH_DEV_ATTACH, &a)) {
        err = -errno;
    }
    if (!err) {
        err = get_regions(sh, &a);
    }
    if (!err) {
        err = get_window(sh, &a);
    }
    if (err) {
        shadow_detach(sh);
    }
    return err;
}

void shadow_detach(struct shadow *sh)
{
    if (sh->window) {
        munmap(sh->window, sh->window_size);
    }
    for (unsigned int i = 0; i < sh->nr_regions; i++) {
        close(sh->region[i].fd);
    }
    if (sh->all.fd >= 0) {
        close(sh->all.fd);
    }
    if (sh->fd >= 0) {
        close(sh->fd);
    }
    shadow_init(sh);
}

int shadow_fd(const struct shadow *sh)
{
    return sh->fd;
}

void shadow_clear(struct shadow *sh)
{
    uint64_t events;
    ssize_t n = read(sh->fd, &events, sizeof(events));

    (void)n; /* EAGAIN: cleared already */
}

int shadow_info(const struct shadow *sh, struct shadow_info *info)
{
    return shadow_view(info, sh->window, (uint32_t)(sh->window_size >> VSH_FRAME_SHIFT),
                       sh->nr_queues);
}

int shadow_request(struct shadow *sh, const struct vsh_mailbox *body, int32_t *reply)
{
    struct vsh_mailbox *mailbox = (void *)((char *)sh->window + VSH_FRAME_MAILBOX * VSH_FRAME_SIZE);
    const struct timespec nap = {.tv_nsec = 1000000};
    int64_t deadline = loop_now() + REPLY_MS;
    struct vsh_mailbox m = *body;
    struct shadow_info info;
    int err;

    err = shadow_info(sh, &info);
    if (err) {
        return err;
    }
    if (info.state == VSH_STATE_GONE) {
        return -ENODEV;
    }

    /* The number of the last request: not a new one, until the rest is in place. */
    m.version = VSH_ABI_VERSION;
    m.request_seq = info.reply_seq;
    memcpy(m.aperture_gfn, sh->aperture_gfn, sizeof(m.aperture_gfn));
    memcpy(mailbox, &m, sizeof(m));
    m.request_seq = info.reply_seq + 1;
    __atomic_store_n(&mailbox->request_seq, m.request_seq, __ATOMIC_RELEASE);

    if (ioctl(sh->fd, VSH_DEV_NOTIFY)) {
        return -errno;
    }
    for (;;) {
        err = shadow_info(sh, &info);
        if (err) {
            return err;
        }
        if (info.state == VSH_STATE_GONE) {
            return -ENODEV;
        }
        if (info.reply_seq == m.request_seq) {
            *reply = info.reply_error;
            return 0;
        }
        if (loop_now() >= deadline) {
            return -ETIMEDOUT;
        }
        nanosleep(&nap, NULL);
    }
}

/* The idx of a ring; its place is Xen's word, but nothing outside the window is read. */
static uint16_t ring_idx(const struct shadow *sh, uint64_t das)
{
    uint64_t off = das - sh->all.das + SVQ_USED_IDX;

    if (off > sh->window_size - sizeof(uint16_t)) {
        return 0;
    }
    return __atomic_load_n((const uint16_t *)((const char *)sh->window + off), __ATOMIC_ACQUIRE);
}

bool shadow_queue_idle(const struct shadow *sh, const struct vhost_user_rings *rings)
{
    return ring_idx(sh, rings->used) == ring_idx(sh, rings->avail);
}

static int set_eventfd(struct shadow *sh, unsigned long request, uint32_t queue, int fd)
{
    struct vsh_dev_eventfd e = {.queue = queue, .fd = fd};

    return ioctl(sh->fd, request, &e) ? -errno : 0;
}

int shadow_set_kick(struct shadow *sh, uint32_t queue, int fd)
{
    return set_eventfd(sh, VSH_DEV_SET_KICK, queue, fd);
}

int shadow_set_call(struct shadow *sh, uint32_t queue, int fd)
{
    return set_eventfd(sh, VSH_DEV_SET_CALL, queue, fd);
}

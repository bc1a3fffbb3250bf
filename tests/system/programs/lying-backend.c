// SPDX-License-Identifier: MIT
/*
 * Runs in the backend VM, as root: a backend that lies. Against a device whose
 * driver starts it again after each failure (hand-driver with "recover"):
 *
 *   lying-backend FRONTEND-DOMID DEVICE
 *
 * Each case waits for a running device, does one wrong thing to the window, and
 * expects the device to fail, or nothing to happen, as the case says. Prints a line
 * for each (attack.h); exit 0 if all passed.
 */
#include <err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <virtio-shadow/abi.h>
#include <virtio-shadow/ring.h>

#include "attack.h"
#include "borrow.h"
#include "process.h"
#include "window.h"

#define ANSWER_SECONDS 60
/* How long nothing must happen, where nothing must happen: in looks at the state. */
#define QUIET_LOOKS 200

static struct borrowed dev;
static const volatile struct vsh_info *info;
static const volatile struct vsh_queue_info *queue;
static volatile uint8_t *used;
static uint16_t size;

static sigjmp_buf fault_env;

static void on_fault(int sig)
{
    siglongjmp(fault_env, sig);
}

static void pause_ms(unsigned int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&ts, NULL);
}

static uint64_t seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec;
}

/* A device that runs and has returned everything: the driver waits for us. */
static bool wait_idle(void)
{
    uint64_t end = seconds() + ANSWER_SECONDS;
    uint64_t window = (uint64_t)(uintptr_t)dev.window.va;

    do {
        if (info->state == VSH_STATE_RUNNING && queue->size) {
            const volatile uint16_t *avail_idx =
                (const volatile uint16_t *)(window + (queue->avail - dev.window.das) +
                                            SVQ_AVAIL_IDX);

            used = (volatile uint8_t *)(window + (queue->used - dev.window.das));
            size = (uint16_t)queue->size;
            if (*avail_idx && *avail_idx == *(volatile uint16_t *)(used + SVQ_USED_IDX))
                return true;
        }
        pause_ms(1);
    } while (seconds() < end);
    return false;
}

/* All eventfds of the daemon: among them the one that makes Xen look at the used ring. */
static void tell_xen(void)
{
    static const uint64_t one = 1;

    __sync_synchronize();
    for (unsigned int i = 0; i < dev.nr_eventfds; i++)
        if (write(dev.eventfd[i], &one, sizeof(one)) != sizeof(one))
            warn("eventfd");
}

static void put_used(uint32_t id, uint32_t len, uint16_t idx_step)
{
    volatile uint16_t *idx = (volatile uint16_t *)(used + SVQ_USED_IDX);
    uint16_t at = *idx;

    *(volatile uint32_t *)(used + SVQ_USED_ID(at % size)) = id;
    *(volatile uint32_t *)(used + SVQ_USED_LEN(at % size)) = len;
    __sync_synchronize();
    *idx = (uint16_t)(at + idx_step);
    tell_xen();
}

static void used_idx_jumps(void)
{
    put_used(0, 1, (uint16_t)(size + 1));
}

static void used_idx_jumps_by_one(void)
{
    put_used(0, 1, 1);
}

static void used_idx_goes_back(void)
{
    put_used(0, 1, 0xffff);
}

static void used_id_beyond_table(void)
{
    put_used(size, 1, 1);
}

static void used_id_far_beyond_table(void)
{
    put_used(0xffffffffu, 0xffffffffu, 1);
}

static void notification_storm(void)
{
    for (unsigned int i = 0; i < 1000; i++)
        tell_xen();
}

static void mailbox_garbage(void)
{
    volatile struct vsh_mailbox *m =
        (volatile struct vsh_mailbox *)(dev.window.va + VSH_FRAME_MAILBOX * VSH_FRAME_SIZE);
    uint32_t seq = m->request_seq;

    /* Without a request: Xen does not look. The daemon writes what it needs anew. */
    for (uint32_t i = 0; i < VSH_FRAME_SIZE / 4; i++)
        if (i != offsetof(struct vsh_mailbox, request_seq) / 4)
            ((volatile uint32_t *)m)[i] = 0xdeadbeef;
    m->request_seq = seq;
    tell_xen();
}

/* A write that must fault. */
static bool can_write(volatile uint8_t *p)
{
    if (sigsetjmp(fault_env, 1))
        return false;
    *p = 0x5a;
    return true;
}

static volatile uint8_t *in_window(uint64_t das)
{
    return dev.window.va + (das - dev.window.das);
}

static const char *check_read_only(const char *what, volatile uint8_t *p)
{
    static char why[128];

    for (unsigned int i = 0; i < VSH_FRAME_SIZE; i += 512) {
        if (can_write(p + i)) {
            snprintf(why, sizeof(why), "%s can be written", what);
            return why;
        }
    }
    return NULL;
}

/* A file that a device process has must not show it the mailbox, at whatever offset. */
static const char *cannot_map(size_t size, off_t offset)
{
    static char why[128];
    void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dev.queues_fd, offset);

    if (va == MAP_FAILED)
        return NULL;
    munmap(va, size);
    snprintf(why, sizeof(why), "%zu bytes at offset %lld can be mapped", size, (long long)offset);
    return why;
}

/* Also after it was mapped. */
static const char *cannot_grow(void)
{
    void *va = mmap(NULL, VSH_FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dev.queues_fd, 0);
    long bigger;

    if (va == MAP_FAILED)
        return "the first queue cannot be mapped";
    bigger = syscall(SYS_mremap, va, VSH_FRAME_SIZE, dev.window.size, 1 /* MREMAP_MAYMOVE */);
    if (bigger != -1)
        return "a mapping of the queues can grow";
    munmap(va, VSH_FRAME_SIZE);
    return NULL;
}

/* By the kernel's word: no device process here has mapped as much as a whole window. */
static const char *nobody_has_mapped_it(void)
{
    DIR *proc = opendir("/proc");
    unsigned int mapped = 0;
    const char *why = NULL;
    int pid;

    if (!proc)
        err(2, "/proc");
    while (!why && (pid = process_next(proc, "qemu-storage-da"))) {
        char path[64], line[512];
        FILE *maps;

        snprintf(path, sizeof(path), "/proc/%d/maps", pid);
        maps = fopen(path, "re");
        while (maps && fgets(line, sizeof(line), maps)) {
            unsigned long from, to;

            if (!strstr(line, "[virtio-shadow]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
                continue;
            mapped += to - from == dev.queues.size;
            if (to - from == dev.window.size)
                why = "a device process has mapped the whole window";
        }
        if (maps)
            fclose(maps);
    }
    closedir(proc);
    attack_saw("%u mappings of queues alone", mapped);
    return why ? why : mapped ? NULL : "no device process has mapped the queues";
}

static const char *mailbox_by_a_device_process(void)
{
    const uint64_t before = VSH_FRAME_FIRST_QUEUE * VSH_FRAME_SIZE;
    const char *why = NULL;

    if (!dev.queues.va)
        return "the daemon has no file of the queues alone";
    attack_saw("the window has %#llx bytes, the queues %#llx", (unsigned long long)dev.window.size,
               (unsigned long long)dev.queues.size);
    if (dev.queues.das != dev.window.das + before || dev.queues.size != dev.window.size - before)
        return "the file is not of the queues alone";
    if (memcmp(dev.queues.va, dev.window.va + before, VSH_FRAME_SIZE))
        return "offset 0 is not the first queue";
    why = cannot_map(dev.queues.size + VSH_FRAME_SIZE, 0);
    if (!why)
        why = cannot_map(dev.window.size, 0);
    if (!why)
        why = cannot_map(VSH_FRAME_SIZE, -(off_t)VSH_FRAME_SIZE);
    if (!why)
        why = cannot_map(before, -(off_t)before);
    if (!why)
        why = cannot_map(VSH_FRAME_SIZE, (off_t)dev.queues.size);
    if (!why)
        why = cannot_grow();
    return why ? why : nobody_has_mapped_it();
}

#define FAILS "the device fails"
#define IGNORED "ignored, the device goes on"
#define FAULTS "each write faults"

static const struct {
    struct attack a;
    void (*lie)(void);
} lie[] = {
    {{"backend", "beside a device process: notification storm", IGNORED, 0, 0}, notification_storm},
    {{"backend", "beside a device process: garbage in the mailbox", IGNORED, 0, 0},
     mailbox_garbage},
    {{"backend", "beside a device process: used idx jumps beyond the queue size", FAILS, 1,
      SVQ_ERR_USED_IDX},
     used_idx_jumps},
    {{"backend", "beside a device process: used idx moves with nothing in flight", FAILS, 1,
      SVQ_ERR_USED_IDX},
     used_idx_jumps_by_one},
    {{"backend", "beside a device process: used idx goes back", FAILS, 1, SVQ_ERR_USED_IDX},
     used_idx_goes_back},
    {{"backend", "beside a device process: used id just beyond the table", FAILS, 1,
      SVQ_ERR_USED_IDX},
     used_id_beyond_table},
    {{"backend", "beside a device process: used id far beyond the table", FAILS, 1,
      SVQ_ERR_USED_IDX},
     used_id_far_beyond_table},
};

static const char *stays_running(uint32_t generation)
{
    for (unsigned int i = 0; i < QUIET_LOOKS; i++) {
        if (info->state != VSH_STATE_RUNNING || info->generation != generation)
            return "the device did not stay running";
        pause_ms(1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct attack
        info_page = {"backend", "beside a device process: writes to the info page", FAULTS, 0, 0},
        descriptors = {"backend", "beside a device process: writes to the shadow descriptors",
                       FAULTS, 0, 0},
        available = {"backend", "beside a device process: writes to the shadow available ring",
                     FAULTS, 0, 0},
        mailbox = {"backend", "mailbox by a device process",
                   "its files show the queues, and the mailbox at no offset", 0, 0};
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

    if (argc != 3)
        errx(2, "usage: lying-backend FRONTEND-DOMID DEVICE");
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    borrow_device(&dev, (unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]),
                  PROT_READ | PROT_WRITE);
    info = (const volatile struct vsh_info *)dev.window.va;
    queue = window_queue(dev.window.va, dev.window.size, 0);

    if (!wait_idle())
        errx(2, "the driver has not started the device");
    attack_end(&info_page, check_read_only("the info page", dev.window.va));
    attack_end(&descriptors, check_read_only("the descriptor table", in_window(queue->desc)));
    attack_end(&available, check_read_only("the available ring", in_window(queue->avail)));

    attack_class(9);
    attack_end(&mailbox, mailbox_by_a_device_process());

    for (unsigned int i = 0; i < sizeof(lie) / sizeof(*lie); i++) {
        uint32_t generation;

        if (!wait_idle()) {
            attack_end(&lie[i].a, "the device does not run to begin with");
            continue;
        }
        generation = info->generation;
        borrow_eventfds(&dev);
        lie[i].lie();
        if (!lie[i].a.failures) {
            attack_end(&lie[i].a, stays_running(generation));
            continue;
        }
        while (info->generation == generation && info->state == VSH_STATE_RUNNING) {
            static unsigned int looks;

            if (++looks > ANSWER_SECONDS * 1000)
                break;
            pause_ms(1);
        }
        attack_saw("generation %u after %u, state %u", info->generation, generation, info->state);
        attack_end(&lie[i].a, info->generation == generation ? "the device did not fail" : NULL);
    }
    return attacks_failed ? 1 : 0;
}

// SPDX-License-Identifier: MIT
/*
 * A fixed number of I/O requests on a block device, and how long they took:
 *
 *   bench-io [-w] [-r] [-m] [-b BYTES] [-q DEPTH] [-n REQUESTS] [-t TASKS]
 *            [-l LAYOUT -f FILE] DEVICE...
 *   bench-io -m -s MILLISECONDS none
 *
 * -w  write; -r  at random; -m  mark begin and end for the emulator's instruction counter;
 * -t  processes, on a CPU each. Several devices take turns.
 * -l  contiguous or scattered: buffers of physical pages that are laid out so, out of FILE, on
 *     a file system in RAM; all who name it have the same ones (buffers.h). One task.
 * -s  sleep instead, to see what happens without any I/O.
 *
 * For counts, fio would do too much besides: here, what happens between the marks is I/O.
 * Prints "io requests=N ns=N".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffers.h"
#include "mark.h"

#define MAX_DEPTH 128
#define MAX_DEVICES 32
#define MAX_TASKS 16

static size_t bytes = 4096;
static unsigned int depth = 1, tasks = 1, devices;
static unsigned long requests = 1000;
static bool writes, at_random, marks;
static int fds[MAX_DEVICES];
static uint64_t blocks[MAX_DEVICES];
static const char *names[MAX_DEVICES];
static const char *pool;
static enum layout layout;

static _Noreturn void fail(const char *what, const char *name)
{
    fprintf(stderr, "bench-io: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void open_devices(void)
{
    uint64_t size;

    for (unsigned int i = 0; i < devices; i++) {
        fds[i] = open(names[i], (writes ? O_RDWR : O_RDONLY) | O_DIRECT);
        if (fds[i] < 0)
            fail("cannot open", names[i]);
        if (ioctl(fds[i], BLKGETSIZE64, &size))
            fail("cannot get the size of", names[i]);
        blocks[i] = size / bytes;
        if (!blocks[i]) {
            errno = ENOSPC;
            fail("no room on", names[i]);
        }
    }
}

/* One task's requests. Its place on the device and its random numbers depend on nothing but it. */
static void run(aio_context_t ctx, char *buffers, unsigned long count, unsigned int task)
{
    struct iocb cb[MAX_DEPTH], *ready[MAX_DEPTH];
    struct io_event done[MAX_DEPTH];
    uint64_t seed = task * 7919 + 1, next = task * 1021;
    unsigned long issued = 0, returned = 0;
    unsigned int free_slots[MAX_DEPTH], nr_free = depth, device = 0;

    for (unsigned int i = 0; i < depth; i++)
        free_slots[i] = i;
    while (returned < count) {
        long nr = 0, got;

        while (nr_free && issued < count) {
            unsigned int slot = free_slots[--nr_free];
            uint64_t block;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            block = at_random ? seed >> 33 : next++;
            cb[slot] = (struct iocb){
                .aio_data = slot,
                .aio_lio_opcode = writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
                .aio_fildes = (uint32_t)fds[device],
                .aio_buf = (uintptr_t)(buffers + slot * bytes),
                .aio_nbytes = bytes,
                .aio_offset = (int64_t)(block % blocks[device] * bytes),
            };
            device = (device + 1) % devices;
            ready[nr++] = &cb[slot];
            issued++;
        }
        for (long sent = 0; sent < nr;) {
            got = syscall(SYS_io_submit, ctx, nr - sent, ready + sent);
            if (got <= 0)
                fail("cannot submit to", names[0]);
            sent += got;
        }
        got = syscall(SYS_io_getevents, ctx, 1L, (long)depth, done, NULL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fail("no completion from", names[0]);
        for (long i = 0; i < got; i++) {
            if (done[i].res != (int64_t)bytes) {
                errno = done[i].res < 0 ? (int)-done[i].res : EIO;
                fail("I/O error on", names[0]);
            }
            free_slots[nr_free++] = (unsigned int)done[i].data;
        }
        returned += (unsigned long)got;
    }
}

static void pin(unsigned int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static char *get_buffers(void)
{
    char *buffers;

    if (pool)
        return map_buffers(pool, layout, bytes, depth);
    buffers = mmap(NULL, depth * bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (buffers == MAP_FAILED)
        fail("no memory for", names[0]);
    memset(buffers, 0x5a, depth * bytes);
    return buffers;
}

/* A child tells that it is ready, waits for the start, works, and tells that it is done. */
static void child(unsigned int task, int ready, int start)
{
    aio_context_t ctx = 0;
    char *buffers, c = 0;

    pin(task);
    buffers = get_buffers();
    if (syscall(SYS_io_setup, MAX_DEPTH, &ctx))
        fail("no memory for", names[0]);
    run(ctx, buffers, 2ul * depth * devices, task);
    if (write(ready, &c, 1) != 1 || read(start, &c, 1) != 1)
        _exit(1);
    run(ctx, buffers, requests / tasks, task);
    /* Told when it is done, and nothing else: what follows would be counted. */
    if (write(ready, &c, 1) != 1)
        _exit(1);
    if (read(start, &c, 1) != 1)
        _exit(1);
    if (pool)
        report_buffers(buffers, layout, bytes, depth);
    _exit(0);
}

static void wait_ready(int fd)
{
    char c;

    for (unsigned int i = 0; i < tasks; i++)
        if (read(fd, &c, 1) != 1) {
            errno = EPIPE;
            fail("a task ended early on", names[0]);
        }
}

int main(int argc, char **argv)
{
    int option, ready[2], start[2], status;
    uint64_t begin, end;
    unsigned long sleep_ms = 0;
    static char go[MAX_TASKS];

    while ((option = getopt(argc, argv, "wrmb:q:n:t:s:l:f:")) != -1) {
        switch (option) {
        case 'w':
            writes = true;
            break;
        case 'r':
            at_random = true;
            break;
        case 'm':
            marks = true;
            break;
        case 'b':
            bytes = strtoul(optarg, NULL, 0);
            break;
        case 'q':
            depth = (unsigned int)strtoul(optarg, NULL, 0);
            break;
        case 'n':
            requests = strtoul(optarg, NULL, 0);
            break;
        case 't':
            tasks = (unsigned int)strtoul(optarg, NULL, 0);
            break;
        case 's':
            sleep_ms = strtoul(optarg, NULL, 0);
            break;
        case 'l':
            layout = strcmp(optarg, "scattered") ? CONTIGUOUS : SCATTERED;
            break;
        case 'f':
            pool = optarg;
            break;
        default:
            return 2;
        }
    }
    for (; optind < argc && devices < MAX_DEVICES; optind++)
        names[devices++] = argv[optind];
    if (!devices || !bytes || bytes % 512 || !depth || depth > MAX_DEPTH || !tasks ||
        tasks > MAX_TASKS || requests / tasks < 1 || (pool && tasks > 1)) {
        fprintf(stderr, "bench-io: wrong arguments, see the source\n");
        return 2;
    }
    if (sleep_ms) {
        mark();
        usleep((useconds_t)sleep_ms * 1000);
        mark();
        return 0;
    }
    open_devices();
    if (pipe(ready) || pipe(start))
        fail("no pipe for", names[0]);
    for (unsigned int i = 0; i < tasks; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("cannot fork for", names[0]);
        if (!pid) {
            close(ready[0]);
            close(start[1]);
            child(i, ready[1], start[0]);
        }
    }
    close(ready[1]);
    wait_ready(ready[0]);
    if (marks)
        mark();
    begin = now_ns();
    if (write(start[1], go, tasks) != (ssize_t)tasks)
        fail("cannot start on", names[0]);
    wait_ready(ready[0]);
    end = now_ns();
    if (marks)
        mark();
    if (write(start[1], go, tasks) != (ssize_t)tasks)
        fail("cannot end with", names[0]);
    for (unsigned int i = 0; i < tasks; i++)
        if (wait(&status) < 0 || status)
            return 1;
    printf("io requests=%lu ns=%llu\n", requests / tasks * tasks,
           (unsigned long long)(end - begin));
    return 0;
}

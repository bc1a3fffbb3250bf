// SPDX-License-Identifier: MIT
/*
 * Executes so many instructions of a kind, between marks, to see that the emulator's counter counts
 * them, and where:
 *
 *   bench-known user N    N instructions of this program
 *   bench-known kernel N  N system calls that do nothing, 4 instructions of this program each
 *   bench-known xen N     N hypercalls, by reading a file of which the kernel asks Xen
 *
 * Prints "known number=N ticks=T": on the machine that repeats, the clock counts instructions, of
 * all CPUs, and those that are idle do not move it while another is not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mark.h"

#define ASKED_OF_XEN "/sys/hypervisor/version/extra"

static uint64_t ticks(void)
{
    uint64_t t;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(t)::"memory");
    return t;
}

static void in_user(uint64_t n)
{
    n /= 2;
    __asm__ volatile("1:\n\tsubs %0, %0, #1\n\tb.ne 1b" : "+r"(n)::"cc");
}

static void in_kernel(uint64_t n)
{
    __asm__ volatile("1:\n\tmov x8, %1\n\tsvc #0\n\tsubs %0, %0, #1\n\tb.ne 1b"
                     : "+r"(n)
                     : "i"(SYS_getppid)
                     : "x0", "x8", "cc", "memory");
}

static int in_xen(int fd, uint64_t n)
{
    char text[64];

    while (n--)
        if (pread(fd, text, sizeof(text), 0) <= 0)
            return -1;
    return 0;
}

/* -1 if it did not do what it was to do. */
static int execute(const char *what, int fd, uint64_t n)
{
    if (!strcmp(what, "user"))
        in_user(n);
    else if (!strcmp(what, "kernel"))
        in_kernel(n);
    else if (!strcmp(what, "xen"))
        return in_xen(fd, n);
    else
        return -1;
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 0) : 0, begin, end;
    int fd = open(ASKED_OF_XEN, O_RDONLY), failed;

    if (fd < 0 || n < 100) {
        fprintf(stderr,
                "usage: bench-known user|kernel|xen NUMBER, where there is " ASKED_OF_XEN "\n");
        return 2;
    }
    /* What is done for the first time is not in it. */
    execute(argv[1], fd, 100);
    mark();
    begin = ticks();
    failed = execute(argv[1], fd, n);
    end = ticks();
    mark();
    printf("known number=%" PRIu64 " ticks=%" PRIu64 "\n", n, end - begin);
    return failed ? 1 : 0;
}

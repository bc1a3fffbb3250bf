// SPDX-License-Identifier: MIT
/*
 * Runs in a guest: fills memory with a word that is in no request, and keeps it
 * until it is killed.
 *
 *   canary MIB [FILE]
 *
 * Reads and writes FILE meanwhile, past the page cache. Its buffers lie in that
 * memory, mostly beginning and ending in the middle of a page, hold another word
 * while a request is under way, and are canaries again when it has returned.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "canary.h"

#define SECTOR 512u
#define FILE_SECTORS 8192u
/* The longest request: some are copied, of some the whole pages are granted. */
#define MAX_SECTORS 256u
/* Others are to get at the CPU, too. */
#define PAUSE_US 3000

static void fill(uint64_t *word, size_t bytes, uint64_t val)
{
    for (size_t i = 0; i < bytes / sizeof(*word); i++)
        word[i] = val;
}

static bool is_filled(const uint64_t *word, size_t bytes, uint64_t val)
{
    for (size_t i = 0; i < bytes / sizeof(*word); i++)
        if (word[i] != val)
            return false;
    return true;
}

static size_t below(size_t limit)
{
    return (size_t)random() % limit;
}

static void one(int fd, char *memory, size_t bytes, bool write)
{
    size_t len = (1 + below(MAX_SECTORS)) * SECTOR;
    size_t at = below((bytes - len) / SECTOR) * SECTOR;
    off_t off = (off_t)(below(FILE_SECTORS - MAX_SECTORS) * SECTOR);
    uint64_t *buf = (uint64_t *)(memory + at);
    ssize_t done;

    fill(buf, len, PAYLOAD);
    done = write ? pwrite(fd, buf, len, off) : pread(fd, buf, len, off);
    if (done != (ssize_t)len)
        err(1, "%zu bytes at %lld", len, (long long)off);
    if (!is_filled(buf, len, PAYLOAD))
        errx(1, "%zu bytes at %lld are not what was written", len, (long long)off);
    fill(buf, len, CANARY);
}

/* All of the file is written before it is read. */
static int open_file(const char *path, char *memory)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);

    if (fd < 0)
        err(2, "%s", path);
    fill((uint64_t *)memory, MAX_SECTORS * SECTOR, PAYLOAD);
    for (unsigned int i = 0; i < FILE_SECTORS; i += MAX_SECTORS)
        if (pwrite(fd, memory, MAX_SECTORS * SECTOR, (off_t)i * SECTOR) != MAX_SECTORS * SECTOR)
            err(1, "%s", path);
    fill((uint64_t *)memory, MAX_SECTORS * SECTOR, CANARY);
    return fd;
}

int main(int argc, char **argv)
{
    size_t bytes = argc >= 2 ? (size_t)atoi(argv[1]) << 20 : 0;
    char *memory;
    int fd;

    if (!bytes || argc > 3)
        errx(2, "usage: canary MIB [FILE]");
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        err(2, "cannot lock %zu bytes", bytes);
    fill((uint64_t *)memory, bytes, CANARY);
    fd = argc == 3 ? open_file(argv[2], memory) : -1;
    printf("%zu bytes\n", bytes);
    fflush(stdout);
    if (fd < 0)
        for (;;)
            pause();
    for (bool write = false;; write = !write) {
        one(fd, memory, bytes, write);
        usleep(PAUSE_US);
    }
}

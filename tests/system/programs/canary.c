// SPDX-License-Identifier: MIT
/*
 * Runs in a guest: fills memory with a word that is in no request, and keeps it
 * until it is killed.
 *
 *   canary MIB
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "canary.h"

int main(int argc, char **argv)
{
    size_t bytes = argc == 2 ? (size_t)atoi(argv[1]) << 20 : 0;
    uint64_t *word;

    if (!bytes)
        errx(2, "usage: canary MIB");
    word = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
    if (word == MAP_FAILED)
        err(2, "cannot lock %zu bytes", bytes);
    for (size_t i = 0; i < bytes / sizeof(*word); i++)
        word[i] = CANARY;
    printf("%zu bytes\n", bytes);
    fflush(stdout);
    for (;;)
        pause();
}

// SPDX-License-Identifier: MIT
/* I/O on the disk that is not attacked: witness.h. */
#include "witness.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK "/dev/vda"
/* Behind the last partition, which ends here: testbed/stages/image-guest.sh. */
#define SCRATCH_AT ((1 + 32 + 384) * 1048576L)
#define BLOCK 4096u

static uint8_t *block, *first;

static bool read_block(const char *path, off_t at)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    bool good = fd >= 0 && pread(fd, block, BLOCK, at) == (ssize_t)BLOCK;

    if (fd >= 0)
        close(fd);
    return good;
}

static bool write_block(const char *path, off_t at)
{
    int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
    bool good = fd >= 0 && pwrite(fd, block, BLOCK, at) == (ssize_t)BLOCK;

    if (fd >= 0)
        close(fd);
    return good;
}

const char *witness(void)
{
    static uint8_t seed;

    if (!block && (posix_memalign((void **)&block, BLOCK, BLOCK) || !(first = malloc(BLOCK))))
        return "no memory for the other disk";
    if (!read_block(DISK, 0))
        return "the other disk cannot be read";
    if (!seed)
        memcpy(first, block, BLOCK);
    else if (memcmp(first, block, BLOCK))
        return "the other disk's first block has changed";

    seed = seed == 255 ? 1 : (uint8_t)(seed + 1);
    memset(block, seed, BLOCK);
    if (!write_block(DISK, SCRATCH_AT))
        return "the other disk cannot be written";
    memset(block, 0, BLOCK);
    if (!read_block(DISK, SCRATCH_AT))
        return "the other disk cannot be read back";
    for (unsigned int i = 0; i < BLOCK; i++)
        if (block[i] != seed)
            return "the other disk returns something else than was written";
    return NULL;
}

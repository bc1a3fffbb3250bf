// SPDX-License-Identifier: MIT
/*
 * Preloaded into a device process: says in the file WRITES_LOG in which order writes end (w) and
 * flushes begin (b) and end (e). A flush takes its time, so that writes overlap with it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#define FLUSH_US 20000

static void say(char what)
{
    const char *path = getenv("WRITES_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd < 0 || write(fd, &what, 1) != 1) {
        abort();
    }
    close(fd);
}

static void *next(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (!f) {
        abort();
    }
    return f;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    ssize_t (*f)(int, const void *, size_t, off64_t) = next("pwrite64");
    ssize_t done = f(fd, data, len, offset);

    say('w');
    return done;
}

ssize_t pwritev64(int fd, const struct iovec *iov, int nr, off64_t offset)
{
    ssize_t (*f)(int, const struct iovec *, int, off64_t) = next("pwritev64");
    ssize_t done = f(fd, iov, nr, offset);

    say('w');
    return done;
}

int fdatasync(int fd)
{
    int (*f)(int) = next("fdatasync");
    int ret;

    say('b');
    usleep(FLUSH_US);
    ret = f(fd);
    say('e');
    return ret;
}

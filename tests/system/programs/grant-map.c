// SPDX-License-Identifier: MIT
/*
 * Runs in the backend VM, as root: maps a page that another domain has granted,
 * for writing, and keeps it until it is killed.
 *
 *   grant-map DOMID REF
 *
 * Says "mapped", or "refused", and ends.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

/* Linux' xen/gntdev.h, which is not among the headers of a C library. */
struct gntdev_map {
    uint32_t count, pad;
    uint64_t index;
    struct {
        uint32_t domid, ref;
    } refs[1];
};

#define GNTDEV_MAP _IOC(_IOC_NONE, 'G', 0, sizeof(struct gntdev_map))

static bool map(const char *domain, const char *ref, int prot)
{
    struct gntdev_map map = {.count = 1};
    int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        err(2, "/dev/xen/gntdev");
    map.refs[0].domid = (uint32_t)atoi(domain);
    map.refs[0].ref = (uint32_t)atoi(ref);
    if (ioctl(fd, GNTDEV_MAP, &map))
        err(2, "grant %s of domain %s", ref, domain);
    return mmap(NULL, PAGE, prot, MAP_SHARED, fd, (off_t)map.index) != MAP_FAILED;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: grant-map DOMID REF");
    /* Xen looks a page up when its grant is first used, and not again: so, not to write at first.
     */
    map(argv[1], argv[2], PROT_READ);
    if (!map(argv[1], argv[2], PROT_READ | PROT_WRITE)) {
        puts("refused");
        return 0;
    }
    puts("mapped");
    fflush(stdout);
    pause();
    return 0;
}

// SPDX-License-Identifier: MIT
/*
 * xen-grant-dma: serves a virtio disk to a guest that grants what it has DMA done to, to compare
 * mediated disks with. This domain has to be the guest's device model (device-model-rights, or
 * dom0).
 */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "device.h"
#include "grants.h"
#include "ioreq.h"

static void usage(void)
{
    fputs("usage: xen-grant-dma [-n] [-c] [-D] [-t] DOMID BASE IRQ [DEVICE]\n"
          "  -n  complete requests without doing them (DEVICE may be left out)\n"
          "  -c  have data copied by the hypervisor, instead of mapping it\n"
          "  -D  direct I/O\n"
          "  -t  offer indirect tables\n",
          stderr);
    exit(2);
}

static uint64_t number(const char *what, const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 0);

    if (!*text || *end)
        errx(2, "%s: '%s' is not a number", what, text);
    return n;
}

static void *work(void *arg)
{
    device_work();
    return arg;
}

int main(int argc, char *argv[])
{
    struct block_options options = {.device = NULL};
    bool indirect = false;
    uint16_t domid;
    uint64_t base, sectors;
    uint32_t irq;
    pthread_t worker;
    int c;

    while ((c = getopt(argc, argv, "ncDt")) != -1) {
        switch (c) {
        case 'n':
            options.null = true;
            break;
        case 'c':
            options.copy = true;
            break;
        case 'D':
            options.direct = true;
            break;
        case 't':
            indirect = true;
            break;
        default:
            usage();
        }
    }
    argv += optind;
    argc -= optind;
    if (argc < 3 || argc > 4 || (argc == 3 && !options.null))
        usage();
    domid = (uint16_t)number("DOMID", argv[0]);
    base = number("BASE", argv[1]);
    irq = (uint32_t)number("IRQ", argv[2]);
    options.device = argv[3];

    grants_open(domid);
    sectors = block_open(&options);
    device_init(irq, sectors, indirect);
    ioreq_open(domid, base, DEVICE_REGISTERS);
    if (pthread_create(&worker, NULL, work, NULL))
        errx(1, "cannot start a thread");
    printf("serving domain %u at %#llx, %llu sectors\n", domid, (unsigned long long)base,
           (unsigned long long)sectors);
    fflush(stdout);
    ioreq_serve(device_access, device_after_access);
}

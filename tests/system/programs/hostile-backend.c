// SPDX-License-Identifier: MIT
/*
 * Runs in a backend VM, as root: a backend that is hostile. It takes a device
 * over from the daemon, which it stops, and serves the driver hand-peer.
 *
 *   hostile-backend FRONTEND-DOMID DEVICE GROUP...
 *
 * Groups of attacks: used, memory, exact, hypercalls, mailbox, life, storm. exact is what
 * policies promise that keep to the byte. The hypercalls need
 * "xen_privcmd.unrestricted=1 maxcpus=2" on the kernel's command line, and three
 * vCPUs.
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "process.h"

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {
    {"used", hostile_used},       {"memory", hostile_memory},
    {"exact", hostile_exact},     {"hypercalls", hostile_hypercalls},
    {"mailbox", hostile_mailbox}, {"life", hostile_life},
    {"storm", hostile_storm},
};

/* Every process of that name. */
static void stop_all(const char *name)
{
    DIR *d = opendir("/proc");
    int pid;

    if (!d)
        err(2, "/proc");
    while ((pid = process_next(d, name)))
        kill(pid, SIGTERM);
    closedir(d);
}

static void run_group(const char *name)
{
    for (unsigned int i = 0; i < H_COUNT(groups); i++) {
        if (!strcmp(groups[i].name, name)) {
            groups[i].run();
            return;
        }
    }
    errx(2, "there is no group %s", name);
}

int main(int argc, char **argv)
{
    int error;

    if (argc < 4)
        errx(2, "usage: hostile-backend FRONTEND-DOMID DEVICE GROUP...");
    stop_all("virtio-shadowd");
    stop_all("qemu-storage-da");
    h_open((unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]));
    /* The driver may not have reset the device yet that the daemon has left. */
    for (unsigned int i = 0; (error = h_attach()) == VSH_ERR_STATE && i < 200; i++)
        h_pause_ms(50);
    if (error)
        errx(2, "Xen refuses the description: %d", error);

    for (int i = 3; i < argc; i++)
        run_group(argv[i]);

    if (!h_exchange(&(struct peer_order){.kind = PEER_QUIT}))
        errx(1, "hand-peer is gone");
    h_pause_ms(100);
    h_pump();
    h_detach();
    return attacks_failed ? 1 : 0;
}

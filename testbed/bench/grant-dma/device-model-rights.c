// SPDX-License-Identifier: MIT
/*
 * device-model-rights DOMID GUEST: run in dom0, makes a domain the device model of a guest, as the
 * toolstack does for stub domains. That is all power over the guest, its memory included, for as
 * long as the domain lives.
 */
#include <err.h>
#include <stdlib.h>

#include <xenctrl.h>

int main(int argc, char *argv[])
{
    xc_interface *xc;

    if (argc != 3)
        errx(2, "usage: device-model-rights DOMID GUEST");
    xc = xc_interface_open(NULL, NULL, 0);
    if (!xc)
        err(1, "cannot talk to Xen");
    if (xc_domain_set_target(xc, (uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2])))
        err(1, "domain %s cannot become the device model of domain %s", argv[1], argv[2]);
    xc_interface_close(xc);
    return 0;
}

// SPDX-License-Identifier: MIT
#include "ioreq.h"

#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xen/hvm/ioreq.h>

static struct {
    xendevicemodel_handle *model;
    xenevtchn_handle *channels;
    domid_t guest;
    uint64_t base;
    unsigned int nr_vcpus;
    struct shared_iopage *page;
    evtchn_port_t *port; /* of each vCPU */
} server;

void ioreq_open(uint16_t domid, uint64_t base, uint64_t size)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    ioservid_t id;
    void *page = NULL;
    unsigned int i;

    server.guest = domid;
    server.base = base;
    server.model = xendevicemodel_open(NULL, 0);
    server.channels = xenevtchn_open(NULL, 0);
    if (!memory || !server.model || !server.channels)
        err(1, "Xen's devices in /dev/xen");
    if (xendevicemodel_nr_vcpus(server.model, domid, &server.nr_vcpus))
        err(1, "domain %u: is this domain its device model?", domid);
    if (xendevicemodel_create_ioreq_server(server.model, domid, HVM_IOREQSRV_BUFIOREQ_OFF, &id))
        err(1, "domain %u: cannot create an ioreq server", domid);
    if (!xenforeignmemory_map_resource(memory, domid, XENMEM_resource_ioreq_server, id,
                                       XENMEM_resource_ioreq_server_frame_ioreq(0), 1, &page,
                                       PROT_READ | PROT_WRITE, 0))
        err(1, "domain %u: cannot map the page of the ioreq server", domid);
    server.page = page;
    if (xendevicemodel_map_io_range_to_ioreq_server(server.model, domid, id, 1, base,
                                                    base + size - 1))
        err(1, "domain %u: cannot take the registers at %#llx", domid, (unsigned long long)base);
    if (xendevicemodel_set_ioreq_server_state(server.model, domid, id, 1))
        err(1, "domain %u: cannot enable the ioreq server", domid);

    server.port = calloc(server.nr_vcpus, sizeof(*server.port));
    if (!server.port)
        err(1, "memory for event channels");
    for (i = 0; i < server.nr_vcpus; i++) {
        xenevtchn_port_or_error_t port =
            xenevtchn_bind_interdomain(server.channels, domid, server.page->vcpu_ioreq[i].vp_eport);

        if (port < 0)
            err(1, "domain %u: cannot bind the event channel of vCPU %u", domid, i);
        server.port[i] = (evtchn_port_t)port;
    }
}

void ioreq_interrupt(uint32_t spi)
{
    if (xendevicemodel_set_irq_level(server.model, server.guest, spi, 1))
        err(1, "domain %u: cannot raise interrupt %u", server.guest, spi);
}

static void serve_vcpu(unsigned int vcpu, ioreq_access access, ioreq_after after)
{
    volatile struct ioreq *req = &server.page->vcpu_ioreq[vcpu];
    uint64_t val;

    if (req->state != STATE_IOREQ_READY)
        return;
    /* The request is complete before its state says so. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    req->state = STATE_IOREQ_INPROCESS;
    if (req->type == IOREQ_TYPE_COPY && !req->data_is_ptr && req->addr >= server.base) {
        val = access((uint32_t)(req->addr - server.base), req->size, req->dir == IOREQ_WRITE,
                     req->data);
        if (req->dir == IOREQ_READ)
            req->data = val;
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    req->state = STATE_IORESP_READY;
    xenevtchn_notify(server.channels, server.port[vcpu]);
    after();
}

void ioreq_serve(ioreq_access access, ioreq_after after)
{
    for (;;) {
        xenevtchn_port_or_error_t port = xenevtchn_pending(server.channels);
        unsigned int i;

        if (port < 0)
            err(1, "event channels");
        if (xenevtchn_unmask(server.channels, (evtchn_port_t)port))
            err(1, "event channel %d", port);
        for (i = 0; i < server.nr_vcpus; i++)
            if (server.port[i] == (evtchn_port_t)port)
                serve_vcpu(i, access, after);
    }
}

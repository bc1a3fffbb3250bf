/* SPDX-License-Identifier: MIT */
/* Stand-in: event channels that end in Xen. */
#ifndef STAND_IN_XEN_EVENT_H
#define STAND_IN_XEN_EVENT_H

#include <xen/sched.h>

typedef void (*xen_event_channel_notification_t)(struct vcpu *v, unsigned int port);

int alloc_unbound_xen_event_channel(struct domain *ld, unsigned int lvcpu, domid_t remote,
                                    xen_event_channel_notification_t notification);
void free_xen_event_channel(struct domain *d, int port);
void notify_via_xen_event_channel(struct domain *ld, int lport);

#endif

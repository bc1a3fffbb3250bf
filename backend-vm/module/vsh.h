/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the virtio-shadow module share. */
#ifndef VSH_H
#define VSH_H

#include <linux/ioport.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <xen/interface/event_channel.h>

#include "virtio-shadow/abi.h"
#include "virtio-shadow/view.h"
#include "virtio_shadow_uapi.h"

struct eventfd_ctx;
struct file;

/*
 * A stretch of otherwise unused guest-physical space with struct pages, behind
 * which Xen puts memory of its own or of the frontend.  Nothing in the kernel
 * may touch the contents of an aperture: there is nothing there most of the
 * time.
 */
struct vsh_region {
	struct resource res;
	void *va;
	u64 das;
	unsigned long nr_pages;	/* that can be mapped; res may be larger */
	unsigned long scanned;	/* pages known to be unused, while dying */
	struct dev_pagemap pgmap;
};

/* One event channel to Xen. */
struct vsh_channel {
	evtchn_port_t port;
	int irq;		/* 0 while not bound */
	spinlock_t lock;	/* kick and pending, against the interrupt */
	struct eventfd_ctx *kick;
	bool pending;		/* an event came while there was no kick */
	struct eventfd_ctx *call;
	wait_queue_entry_t call_wait;
	poll_table call_poll;
};

/*
 * An attached device.  The control file and every region file hold a
 * reference, so that the window stays mapped as long as the device process
 * uses it, whatever becomes of the daemon.
 */
struct vsh_attachment {
	struct kref ref;
	struct list_head link;
	struct delayed_work reap;
	unsigned int reap_tries;

	u32 frontend;
	u32 device;

	unsigned int nr_regions;
	struct vsh_region *region[VSH_DEV_MAX_REGIONS];	/* window last */
	struct vsh_region *window;
	unsigned int nr_frames;		/* of the window, that are mapped */

	struct vsh_channel control;
	unsigned int nr_queues;
	struct vsh_channel queue[VSH_MAX_QUEUES];

	wait_queue_head_t event_wait;	/* its lock covers events, too */
	u64 events;			/* of the control channel, not yet read */
};

/* place.c: where there is room in the guest-physical space */
int vsh_place_init(void);
int vsh_place(struct resource *res, u64 size, u64 align);

/* region.c */
struct vsh_region *vsh_region_create(u64 das, u64 size);
bool vsh_region_unused(struct vsh_region *r);
void vsh_region_sweep(struct vsh_region *r);
void vsh_region_destroy(struct vsh_region *r);
int vsh_remove_frame(unsigned long gfn);

/* region_file.c */
int vsh_region_fd(struct vsh_attachment *att, unsigned int index);
int vsh_queues_fd(struct vsh_attachment *att);

/* window.c */
int vsh_window_map(struct vsh_attachment *att);
int vsh_window_unmap(struct vsh_attachment *att);
int vsh_window_info(struct vsh_attachment *att, struct vsh_view *view);
bool vsh_window_request_detach(struct vsh_attachment *att);

/* channel.c */
int vsh_channel_bind_control(struct vsh_attachment *att, u32 port);
int vsh_channel_bind_queue(struct vsh_attachment *att, struct vsh_channel *ch,
			   u32 port);
void vsh_channel_unbind(struct vsh_channel *ch, void *dev_id);
void vsh_channel_send(struct vsh_channel *ch);
int vsh_channel_set_kick(struct vsh_channel *ch, int fd);
int vsh_channel_set_call(struct vsh_channel *ch, int fd);

/* attach.c */
int vsh_attach_init(void);
void vsh_attach_exit(void);
struct vsh_attachment *vsh_attach(u32 frontend, u32 device);
void vsh_attachment_get(struct vsh_attachment *att);
void vsh_attachment_put(struct vsh_attachment *att);
void vsh_attachment_silence(struct vsh_attachment *att);

/* device.c */
int vsh_device_register(void);
void vsh_device_unregister(void);

#endif /* VSH_H */

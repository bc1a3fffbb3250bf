// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: info page, mailbox and shadow queues of a device, which Xen owns
 * and shows to its backend.
 */
#define pr_fmt(fmt) "virtio-shadow: " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/barrier.h>
#include <asm/xen/hypercall.h>

#include <xen/interface/memory.h>
#include <xen/interface/xen.h>

#include "vsh.h"

/* Not in the kernel's copy of the interface. */
#define XENMEM_resource_virtio_shadow	3

/*
 * More than the 16962 that info page, mailbox, and rings, tables and bounce
 * pages of every queue take at their largest.
 */
#define MAX_WINDOW_FRAMES	32768

/* Xen writes the info page in one go: more tries than this never happen. */
#define INFO_TRIES		1000

static int window_frames(u32 frontend, u32 device)
{
	struct xen_mem_acquire_resource xar = {
		.domid = frontend,
		.type = XENMEM_resource_virtio_shadow,
		.id = device,
	};
	int ret;

	set_xen_guest_handle(xar.frame_list, NULL);
	ret = HYPERVISOR_memory_op(XENMEM_acquire_resource, &xar);
	if (ret)
		return ret;
	if (xar.nr_frames < VSH_FRAME_FIRST_QUEUE ||
	    xar.nr_frames > MAX_WINDOW_FRAMES)
		return -EPROTO;
	return xar.nr_frames;
}

static int remove_frame(unsigned long gfn)
{
	struct xen_remove_from_physmap xrp = {
		.domid = DOMID_SELF,
		.gpfn = gfn,
	};

	return HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &xrp);
}

static int acquire(struct vsh_attachment *att, unsigned int nr)
{
	struct xen_mem_acquire_resource xar = {
		.domid = att->frontend,
		.type = XENMEM_resource_virtio_shadow,
		.id = att->device,
		.nr_frames = nr,
	};
	unsigned long first = PHYS_PFN(att->window->res.start);
	xen_pfn_t *gfns;
	unsigned int i;
	int ret;

	gfns = kvmalloc_array(nr, sizeof(*gfns), GFP_KERNEL);
	if (!gfns)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		gfns[i] = first + i;

	set_xen_guest_handle(xar.frame_list, gfns);
	ret = HYPERVISOR_memory_op(XENMEM_acquire_resource, &xar);
	kvfree(gfns);

	/* It may have mapped a part of them before it failed. */
	for (i = 0; ret && i < nr; i++)
		remove_frame(first + i);
	return ret;
}

/* Finds a place for the window and maps it there. */
int vsh_window_map(struct vsh_attachment *att)
{
	struct vsh_region *window;
	int nr, ret;

	nr = window_frames(att->frontend, att->device);
	if (nr < 0)
		return nr;

	window = vsh_region_create(VSH_WINDOW_DAS, (u64)nr << VSH_FRAME_SHIFT);
	if (IS_ERR(window))
		return PTR_ERR(window);
	att->window = window;

	ret = acquire(att, nr);
	if (!ret)
		att->nr_frames = nr;
	return ret;
}

/*
 * Takes the frames out of the physmap.  An error means that some are still
 * there, and that the region must not be used for anything else.
 */
int vsh_window_unmap(struct vsh_attachment *att)
{
	unsigned long first = PHYS_PFN(att->window->res.start);
	unsigned int i;
	int err = 0;

	for (i = 0; i < att->nr_frames; i++) {
		int ret = remove_frame(first + i);

		/* ENOENT: Xen has taken it away itself. */
		if (ret && ret != -ENOENT)
			err = ret;
	}
	att->nr_frames = 0;
	if (err)
		pr_err("device %u of domain %u: cannot unmap the window (%d): %pR stays taken until reboot\n",
		       att->device, att->frontend, err, &att->window->res);
	return err;
}

/* A consistent copy of the info page. */
int vsh_window_info(struct vsh_attachment *att, struct vsh_info *info)
{
	const struct vsh_info *page = att->window->va;
	unsigned int i;
	u32 seq;

	for (i = 0; i < INFO_TRIES; i++) {
		seq = READ_ONCE(page->seq);
		smp_rmb();	/* the contents after the first look at seq */
		memcpy(info, page, sizeof(*info));
		smp_rmb();	/* and before the second */
		if (!(seq & 1) && seq == READ_ONCE(page->seq))
			goto found;
		cpu_relax();
	}
	return -EAGAIN;

found:
	if (info->magic != VSH_MAGIC || info->version != VSH_ABI_VERSION) {
		pr_err("device %u of domain %u: Xen speaks version %u of the window, this module %u\n",
		       att->device, att->frontend, info->version,
		       VSH_ABI_VERSION);
		return -EPROTO;
	}
	if (info->nr_queues > VSH_MAX_QUEUES ||
	    info->nr_banks > VSH_MAX_BANKS)
		return -EPROTO;
	return 0;
}

/*
 * Tells Xen that nothing of the frontend is to be shown here any more.  The
 * last thing done with a device: a daemon that was killed could not say it.
 */
void vsh_window_request_detach(struct vsh_attachment *att)
{
	struct vsh_mailbox *mb = att->window->va +
				 VSH_FRAME_MAILBOX * VSH_FRAME_SIZE;
	struct vsh_info info;

	if (vsh_window_info(att, &info) || info.state == VSH_STATE_GONE)
		return;

	WRITE_ONCE(mb->version, VSH_ABI_VERSION);
	WRITE_ONCE(mb->request, VSH_REQ_DETACH);
	smp_wmb();	/* the request before the number that makes it valid */
	WRITE_ONCE(mb->request_seq, info.reply_seq + 1);
	vsh_channel_send(&att->control);
}

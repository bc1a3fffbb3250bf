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
		vsh_remove_frame(first + i);
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

	/* Its info page says which addresses it has. */
	window = vsh_region_create(0, (u64)nr << VSH_FRAME_SHIFT);
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
		int ret = vsh_remove_frame(first + i);

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

static u32 load(const u32 *word)
{
	/* Between two looks at seq, in the order in which they are read. */
	return smp_load_acquire(word);
}

/* A consistent copy of the info page, checked. */
int vsh_window_info(struct vsh_attachment *att, struct vsh_view *view)
{
	enum vsh_view_result result = VSH_VIEW_BUSY;
	unsigned int i;

	for (i = 0; i < INFO_TRIES; i++) {
		result = vsh_view_read(view, att->window->va, att->nr_frames,
				       load);
		if (result != VSH_VIEW_BUSY)
			break;
		cpu_relax();
	}

	switch (result) {
	case VSH_VIEW_OK:
		return 0;
	case VSH_VIEW_BUSY:
		return -EAGAIN;
	case VSH_VIEW_GONE:
		return -ENODEV;
	case VSH_VIEW_VERSION:
		pr_err("device %u of domain %u: Xen speaks version %u of the window, this module %u\n",
		       att->device, att->frontend, view->info.version,
		       VSH_ABI_VERSION);
		return -EPROTO;
	default:
		pr_err("device %u of domain %u: its info page has more queues or banks than this module knows (%u and %u of them), or makes no sense\n",
		       att->device, att->frontend, view->info.nr_queues,
		       view->info.nr_banks);
		return -EPROTO;
	}
}

/*
 * Tells Xen that nothing of the frontend is to be shown here any more.  The
 * last thing done with a device: a daemon that was killed could not say it.
 * False: Xen has closed the device, and hears nothing of it any more.
 */
bool vsh_window_request_detach(struct vsh_attachment *att)
{
	struct vsh_mailbox *mb = att->window->va +
				 VSH_FRAME_MAILBOX * VSH_FRAME_SIZE;
	struct vsh_view view;

	if (vsh_window_info(att, &view) ||
	    view.info.state == VSH_STATE_GONE)
		return false;

	WRITE_ONCE(mb->version, VSH_ABI_VERSION);
	WRITE_ONCE(mb->request, VSH_REQ_DETACH);
	smp_wmb();	/* the request before the number that makes it valid */
	WRITE_ONCE(mb->request_seq, view.info.reply_seq + 1);
	vsh_channel_send(&att->control);
	return true;
}

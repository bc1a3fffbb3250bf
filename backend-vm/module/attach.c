// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attached devices: how one comes to be, and how it goes when the last file is
 * closed and the last mapping and pin are gone.
 */
#define pr_fmt(fmt) "virtio-shadow: " fmt

#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "vsh.h"

/* How often to look whether the last I/O on a dying device is through. */
#define REAP_INTERVAL	msecs_to_jiffies(20)
#define REAP_COMPLAIN	500	/* tries */

static DEFINE_MUTEX(list_lock);
static LIST_HEAD(attachments);
static DECLARE_WAIT_QUEUE_HEAD(list_empty_wait);
static struct workqueue_struct *reaper;

static void unbind_channels(struct vsh_attachment *att)
{
	unsigned int i;

	for (i = 0; i < att->nr_queues; i++)
		vsh_channel_unbind(&att->queue[i], &att->queue[i]);
	vsh_channel_unbind(&att->control, att);
}

/* Nobody else knows the attachment any more, or yet. */
static void destroy(struct vsh_attachment *att)
{
	unsigned int i;

	unbind_channels(att);

	for (i = 0; i < att->nr_regions; i++)
		if (att->region[i] != att->window)
			vsh_region_destroy(att->region[i]);

	if (att->window && !vsh_window_unmap(att))
		vsh_region_destroy(att->window);

	mutex_lock(&list_lock);
	list_del(&att->link);
	mutex_unlock(&list_lock);
	wake_up(&list_empty_wait);
	kfree(att);
}

static void reap(struct work_struct *work)
{
	struct vsh_attachment *att =
		container_of(work, struct vsh_attachment, reap.work);
	unsigned int i;

	/*
	 * Xen empties the apertures when it is told: not under I/O that is
	 * still under way on them.
	 */
	for (i = 0; i < att->nr_regions; i++) {
		if (vsh_region_unused(att->region[i]))
			continue;
		if (++att->reap_tries == REAP_COMPLAIN)
			pr_warn("device %u of domain %u: waiting for I/O on the guest's memory to end\n",
				att->device, att->frontend);
		queue_delayed_work(reaper, &att->reap, REAP_INTERVAL);
		return;
	}

	if (!vsh_window_request_detach(att))
		for (i = 0; i < att->nr_regions; i++)
			if (att->region[i] != att->window)
				vsh_region_sweep(att->region[i]);
	pr_info("device %u of domain %u detached\n", att->device,
		att->frontend);
	destroy(att);
}

static void last_reference(struct kref *ref)
{
	struct vsh_attachment *att =
		container_of(ref, struct vsh_attachment, ref);

	queue_delayed_work(reaper, &att->reap, 0);
}

void vsh_attachment_get(struct vsh_attachment *att)
{
	kref_get(&att->ref);
}

void vsh_attachment_put(struct vsh_attachment *att)
{
	kref_put(&att->ref, last_reference);
}

/*
 * The control file is closed, but a device process may still have regions
 * mapped.  It must not drive the queues any more.
 */
void vsh_attachment_silence(struct vsh_attachment *att)
{
	unsigned int i;

	for (i = 0; i < att->nr_queues; i++) {
		vsh_channel_set_call(&att->queue[i], -1);
		vsh_channel_set_kick(&att->queue[i], -1);
	}
}

static int add_apertures(struct vsh_attachment *att,
			 const struct vsh_view *view)
{
	struct vsh_region *r;
	unsigned int i;

	for (i = 0; i < view->info.nr_banks; i++) {
		const struct vsh_bank *bank = &view->bank[i];

		if (!bank->size || !PAGE_ALIGNED(bank->base) ||
		    !PAGE_ALIGNED(bank->size) ||
		    bank->base + bank->size < bank->base ||
		    bank->base + bank->size > view->info.window_base)
			return -EPROTO;

		r = vsh_region_create(bank->base, bank->size);
		if (IS_ERR(r))
			return PTR_ERR(r);
		att->region[att->nr_regions++] = r;
	}
	return 0;
}

static int bind_channels(struct vsh_attachment *att,
			 const struct vsh_view *view)
{
	unsigned int i;
	int ret;

	ret = vsh_channel_bind_control(att, view->info.control_channel);
	for (i = 0; !ret && i < view->info.nr_queues; i++)
		ret = vsh_channel_bind_queue(att, &att->queue[i],
					     view->queue[i].event_channel);
	if (ret)
		pr_err("device %u of domain %u: cannot bind its event channels (%d)\n",
		       att->device, att->frontend, ret);
	return ret;
}

static int set_up(struct vsh_attachment *att)
{
	struct vsh_view view;
	int ret;

	ret = vsh_window_map(att);
	if (ret)
		return ret;

	ret = vsh_window_info(att, &view);
	if (ret)
		return ret;
	if (view.info.state == VSH_STATE_GONE)
		return -ENODEV;
	att->window->das = view.info.window_base;

	BUILD_BUG_ON(VSH_MAX_BANKS + 1 != VSH_DEV_MAX_REGIONS);
	ret = add_apertures(att, &view);
	if (ret)
		return ret;
	att->region[att->nr_regions++] = att->window;

	att->nr_queues = view.info.nr_queues;
	return bind_channels(att, &view);
}

static struct vsh_attachment *find(u32 frontend, u32 device)
{
	struct vsh_attachment *att;

	list_for_each_entry(att, &attachments, link)
		if (att->frontend == frontend && att->device == device)
			return att;
	return NULL;
}

struct vsh_attachment *vsh_attach(u32 frontend, u32 device)
{
	struct vsh_attachment *att;
	int ret;

	if (frontend >= DOMID_FIRST_RESERVED)
		return ERR_PTR(-ESRCH);

	att = kzalloc(sizeof(*att), GFP_KERNEL);
	if (!att)
		return ERR_PTR(-ENOMEM);

	kref_init(&att->ref);
	INIT_DELAYED_WORK(&att->reap, reap);
	init_waitqueue_head(&att->event_wait);
	att->frontend = frontend;
	att->device = device;

	mutex_lock(&list_lock);
	if (find(frontend, device)) {
		/* Or it is dying and its last user has not let go yet. */
		mutex_unlock(&list_lock);
		kfree(att);
		return ERR_PTR(-EBUSY);
	}
	list_add(&att->link, &attachments);
	mutex_unlock(&list_lock);

	ret = set_up(att);
	if (ret) {
		destroy(att);
		return ERR_PTR(ret);
	}

	pr_info("device %u of domain %u attached, %u queue(s)\n", device,
		frontend, att->nr_queues);
	return att;
}

int __init vsh_attach_init(void)
{
	reaper = alloc_workqueue("virtio-shadow", WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

/* No file is open any more, but attachments may still be dying. */
void vsh_attach_exit(void)
{
	wait_event(list_empty_wait, list_empty_careful(&attachments));
	destroy_workqueue(reaper);
}

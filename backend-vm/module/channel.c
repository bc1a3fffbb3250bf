// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels between Xen and the device: a control channel, and one per
 * queue that is joined to two eventfds, so that neither direction of the data
 * path passes through the daemon.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/interrupt.h>

#include <asm/xen/hypercall.h>

#include <xen/events.h>

#include "vsh.h"

static int bind_port(struct vsh_attachment *att, struct vsh_channel *ch,
		     u32 remote_port, irq_handler_t handler, void *dev_id)
{
	struct evtchn_bind_interdomain bind = {
		.remote_dom = att->frontend,
		.remote_port = remote_port,
	};
	int ret;

	spin_lock_init(&ch->lock);

	ret = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	if (ret)
		return ret;
	ch->port = bind.local_port;

	ret = bind_evtchn_to_irq(bind.local_port);
	if (ret < 0) {
		struct evtchn_close close = { .port = bind.local_port };

		HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
		return ret;
	}
	ch->irq = ret;

	ret = request_irq(ch->irq, handler, 0, "virtio-shadow", dev_id);
	if (ret) {
		ch->irq = 0;
		evtchn_put(bind.local_port);	/* closes the port */
	}
	return ret;
}

static irqreturn_t control_interrupt(int irq, void *dev_id)
{
	struct vsh_attachment *att = dev_id;
	unsigned long flags;

	spin_lock_irqsave(&att->event_wait.lock, flags);
	att->events++;
	wake_up_locked_poll(&att->event_wait, EPOLLIN);
	spin_unlock_irqrestore(&att->event_wait.lock, flags);
	return IRQ_HANDLED;
}

static irqreturn_t queue_interrupt(int irq, void *dev_id)
{
	struct vsh_channel *ch = dev_id;
	unsigned long flags;

	spin_lock_irqsave(&ch->lock, flags);
	if (ch->kick)
		eventfd_signal(ch->kick);
	else
		ch->pending = true;
	spin_unlock_irqrestore(&ch->lock, flags);
	return IRQ_HANDLED;
}

int vsh_channel_bind_control(struct vsh_attachment *att, u32 port)
{
	return bind_port(att, &att->control, port, control_interrupt, att);
}

int vsh_channel_bind_queue(struct vsh_attachment *att, struct vsh_channel *ch,
			   u32 port)
{
	return bind_port(att, ch, port, queue_interrupt, ch);
}

/* dev_id as at binding: the attachment for control, else the channel. */
void vsh_channel_unbind(struct vsh_channel *ch, void *dev_id)
{
	if (!ch->irq)
		return;
	vsh_channel_set_call(ch, -1);
	vsh_channel_set_kick(ch, -1);
	unbind_from_irqhandler(ch->irq, dev_id);	/* closes the port */
	ch->irq = 0;
}

void vsh_channel_send(struct vsh_channel *ch)
{
	notify_remote_via_evtchn(ch->port);
}

int vsh_channel_set_kick(struct vsh_channel *ch, int fd)
{
	struct eventfd_ctx *new = NULL, *old;
	unsigned long flags;

	if (fd >= 0) {
		new = eventfd_ctx_fdget(fd);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}

	spin_lock_irqsave(&ch->lock, flags);
	old = ch->kick;
	ch->kick = new;
	if (new && ch->pending) {
		ch->pending = false;
		eventfd_signal(new);
	}
	spin_unlock_irqrestore(&ch->lock, flags);

	if (old)
		eventfd_ctx_put(old);
	return 0;
}

/*
 * Runs in the context of whoever signals the eventfd, under the lock of its
 * wait queue with interrupts off.  A closed eventfd needs no care: the channel
 * holds a reference to the context until the entry has been removed.
 */
static int call_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct vsh_channel *ch =
		container_of(wait, struct vsh_channel, call_wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		/* else the counter fills up and the writer gets EAGAIN */
		eventfd_ctx_do_read(ch->call, &count);
		vsh_channel_send(ch);
	}
	return 0;
}

static void call_poll(struct file *file, wait_queue_head_t *wqh,
		      poll_table *pt)
{
	struct vsh_channel *ch = container_of(pt, struct vsh_channel,
					      call_poll);

	add_wait_queue(wqh, &ch->call_wait);
}

/* Not to be called by two at once: the caller has a lock. */
int vsh_channel_set_call(struct vsh_channel *ch, int fd)
{
	struct eventfd_ctx *new = NULL;
	struct file *file = NULL;
	u64 count;

	if (fd >= 0) {
		file = fget(fd);
		if (!file)
			return -EBADF;
		new = eventfd_ctx_fileget(file);
		if (IS_ERR(new)) {
			fput(file);
			return PTR_ERR(new);
		}
	}

	if (ch->call) {
		eventfd_ctx_remove_wait_queue(ch->call, &ch->call_wait, &count);
		eventfd_ctx_put(ch->call);
		ch->call = NULL;
	}

	if (new) {
		ch->call = new;
		init_waitqueue_func_entry(&ch->call_wait, call_wake);
		init_poll_funcptr(&ch->call_poll, call_poll);
		/* It may have been signalled before it came here. */
		if (vfs_poll(file, &ch->call_poll) & EPOLLIN)
			vsh_channel_send(ch);
		fput(file);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The file operations of /dev/virtio-shadow. */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/pfn.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vsh.h"

struct vsh_file {
	struct mutex lock;		/* one ioctl at a time */
	struct vsh_attachment *att;	/* set once, under lock */
};

static int vsh_open(struct inode *inode, struct file *file)
{
	struct vsh_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	file->private_data = f;
	return stream_open(inode, file);
}

static int vsh_release(struct inode *inode, struct file *file)
{
	struct vsh_file *f = file->private_data;

	if (f->att) {
		vsh_attachment_silence(f->att);
		vsh_attachment_put(f->att);
	}
	kfree(f);
	return 0;
}

/* NULL before VSH_DEV_ATTACH. */
static struct vsh_attachment *attachment(struct vsh_file *f)
{
	/* Pairs with the release in attach(). */
	return smp_load_acquire(&f->att);
}

static long attach(struct vsh_file *f, void __user *arg)
{
	struct vsh_attachment *att;
	struct vsh_dev_attach a;
	unsigned int i;

	if (f->att)
		return -EBUSY;
	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;

	att = vsh_attach(a.frontend, a.device);
	if (IS_ERR(att))
		return PTR_ERR(att);

	memset(&a, 0, sizeof(a));
	a.frontend = att->frontend;
	a.device = att->device;
	a.nr_queues = att->nr_queues;
	a.nr_regions = att->nr_regions;
	a.window = att->nr_regions - 1;
	for (i = 0; i < att->nr_regions; i++) {
		a.region[i].das = att->region[i]->das;
		a.region[i].size = (u64)att->region[i]->nr_pages << PAGE_SHIFT;
		a.region[i].gfn = PHYS_PFN(att->region[i]->res.start);
	}

	/* read() and poll() do not take the lock */
	smp_store_release(&f->att, att);

	/* If this fails, closing the file undoes the attachment. */
	return copy_to_user(arg, &a, sizeof(a)) ? -EFAULT : 0;
}

static long set_eventfd(struct vsh_attachment *att, unsigned int cmd,
			void __user *arg)
{
	struct vsh_dev_eventfd e;
	struct vsh_channel *ch;

	if (copy_from_user(&e, arg, sizeof(e)))
		return -EFAULT;
	if (e.queue >= att->nr_queues)
		return -EINVAL;

	ch = &att->queue[array_index_nospec(e.queue, VSH_MAX_QUEUES)];
	return cmd == VSH_DEV_SET_KICK ? vsh_channel_set_kick(ch, e.fd)
				       : vsh_channel_set_call(ch, e.fd);
}

static long vsh_ioctl_locked(struct vsh_file *f, unsigned int cmd,
			     unsigned long arg)
{
	struct vsh_attachment *att = f->att;

	if (cmd == VSH_DEV_ATTACH)
		return attach(f, (void __user *)arg);
	if (!att)
		return -ENOTCONN;

	switch (cmd) {
	case VSH_DEV_REGION_FD:
		if (arg >= att->nr_regions)
			return -EINVAL;
		return vsh_region_fd(att, arg);
	case VSH_DEV_QUEUES_FD:
		return vsh_queues_fd(att);
	case VSH_DEV_SET_KICK:
	case VSH_DEV_SET_CALL:
		return set_eventfd(att, cmd, (void __user *)arg);
	case VSH_DEV_NOTIFY:
		vsh_channel_send(&att->control);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long vsh_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vsh_file *f = file->private_data;
	long ret;

	if (mutex_lock_interruptible(&f->lock))
		return -EINTR;
	ret = vsh_ioctl_locked(f, cmd, arg);
	mutex_unlock(&f->lock);
	return ret;
}

static ssize_t vsh_read(struct file *file, char __user *buf, size_t count,
			loff_t *pos)
{
	struct vsh_attachment *att = attachment(file->private_data);
	u64 events;
	int ret = 0;

	if (!att)
		return -ENOTCONN;
	if (count < sizeof(events))
		return -EINVAL;

	spin_lock_irq(&att->event_wait.lock);
	if (!att->events && (file->f_flags & O_NONBLOCK))
		ret = -EAGAIN;
	else
		ret = wait_event_interruptible_locked_irq(att->event_wait,
							  att->events);
	events = att->events;
	if (!ret)
		att->events = 0;
	spin_unlock_irq(&att->event_wait.lock);

	if (ret)
		return ret;
	return copy_to_user(buf, &events, sizeof(events)) ? -EFAULT
							  : sizeof(events);
}

static __poll_t vsh_poll(struct file *file, poll_table *wait)
{
	struct vsh_attachment *att = attachment(file->private_data);

	if (!att)
		return EPOLLERR;
	poll_wait(file, &att->event_wait, wait);
	return READ_ONCE(att->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations vsh_fops = {
	.owner = THIS_MODULE,
	.open = vsh_open,
	.release = vsh_release,
	.read = vsh_read,
	.poll = vsh_poll,
	.unlocked_ioctl = vsh_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice vsh_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtio-shadow",
	.mode = 0600,
	.fops = &vsh_fops,
};

int __init vsh_device_register(void)
{
	return misc_register(&vsh_misc);
}

void vsh_device_unregister(void)
{
	misc_deregister(&vsh_misc);
}

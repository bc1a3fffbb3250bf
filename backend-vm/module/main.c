// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-shadow: the backend VM's side of mediated virtio devices.
 *
 * Xen mediates between a virtio driver in another domain and a device process
 * in this one.  This module gives the process what a vhost-user device expects
 * to get - memory to map and eventfds - out of what Xen gives this domain: a
 * window with shadow virtqueues, guest-physical space in which the buffers of
 * requests in flight appear, and event channels.
 */
#define pr_fmt(fmt) "virtio-shadow: " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>

#include <xen/xen.h>

#include "virtio-shadow/version.h"
#include "vsh.h"

static int __init vsh_init(void)
{
	int ret;

	if (!xen_domain())
		return -ENODEV;

	ret = vsh_place_init();
	if (ret)
		return ret;

	ret = vsh_attach_init();
	if (ret)
		return ret;

	ret = vsh_device_register();
	if (ret)
		vsh_attach_exit();
	return ret;
}

static void __exit vsh_exit(void)
{
	vsh_device_unregister();
	vsh_attach_exit();
}

module_init(vsh_init);
module_exit(vsh_exit);

MODULE_DESCRIPTION("Backend of Xen's mediated virtio devices");
MODULE_VERSION(VSH_RELEASE);
MODULE_LICENSE("GPL");

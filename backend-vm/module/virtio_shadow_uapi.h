/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/virtio-shadow: how a program in the backend VM reaches one mediated
 * virtio device.  One open file is one device; what it holds is released when
 * the file and all region files made from it are closed and unmapped.
 *
 * The window's contents are described by virtio-shadow/abi.h.
 */
#ifndef VIRTIO_SHADOW_UAPI_H
#define VIRTIO_SHADOW_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VSH_DEV_PATH		"/dev/virtio-shadow"

/* RAM banks of the frontend first, the window last */
#define VSH_DEV_MAX_REGIONS	3

struct vsh_dev_region {
	__u64 das;	/* where it lies in the device address space */
	__u64 size;	/* bytes, a multiple of 4096 */
	__u64 gfn;	/* where it lies in this VM: for vsh_mailbox.aperture_gfn */
};

/*
 * Attach the open file to a device.  In: frontend, device.  The rest is filled
 * in.  Errors: EBUSY (the file or the device is attached already), EACCES and
 * EPERM (this VM is not the device's backend), ESRCH (no such domain), EINVAL
 * (no such device), ENOSPC (no unused guest-physical space is large enough),
 * EPROTO (Xen speaks another version), ENODEV (the frontend is gone).
 */
struct vsh_dev_attach {
	__u32 frontend;		/* domid */
	__u32 device;		/* the device's id in that domain */
	__u32 nr_queues;	/* event channels that are bound */
	__u32 nr_regions;
	__u32 window;		/* index of the window among the regions */
	__u32 pad;
	struct vsh_dev_region region[VSH_DEV_MAX_REGIONS];
};

/*
 * Join an eventfd to a queue; fd -1 takes it away.
 *
 * kick: signalled when Xen has made requests available.  An event that came
 *       before there was an eventfd is remembered.
 * call: to be signalled when used elements were published; Xen is told.
 */
struct vsh_dev_eventfd {
	__u32 queue;
	__s32 fd;
};

#define VSH_DEV_IOC_TYPE	0xB7

#define VSH_DEV_ATTACH		_IOWR(VSH_DEV_IOC_TYPE, 0, struct vsh_dev_attach)
/*
 * The argument is the region's index.  Returns a new file descriptor
 * (O_CLOEXEC) whose offset 0 is the region's first byte; it can only be mapped,
 * shared.  An aperture page that no request in flight covers is not there: a
 * process that touches it gets SIGBUS, a system call EFAULT.  fdinfo of the
 * file says which device and region it is (vsh-frontend, vsh-device, vsh-das,
 * vsh-size).
 */
#define VSH_DEV_REGION_FD	_IO(VSH_DEV_IOC_TYPE, 1)
#define VSH_DEV_SET_KICK	_IOW(VSH_DEV_IOC_TYPE, 2, struct vsh_dev_eventfd)
#define VSH_DEV_SET_CALL	_IOW(VSH_DEV_IOC_TYPE, 3, struct vsh_dev_eventfd)
/* Tell Xen that the mailbox holds a request. */
#define VSH_DEV_NOTIFY		_IO(VSH_DEV_IOC_TYPE, 4)
/*
 * The same as VSH_DEV_REGION_FD for what a device process needs of the window:
 * its queues.  Offset 0 is frame VSH_FRAME_FIRST_QUEUE; info page and mailbox
 * cannot be mapped with this file.  ENOENT: the window has no queues, as with
 * policies that leave the driver's rings in its own memory.
 */
#define VSH_DEV_QUEUES_FD	_IO(VSH_DEV_IOC_TYPE, 5)

/*
 * read() of 8 bytes returns, as a native u64, how many control events came
 * since the last read, and waits for one unless O_NONBLOCK is set.  poll()
 * says readable when there is one.
 */

#endif /* VIRTIO_SHADOW_UAPI_H */

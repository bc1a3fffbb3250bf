/* SPDX-License-Identifier: MIT */
/*
 * The ABI between the mediator (Xen) and a backend VM: the window, its info
 * page, and the mailbox.
 *
 * The window is a run of 4 KiB frames owned by Xen, which the backend maps
 * with XENMEM_acquire_resource (type XENMEM_resource_virtio_shadow, id = the
 * device's id in the frontend domain).  Its frames:
 *
 *   frame 0          info page     read-only to the backend, written by Xen
 *   frame 1          mailbox       writable by the backend
 *   then per queue:  descriptors   read-only
 *                    available     read-only
 *                    used          writable
 *                    tables        read-only
 *                    bounce pages  read-only: from the driver to the device
 *                    bounce pages  writable: from the device to the driver
 *
 * The tables are the indirect descriptor tables that descriptors of the queue
 * point to.  The bounce pages hold what is copied of buffers, so that there are
 * some with VSH_POLICY_COPY and _HYBRID alone; there, too, a descriptor says
 * where.  Each part of a queue starts on a frame of its own; its place is in the
 * queue's record in the info page.  A writable frame is a promise to the
 * backend only: Xen reads a value from it once, into private memory, and
 * validates the copy.
 *
 * The device address space is the space of all addresses that a backend meets
 * in descriptors and queue addresses: guest RAM at its guest-physical address,
 * and the window at vsh_info.window_base, above anything that the guest can have
 * as RAM.
 *
 * All integers are little-endian.  This header needs the fixed-width integer
 * types and nothing else; it compiles in Xen, Linux and user space.
 */
#ifndef VIRTIO_SHADOW_ABI_H
#define VIRTIO_SHADOW_ABI_H

#define VSH_MAGIC               0x51535658u     /* "XVSQ" */
#define VSH_ABI_VERSION         2u

#define VSH_FRAME_SHIFT         12
#define VSH_FRAME_SIZE          (1u << VSH_FRAME_SHIFT)

#define VSH_FRAME_INFO          0u
#define VSH_FRAME_MAILBOX       1u
#define VSH_FRAME_FIRST_QUEUE   2u

/*
 * Limits of who is built with this header, on either side: not of the ABI, whose
 * counts are in the info page.  A backend refuses a device that has more queues
 * or banks than it knows how to serve.
 */
#define VSH_MAX_QUEUES          8u
#define VSH_MAX_QUEUE_SIZE      1024u
#define VSH_MAX_BANKS           2u

#define VSH_CONFIG_SIZE         256u    /* what a 0x200 virtio-mmio device can show */

/* vsh_info.policy: how the buffers of requests reach the backend. */
#define VSH_POLICY_GRANT        1u  /* the pages that they lie in are mapped in the aperture */
#define VSH_POLICY_COPY         2u  /* they are copied to and from the window */
#define VSH_POLICY_HYBRID       3u  /* whole pages as with GRANT, the rest as with COPY */
#define VSH_POLICY_TRUSTED      4u  /* all of the aperture is mapped, the rings are the driver's */
#define VSH_POLICY_POOL         5u  /* the same of a part, to which the driver confines itself */

/* vsh_info.state */
#define VSH_STATE_IDLE          0u  /* no backend has described the device */
#define VSH_STATE_READY         1u  /* described; the driver may use it */
#define VSH_STATE_RUNNING       2u  /* DRIVER_OK; the queues are live */
#define VSH_STATE_RESETTING     3u  /* stop the device, then VSH_REQ_RESET_ACK */
#define VSH_STATE_FAILED        4u  /* DEVICE_NEEDS_RESET; waits for the driver */
#define VSH_STATE_GONE          5u  /* the frontend is gone: detach */
#define VSH_STATE_WAITING       6u  /* used by a driver, and for another backend to attach to */

/*
 * One virtqueue, as the device process is to see it: written by Xen, read by the
 * backend.  A split virtqueue with size a power of two, whatever the driver's is;
 * with VSH_POLICY_TRUSTED and _POOL the driver's own, and split or packed as
 * driver_features has it.
 *
 * A queue that is live goes away (size 0) and comes back on its own, while the
 * device is RUNNING, if VIRTIO_F_RING_RESET was offered by the device and is
 * used: generation moves when it goes.  Stop the queue, then VSH_REQ_QUEUE_ACK;
 * it comes back, with its indices at 0, no earlier than that.
 *
 * Frames are counted from the window's first.  A part that is not there has
 * frame 0, and so has each with VSH_POLICY_TRUSTED and _POOL.
 */
struct vsh_queue_info {
    uint32_t event_channel; /* port in the frontend domain, to be bound */
    uint32_t max_size;      /* descriptors that the window has room for */
    uint32_t size;          /* descriptors in use; 0 if the queue is not live */
    uint32_t generation;    /* moves with every reset of the live queue alone */
    uint64_t desc;          /* bytes, in the device address space */
    uint64_t avail;
    uint64_t used;
    uint32_t table_frame;       /* first frame of the indirect tables */
    uint32_t bounce_out_frame;  /* ... of what comes from the driver */
    uint32_t bounce_in_frame;   /* ... of what goes to the driver */
    uint32_t bounce_frames;     /* so many each way; 0 if nothing is copied */
};

/* One range of guest RAM: written by Xen, read by the backend. */
struct vsh_bank {
    uint64_t base;          /* guest-physical, bytes, a multiple of the frame size */
    uint64_t size;          /* bytes, a multiple of the frame size */
};

/*
 * The info page begins with this.  Xen writes it, and the backend reads it: Xen
 * makes seq odd, writes, makes it even again, and a reader that saw an odd or a
 * changed seq reads again.  view.h does so.
 *
 * Offsets are in bytes from the page's first, multiples of 8.  Record n begins at
 * offset + n * stride, and all of them are in this page.  A stride is a multiple
 * of 8, and may be larger than the record is here: a reader passes over what it
 * does not know.  There is room for 64 queues and 26 banks.  magic, version and seq
 * are where they are in every version.
 */
struct vsh_info {
    uint32_t magic;             /* VSH_MAGIC; else Xen has taken the page away */
    uint32_t version;           /* VSH_ABI_VERSION */
    uint32_t seq;
    uint32_t nr_frames;         /* of the whole window */
    uint64_t window_base;       /* in the device address space, bytes */
    uint32_t frontend;          /* domid */
    uint32_t device;            /* the device's id in the frontend domain */
    uint32_t control_channel;   /* port in the frontend domain, to be bound */
    uint32_t policy;            /* VSH_POLICY_* */
    uint32_t state;             /* VSH_STATE_* */
    uint32_t generation;        /* moves with every driver reset of a live device */
    uint32_t reply_seq;         /* last request that was carried out ... */
    int32_t  reply_error;       /* ... and how it ended: 0 or VSH_ERR_* */
    uint64_t driver_features;   /* for the device; valid in VSH_STATE_RUNNING */
    uint32_t device_status;     /* the virtio device status */
    uint32_t nr_banks;          /* struct vsh_bank */
    uint32_t bank_offset;
    uint32_t bank_stride;
    uint32_t nr_queues;         /* that the toolstack allows: struct vsh_queue_info */
    uint32_t queue_offset;
    uint32_t queue_stride;
    uint32_t pad;
};

/*
 * Requests of the backend.  Fill the mailbox in, write a new request_seq last,
 * send on the control channel, wait for info.reply_seq.  One at a time.
 */
#define VSH_REQ_NONE            0u
#define VSH_REQ_ATTACH          1u  /* describe the device and the aperture */
#define VSH_REQ_CONFIG          2u  /* config space has changed */
#define VSH_REQ_RESET_ACK       3u  /* the device has stopped; generation says when */
#define VSH_REQ_DETACH          4u  /* the device process has gone away */
#define VSH_REQ_QUEUE_ACK       5u  /* one queue has stopped; its generation says when */

/* info.reply_error; negative, and not errno values, so that each side has its own names */
#define VSH_ERR_NONE            0
#define VSH_ERR_REQUEST         (-1)    /* unknown request or version */
#define VSH_ERR_STATE           (-2)    /* not in this state */
#define VSH_ERR_DEVICE_ID       (-3)    /* 0 is no device */
#define VSH_ERR_QUEUES          (-4)    /* none, or more than nr_queues; no such queue */
#define VSH_ERR_QUEUE_SIZE      (-5)    /* not a power of two, or above max_size */
#define VSH_ERR_CONFIG          (-6)    /* config_len above VSH_CONFIG_SIZE */
#define VSH_ERR_FEATURES        (-7)    /* VIRTIO_F_VERSION_1 is missing */
#define VSH_ERR_APERTURE        (-8)    /* out of range, wrapping, or banks overlap */
#define VSH_ERR_CHANGED         (-9)    /* WAITING: not the device that the driver knows */

/* The mailbox: written by the backend, read by Xen, which copies it once. */
struct vsh_mailbox {
    uint32_t version;           /* VSH_ABI_VERSION */
    uint32_t request;           /* VSH_REQ_* */
    uint32_t request_seq;
    uint32_t generation;        /* that was seen; RESET_ACK: the device's, QUEUE_ACK: the queue's */
    uint32_t device_id;         /* virtio device type */
    uint32_t vendor_id;
    uint64_t device_features;
    uint32_t nr_queues;
    uint32_t queue_size;        /* largest, for every queue; descriptors */
    uint32_t config_len;        /* bytes of config that are meant */
    uint32_t queue;             /* for VSH_REQ_QUEUE_ACK */
    uint8_t  config[VSH_CONFIG_SIZE];
    /*
     * The backend's gfn at which it shows bank n: one for each of the nr_banks of
     * the info page, however many.  The last in the mailbox, so that it can grow.
     */
    uint64_t aperture_gfn[VSH_MAX_BANKS];
};

#endif /* VIRTIO_SHADOW_ABI_H */

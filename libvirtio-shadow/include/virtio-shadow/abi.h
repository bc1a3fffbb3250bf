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
 *
 * The tables are the indirect descriptor tables that descriptors of the queue
 * point to.  Each part of a queue starts on a frame of its own; the offsets of
 * the first three are in the info page.  A writable frame is a promise to the
 * backend only: Xen reads a value from it once, into private memory, and
 * validates the copy.
 *
 * All integers are little-endian.  This header needs the fixed-width integer
 * types and nothing else; it compiles in Xen, Linux and user space.
 */
#ifndef VIRTIO_SHADOW_ABI_H
#define VIRTIO_SHADOW_ABI_H

#define VSH_MAGIC               0x51535658u     /* "XVSQ" */
#define VSH_ABI_VERSION         1u

#define VSH_FRAME_SHIFT         12
#define VSH_FRAME_SIZE          (1u << VSH_FRAME_SHIFT)

#define VSH_FRAME_INFO          0u
#define VSH_FRAME_MAILBOX       1u
#define VSH_FRAME_FIRST_QUEUE   2u

/* Limits of the ABI, not of a device: a device's own are in the info page. */
#define VSH_MAX_QUEUES          8u
#define VSH_MAX_QUEUE_SIZE      1024u
#define VSH_MAX_BANKS           2u
#define VSH_CONFIG_SIZE         256u    /* what a 0x200 virtio-mmio device can show */

/*
 * Where the window lies in the device address space, the space of all
 * addresses that a backend meets in descriptors and queue addresses: guest RAM
 * at its guest-physical address, and the window above anything that a guest of
 * Xen on Arm can have as RAM.
 */
#define VSH_WINDOW_DAS          (1ULL << 46)

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
 * One virtqueue, as the device process is to see it.  A split virtqueue with
 * size a power of two, whatever the driver's is; with VSH_POLICY_TRUSTED and
 * _POOL the driver's own, and split or packed as driver_features has it.
 *
 * A queue that is live goes away (size 0) and comes back on its own, while the
 * device is RUNNING, if VIRTIO_F_RING_RESET was offered by the device and is
 * used: generation moves when it goes.  Stop the queue, then VSH_REQ_QUEUE_ACK;
 * it comes back, with its indices at 0, no earlier than that.
 */
struct vsh_queue_info {
    uint32_t event_channel; /* port in the frontend domain, to be bound */
    uint32_t max_size;      /* descriptors that the window has room for */
    uint32_t size;          /* descriptors in use; 0 if the queue is not live */
    uint32_t generation;    /* moves with every reset of the live queue alone */
    uint64_t desc;          /* device address space */
    uint64_t avail;
    uint64_t used;
};

struct vsh_bank {
    uint64_t base;          /* guest-physical, bytes */
    uint64_t size;          /* bytes */
};

/*
 * The info page.  Xen makes seq odd, writes, makes it even again: a reader
 * that saw an odd or a changed seq reads again.
 */
struct vsh_info {
    uint32_t magic;
    uint32_t version;
    uint32_t seq;
    uint32_t nr_frames;         /* of the whole window */
    uint32_t frontend;          /* domid */
    uint32_t device;            /* the device's id in the frontend domain */
    uint32_t control_channel;   /* port in the frontend domain, to be bound */
    uint32_t nr_queues;         /* queues that the toolstack allows */
    uint32_t state;             /* VSH_STATE_* */
    uint32_t generation;        /* moves with every driver reset of a live device */
    uint32_t reply_seq;         /* last request that was carried out ... */
    int32_t  reply_error;       /* ... and how it ended: 0 or VSH_ERR_* */
    uint64_t driver_features;   /* for the device; valid in VSH_STATE_RUNNING */
    uint32_t device_status;     /* the virtio device status */
    uint32_t nr_banks;
    struct vsh_bank bank[VSH_MAX_BANKS];
    struct vsh_queue_info queue[VSH_MAX_QUEUES];
    uint32_t policy;            /* VSH_POLICY_* */
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

struct vsh_mailbox {
    uint32_t version;           /* VSH_ABI_VERSION */
    uint32_t request;           /* VSH_REQ_* */
    uint32_t request_seq;
    uint32_t generation;        /* that was seen; RESET_ACK: the device's, QUEUE_ACK: the queue's */
    uint32_t device_id;         /* virtio device type */
    uint32_t vendor_id;
    uint64_t device_features;
    uint32_t nr_queues;
    uint32_t queue_size;        /* largest, for every queue */
    uint32_t config_len;        /* bytes of config that are meant */
    uint32_t queue;             /* for VSH_REQ_QUEUE_ACK */
    uint64_t aperture_gfn[VSH_MAX_BANKS];   /* the backend's gfn at which it shows bank n */
    uint8_t  config[VSH_CONFIG_SIZE];
};

#endif /* VIRTIO_SHADOW_ABI_H */

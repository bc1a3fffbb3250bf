/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mediator inside Xen: what its files share.
 *
 * Life and death.  A struct virtio_shadow, one per domain that was ever at
 * either end of a device, and the struct vsh_device in its table live as long
 * as their struct domain, so whoever may use the domain may use them without
 * a lock.  What is big or belongs to others (memory, pages, event channels, the
 * reference on the backend) is there only while the device is open.
 *
 * Locks, outermost first:
 *
 *   vsh_queue.lock       serialises what is done for a queue.  Those of all
 *                        queues of a device, in their order, are vsh_lock():
 *                        everything else.  Queues share no other lock than
 *                        those below, and none of these but the p2m's while
 *                        requests come and go
 *     virtio_shadow.lock   the list of devices that a backend serves, and where
 *                          their apertures are; taken alone on the fault path
 *     p2m lock             of one domain at a time, never of two; a fault on a
 *                          page of a table takes the device's locks without it
 *       leaves: event channels, vGIC, scheduler, the pool of page tables
 *
 * None is taken with interrupts off.
 */
#ifndef VSH_H
#define VSH_H

#include <xen/list.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <xen/spinlock.h>
#include <xen/timer.h>
#include <xen/virtio-shadow.h>

#include <asm/p2m.h>

#include <virtio-shadow/svq.h>

/* A frame of the window.  Owned by dom_xen: it keeps no domain alive. */
struct vsh_frame {
    struct page_info *pg;
    gfn_t gfn;              /* where the backend maps it, or INVALID_GFN */
    bool writable;          /* by the backend */
};

/* Where a bank of a frontend appears in the backend; they may overlap. */
struct vsh_shown {
    const struct vsh_device *device;
    gfn_t first;
    unsigned long nr;
    gfn_t end;              /* the highest of this one's and all before it */
};

/*
 * What one call of svq_dev_run() is to take at most, on hardware: the longest
 * chain there can be, of SVQ_CHAIN_PAGES pages that have nothing to do with
 * each other.  Each is looked up, entered and, later, removed, for some 0.5 us;
 * with F_SCRUB it is zeroed besides, which is 8 MiB for all of them.
 * The statistics say what it has taken.
 */
#define VSH_RUN_MAX MILLISECS(2)

/* Chains returned without a call, or offered without a kick: delay.c. */
struct vsh_delay {
    struct timer timer;
    s_time_t deadline;
    s_time_t last, pace;    /* when chains were collected; the time for each */
    uint32_t returned;      /* svq_queue.returned at that time: may wrap */
    bool timing;
};

/* Requests of the backend: control.c.  Valid while the device is locked. */
struct vsh_control {
    struct timer timer;     /* active if timing: for one that waits */
    s_time_t full;          /* when there will be all tokens again */
    bool timing;
    bool due;               /* the mailbox needs a look; read without */
};

/* What a vCPU has done for the mediator: pace.c.  Its own, but for resting. */
struct vsh_pace {
    struct timer timer;     /* active while resting */
    struct domain *domain;  /* constant */
    s_time_t since, owed;   /* at that time it owed so much */
    bool resting;           /* it may do no more until then */
};

/* What goes with a queue of the core; as valid as the device is. */
struct vsh_queue {
    spinlock_t lock;        /* always; of queues that the device lacks, too */
    struct vsh_device *device;          /* constant */
    struct vsh_delay delay;
    struct p2m_foreign_user user;       /* of the backend's p2m */
    evtchn_port_t port;     /* in the frontend; 0: none */
};

struct vsh_device {
    /* Constant. */
    struct domain *frontend;
    unsigned int id;

    struct vsh_queue queue[VSH_MAX_QUEUES];

    struct vsh_control control;

    /* For how long the driver waits for another backend; active if timing. */
    struct timer timer;
    s_time_t deadline;
    bool timing;

    /* From here on everything is valid while open, unless it says else. */
    bool open;
    bool closing;           /* no call of the core but svq_dev_release() */
    bool more;              /* svq_dev_run() wants to be called again */
    bool backends;          /* ... by the backend's vCPUs, and by nobody else */
    bool at_once;           /* ... before a vCPU of the driver's runs on */
    unsigned long more_queues;  /* ... svq_queue_run(), by queue; atomic */
    unsigned int next_queue;    /* ... from this one on */
    unsigned long waiting;      /* queues with something to look for; atomic */
    unsigned long quiet;        /* ... that the driver may have offered */
    s_time_t longest;       /* that one call of it has taken */

    /* Reference held.  NULL: it has died. */
    struct domain *backend;
    struct page_info *dummy;    /* its own; NULL without backend */
    struct p2m_foreign_reserve reserve; /* of the backend's pool of tables */
    unsigned long nr_tables;    /* that it can need there at most */
    bool owes;                  /* some of them are where it is no more */

    bool has_handler;       /* once true always true, at base */
    paddr_t base;
    unsigned int irq;       /* 0: not reserved */
    uint32_t restart_s;     /* how long to wait for another backend; 0: not */

    evtchn_port_t control_port;     /* in the frontend; 0: none */

    struct vsh_frame *frame;    /* not open: NULL, unless being created */
    unsigned int nr_frames;
    unsigned int made;      /* by vsh_memory_alloc(): so much is there ... */
    struct xen_domctl_virtio_shadow_create wanted;  /* ... of what this is */
    unsigned int removed;   /* so many of them, while closing */
    unsigned int taken;     /* ... were looked at since the backend is dying */
    unsigned long bytes;    /* of Xen's memory, all in all */

    /* Guarded by the backend's virtio_shadow.lock; written with all locks. */
    struct list_head served;    /* empty: not in the backend's list */
    uint64_t looked;            /* virtio_shadow.looks: this one had its turn */

    struct svq_dev dev;
};

struct virtio_shadow {
    spinlock_t lock;
    bool closed;            /* the domain is dying: nothing new */
    bool forget;            /* its memory has changed: see work.c */

    /* As frontend.  Entries appear, filled in, and stay. */
    struct vsh_device *device[XEN_DOMCTL_VIRTIO_SHADOW_MAX_DEVICES];
    bool quiet;                 /* some have drivers to look after: delay.c */
    unsigned int next;          /* whose work is done first */
    unsigned int next_vcpu;     /* ... by whom, if it is handed over */

    uint16_t *port_use;         /* what its ports are for: event.c */
    unsigned int nr_ports;      /* ... so many: constant with a device */

    /* As backend. */
    struct list_head served;
    bool delayed;               /* some are to be looked after: delay.c */
    uint64_t looks;             /* so many times that was done */
    unsigned int nr_served;     /* devices of the list */

    struct vsh_shown *shown;    /* their apertures, in order: aperture.c */
    unsigned int nr_shown, max_shown;
    unsigned long shown_first, shown_end;   /* the bounds of all; atomic */
    gfn_t ever_first, ever_end; /* ... of all that there have been */
    gfn_t trimmed;              /* so far there are no tables to be had */

    unsigned int nr_vcpus;
    struct vsh_pace pace[];     /* by vCPU */
};

/* A bit of a queue, whose lock is held, in bits that others change as well. */
static inline void vsh_note_bit(unsigned long *bits, unsigned int q, bool set)
{
    if ( set == test_bit(q, bits) )
        return;

    if ( set )
    {
        set_bit(q, bits);
        /* Before it is looked at whether anybody knows that there are some. */
        smp_mb__after_atomic();
    }
    else
        clear_bit(q, bits);
}

/* lock.c: of all queues.  The first: false if somebody has one of them. */
bool vsh_trylock(struct vsh_device *s);
void vsh_lock(struct vsh_device *s);
void vsh_unlock(struct vsh_device *s);

/* The window and the devices' private memory: memory.c. */
int vsh_memory_alloc(struct vsh_device *s, unsigned int nr_queues,
                     unsigned int queue_size);
void vsh_memory_free(struct vsh_device *s);
struct page_info *vsh_alloc_page(void);
void vsh_free_page(struct page_info *pg);

/* window.c.  The device is locked. */
bool vsh_window_remove(struct vsh_device *s);
bool vsh_window_take_away(struct vsh_device *s);

/*
 * Page tables that a backend's pool has besides those of its devices when it
 * gets one: for grants of PV devices, other domains' resources, and the like.
 */
#define VSH_TABLES_LEFT 256U

/* aperture.c.  For update the device is locked, for remove the backend. */
int vsh_aperture_room(struct virtio_shadow *vs);
int vsh_aperture_tables(struct domain *be, unsigned long nr, uint32_t *lacks);
void vsh_aperture_exit(struct virtio_shadow *vs);
void vsh_aperture_update(struct vsh_device *s);
void vsh_aperture_remove(struct virtio_shadow *vs, const struct vsh_device *s);

/* Event channels: event.c. */
int vsh_event_alloc(struct vsh_device *s, domid_t backend);
void vsh_event_free(struct vsh_device *s);
int vsh_event_init(const struct domain *d);
void vsh_event_exit(struct virtio_shadow *vs);

/*
 * work.c.  For vsh_usable() one of the device's locks is held.  vsh_run(),
 * vsh_run_all(): it is locked.  vsh_run_queue(): the queue is, and is not on
 * return.  They tell whether there is more, which is somebody's to do.
 */
bool vsh_usable(const struct vsh_device *s);
bool vsh_run(struct vsh_device *s);
bool vsh_run_all(struct vsh_device *s);
bool vsh_run_queue(struct vsh_device *s, unsigned int q);
void vsh_leave_to_current(void);
bool vsh_hand_over(struct domain *d);
void vsh_run_for_others(struct vsh_device *s);

/* control.c.  The device is locked, but for init and exit. */
bool vsh_control(struct vsh_device *s);
void vsh_control_stop(struct vsh_device *s);
void vsh_control_init(struct vsh_device *s);
void vsh_control_exit(struct vsh_device *s);

/* pace.c.  v is the current vCPU, of a domain with a struct virtio_shadow. */
bool vsh_pace_begin(struct vcpu *v);
s_time_t vsh_pace_worked(struct vcpu *v, bool owes);
void vsh_pace_rest(struct vcpu *v);
bool vsh_pace_idle(struct vcpu *v);
bool vsh_pace_rests(const struct domain *d);
void vsh_pace_init(struct virtio_shadow *vs, struct domain *d);
void vsh_pace_exit(struct virtio_shadow *vs);
void vsh_set_timer(struct timer *timer, s_time_t expires);

/* delay.c.  The queue is locked, but for init and exit; for stop the device. */
void vsh_delay_init(struct vsh_device *s);
void vsh_delay_exit(struct vsh_device *s);
void vsh_delay_update(struct vsh_queue *vq, unsigned int q);
void vsh_delay_stop(struct vsh_device *s);

/* device.c */
int vsh_create(struct domain *d, unsigned int id,
               struct xen_domctl_virtio_shadow_create *c);
int vsh_close(struct vsh_device *s);
struct vsh_device *vsh_device_get(const struct domain *d, unsigned int id);

/* option.c: for devices that are created without one; in bytes. */
extern uint32_t vsh_default_threshold;

/* restart.c.  The device is locked for the first two. */
void vsh_wait_update(struct vsh_device *s);
void vsh_wait_stop(struct vsh_device *s);
void vsh_wait_init(struct vsh_device *s);
void vsh_wait_exit(struct vsh_device *s);
int vsh_reassign(struct vsh_device *s,
                 struct xen_domctl_virtio_shadow_reassign *r);

/* domain.c */
struct virtio_shadow *vsh_domain(struct domain *d);
int vsh_prepare_backend(struct domain *be, unsigned long nr_tables,
                        uint32_t *lacks);
int vsh_join_backend(struct vsh_device *s, struct domain *be);
void vsh_leave_backend(struct vsh_device *s);

#endif /* VSH_H */

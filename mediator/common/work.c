/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that takes longer than a trap or a hypercall should is left to the vCPU
 * that caused it, to be done before it runs on, with softirqs in between.
 */
#include <xen/event.h>
#include <xen/softirq.h>
#include <xen/time.h>

#include <vsh.h>

/*
 * Rounds that a backend's vCPU does for a device at a time.  What a frontend
 * can feed into its device for ever is the frontend's to work off: a backend
 * must not be kept from its other devices.
 */
#define BACKEND_ROUNDS  64

bool vsh_usable(const struct vsh_device *s)
{
    return s->open && !s->closing;
}

/* How long one part of the work took is what everybody else has waited for. */
static void note_time(struct vsh_device *s, s_time_t begin)
{
    s_time_t took = NOW() - begin;

    /* Several queues at a time may find theirs to be the longest: one is. */
    if ( took <= read_atomic(&s->longest) )
        return;

    write_atomic(&s->longest, took);
    if ( took > VSH_RUN_MAX )
        printk(XENLOG_G_DEBUG
               "virtio-shadow: %pd device %u: %"PRI_stime" us at a time\n",
               s->frontend, s->id, took / MICROSECS(1));
}

static bool run_part(struct vsh_device *s)
{
    s_time_t begin = NOW();

    s->more = svq_dev_run(&s->dev);
    note_time(s, begin);

    return s->more;
}

/* Do a part of what has been noted for the device, and for all queues. */
bool vsh_run(struct vsh_device *s)
{
    unsigned int i;

    run_part(s);
    vsh_wait_update(s);
    for ( i = 0; i < s->dev.nr_queues; i++ )
        vsh_delay_update(&s->queue[i], i);

    return s->more;
}

/* For a queue by itself, as far as it goes. */
bool vsh_run_queue(struct vsh_device *s, unsigned int q)
{
    struct vsh_queue *vq = &s->queue[q];
    s_time_t begin = NOW();
    enum svq_run result = svq_queue_run(&s->dev, q);
    bool more = result == SVQ_RUN_MORE;

    note_time(s, begin);

    vsh_note_bit(&s->more_queues, q, more);

    if ( result != SVQ_RUN_ALONE )
        vsh_delay_update(vq, q);

    spin_unlock(&vq->lock);

    if ( result != SVQ_RUN_ALONE )
        return more;

    vsh_lock(s);
    more = vsh_usable(s) && vsh_run(s);
    vsh_unlock(s);

    return more;
}

/* The current vCPU does the rest before it runs on. */
void vsh_leave_to_current(void)
{
    if ( !current->virtio_shadow_pending )
        current->virtio_shadow_pending = 1;
}

/* Do all of it.  Returns true if something else is to be done first. */
bool vsh_run_all(struct vsh_device *s)
{
    vsh_wait_update(s);

    while ( run_part(s) )
    {
        vsh_unlock(s);
        if ( hypercall_preempt_check() )
        {
            vsh_lock(s);
            return true;
        }
        vsh_lock(s);

        if ( !vsh_usable(s) )
            break;
    }

    return false;
}

static bool has_more(const struct vsh_device *s)
{
    return ACCESS_ONCE(s->more) || ACCESS_ONCE(s->more_queues);
}

/* The queue that is next to go on; VSH_MAX_QUEUES: none. */
static unsigned int next_queue(struct vsh_device *s)
{
    unsigned long more = ACCESS_ONCE(s->more_queues);
    unsigned int i;

    for ( i = 0; i < VSH_MAX_QUEUES; i++ )
    {
        unsigned int q = (ACCESS_ONCE(s->next_queue) + i) % VSH_MAX_QUEUES;

        if ( !(more & (1UL << q)) )
            continue;

        write_atomic(&s->next_queue, q + 1);
        return q;
    }

    return i;
}

/* A part of what is left to do: for the device, or for one of its queues. */
static void run_once(struct vsh_device *s)
{
    unsigned int q;

    if ( ACCESS_ONCE(s->more) )
    {
        vsh_lock(s);
        if ( vsh_usable(s) && s->more )
            vsh_run(s);
        vsh_unlock(s);
        return;
    }

    q = next_queue(s);
    if ( q == VSH_MAX_QUEUES )
        return;

    spin_lock(&s->queue[q].lock);
    if ( vsh_usable(s) )
        vsh_run_queue(s, q);
    else
    {
        clear_bit(q, &s->more_queues);
        spin_unlock(&s->queue[q].lock);
    }
}

/* Have a vCPU of the domain go on, even if it sleeps.  False: there is none. */
bool vsh_hand_over(struct domain *d)
{
    struct vcpu *v;

    /* Who finds it pending finds what there is to do. */
    smp_wmb();

    for_each_vcpu ( d, v )
    {
        if ( test_bit(_VPF_down, &v->pause_flags) )
            continue;

        write_atomic(&v->virtio_shadow_pending, 1);
        smp_mb();

        /* One that went down before it could see this will not do it. */
        if ( test_bit(_VPF_down, &v->pause_flags) )
            continue;

        vcpu_kick(v);
        return true;
    }

    return false;
}

/*
 * A device of the list with work left, moved to the list's end, and with a
 * reference on its frontend.
 */
static struct vsh_device *next_served(struct virtio_shadow *vs)
{
    struct vsh_device *s, *found = NULL;

    spin_lock(&vs->lock);

    list_for_each_entry ( s, &vs->served, served )
    {
        if ( !has_more(s) )
            continue;

        get_knownalive_domain(s->frontend);
        list_move_tail(&s->served, &vs->served);
        found = s;
        break;
    }

    spin_unlock(&vs->lock);

    return found;
}

static void hand_over_served(struct virtio_shadow *vs)
{
    struct vsh_device *s;

    spin_lock(&vs->lock);

    list_for_each_entry ( s, &vs->served, served )
        if ( has_more(s) )
            vsh_hand_over(s->frontend);

    spin_unlock(&vs->lock);
}

/*
 * Called with the p2m lock held, so it only notes it.  Pages that are kept for
 * devices are not used any more: the change has been counted before, and they
 * are compared with that.  But they are to be freed if the domain has given
 * them up; if it is paused, that is as late as it runs on.
 */
void virtio_shadow_memory_changed(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;

    if ( !vs || vs->closed )
        return;

    /*
     * If it is noted already: whoever is about to clear the note gets the
     * devices' locks after that, and finds all that was kept before the count.
     */
    smp_mb();
    if ( read_atomic(&vs->forget) )
        return;

    write_atomic(&vs->forget, true);

    if ( current->domain == d )
    {
        smp_wmb();
        write_atomic(&current->virtio_shadow_pending, 1);
    }
    else if ( !vsh_hand_over(d) )
        /* The next change tries again. */
        write_atomic(&vs->forget, false);
}

/* Let go of what devices keep of the domain's memory.  True: there is more. */
static bool forget(struct virtio_shadow *vs)
{
    unsigned int i;
    bool more = false;

    if ( !read_atomic(&vs->forget) )
        return false;

    write_atomic(&vs->forget, false);
    smp_mb();

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        struct vsh_device *s = ACCESS_ONCE(vs->device[i]);

        if ( !s )
            continue;

        vsh_lock(s);
        if ( vsh_usable(s) )
            more = svq_dev_forget(&s->dev);
        vsh_unlock(s);

        /* As much as is done at a time. */
        if ( more )
            break;
    }

    if ( more )
        write_atomic(&vs->forget, true);

    return more;
}

bool virtio_shadow_process_pending(struct vcpu *v)
{
    struct virtio_shadow *vs = v->domain->virtio_shadow;
    unsigned int i, first, round = v->virtio_shadow_pending;
    struct vsh_device *s;
    bool more = false;

    ASSERT(v == current);

    /* Before looking: work that is noted from now on sets it again. */
    write_atomic(&v->virtio_shadow_pending, 0);
    smp_mb();

    if ( !vs )
        return false;

    more = forget(vs);

    first = read_atomic(&vs->next);
    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        unsigned int id = (first + i) % ARRAY_SIZE(vs->device);

        s = ACCESS_ONCE(vs->device[id]);
        if ( !s || !has_more(s) )
            continue;

        run_once(s);
        more |= has_more(s);

        /* The rest after what is more urgent, beginning with the next one. */
        if ( softirq_pending(smp_processor_id()) )
        {
            write_atomic(&vs->next, id + 1);
            more = true;
            break;
        }
    }

    if ( round > BACKEND_ROUNDS )
        hand_over_served(vs);
    else if ( (s = next_served(vs)) != NULL )
    {
        struct domain *frontend = s->frontend;

        run_once(s);
        put_domain(frontend);
        more = true;
    }

    if ( more )
    {
        /*
         * In the middle of CPU_OFF it does not run on, and what is left would
         * wait for CPU_ON.  Work that is handed over meanwhile is there before
         * the bit is set, and found here, or goes elsewhere: vsh_hand_over().
         */
        if ( test_bit(_VPF_down, &v->pause_flags) && vsh_hand_over(v->domain) )
            return false;

        write_atomic(&v->virtio_shadow_pending,
                     min(round, BACKEND_ROUNDS + 0U) + 1);
        /* It may have been about to go to sleep when this was handed to it. */
        vcpu_unblock(v);
    }

    return more;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

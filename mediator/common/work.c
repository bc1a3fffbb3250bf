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

/* One part of the work; how long it takes is what everybody else waits for. */
static bool run_part(struct vsh_device *s)
{
    s_time_t begin = NOW(), took;
    bool more = svq_dev_run(&s->dev);

    took = NOW() - begin;
    if ( took > s->longest )
    {
        s->longest = took;
        if ( took > VSH_RUN_MAX )
            printk(XENLOG_DEBUG
                   "virtio-shadow: %pd device %u: %"PRI_stime" us at a time\n",
                   s->frontend, s->id, took / MICROSECS(1));
    }

    return more;
}

/* Do a part of what has been noted; the current vCPU does the rest later. */
void vsh_run(struct vsh_device *s)
{
    s->more = run_part(s);
    vsh_wait_update(s);
    vsh_delay_update(s);

    if ( s->more && !current->virtio_shadow_pending )
        current->virtio_shadow_pending = 1;
}

/* Do all of it.  Returns true if something else is to be done first. */
bool vsh_run_all(struct vsh_device *s)
{
    vsh_wait_update(s);

    while ( (s->more = run_part(s)) )
    {
        spin_unlock(&s->lock);
        if ( hypercall_preempt_check() )
        {
            spin_lock(&s->lock);
            return true;
        }
        spin_lock(&s->lock);

        if ( !vsh_usable(s) )
            break;
    }

    return false;
}

static void run_once(struct vsh_device *s)
{
    spin_lock(&s->lock);

    if ( vsh_usable(s) && s->more )
        vsh_run(s);

    spin_unlock(&s->lock);
}

/* Have a vCPU of the domain go on, even if it is asleep. */
void vsh_hand_over(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu ( d, v )
    {
        if ( test_bit(_VPF_down, &v->pause_flags) )
            continue;

        write_atomic(&v->virtio_shadow_pending, 1);
        vcpu_kick(v);
        break;
    }
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
        if ( !ACCESS_ONCE(s->more) )
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
        if ( ACCESS_ONCE(s->more) )
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
        write_atomic(&current->virtio_shadow_pending, 1);
    else
        vsh_hand_over(d);
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

        spin_lock(&s->lock);
        if ( vsh_usable(s) )
            more |= svq_dev_forget(&s->dev);
        spin_unlock(&s->lock);
    }

    if ( more )
        write_atomic(&vs->forget, true);

    return more;
}

bool virtio_shadow_process_pending(struct vcpu *v)
{
    struct virtio_shadow *vs = v->domain->virtio_shadow;
    unsigned int i, round = v->virtio_shadow_pending;
    struct vsh_device *s;
    bool more = false;

    ASSERT(v == current);

    /* Before looking: work that is noted from now on sets it again. */
    write_atomic(&v->virtio_shadow_pending, 0);
    smp_mb();

    if ( !vs )
        return false;

    more = forget(vs);

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        s = ACCESS_ONCE(vs->device[i]);

        if ( s && ACCESS_ONCE(s->more) )
        {
            run_once(s);
            more |= ACCESS_ONCE(s->more);
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
        write_atomic(&v->virtio_shadow_pending,
                     min(round, BACKEND_ROUNDS + 0U) + 1);

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

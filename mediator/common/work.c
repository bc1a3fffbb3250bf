/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that takes longer than a trap or a hypercall should is left to the vCPU
 * that caused it, to be done before it runs on, with softirqs in between.
 *
 * What a backend has asked for, or brought about by lies, is done by its own
 * vCPUs.  So is what its devices have returned, but for no longer than
 * VSH_RUN_MAX: what a frontend can feed into its device for ever is the
 * frontend's to work off, as a backend must not be kept from its other devices.
 * That is as long as work keeps any vCPU in a stretch (pace.c), unless it has
 * asked for a reset or for the start of a device: a driver that runs on takes
 * these to be done.
 */
#include <xen/event.h>
#include <xen/softirq.h>
#include <xen/time.h>

#include <vsh.h>

bool vsh_usable(const struct vsh_device *s)
{
    return s->open && !s->closing;
}

/* How long one part of the work took is what everybody else has waited for. */
static void note_longest(struct vsh_device *s, s_time_t took)
{
    /* Several queues at a time may find theirs to be the longest: one is. */
    if ( took <= read_atomic(&s->longest) )
        return;

    write_atomic(&s->longest, took);
    if ( took > VSH_RUN_MAX )
        printk(XENLOG_G_DEBUG
               "virtio-shadow: %pd device %u: %"PRI_stime" us at a time\n",
               s->frontend, s->id, took / MICROSECS(1));
}

static void note_time(struct vsh_device *s, s_time_t begin)
{
    note_longest(s, NOW() - begin);
}

/* Requests come and go, and that is all. */
static bool is_serving(const struct svq_dev *dev)
{
    return dev->state == VSH_STATE_RUNNING && !dev->reset_pending &&
           !dev->taking_away;
}

/* The device is locked; whoever reads these without a lock looks again. */
static bool run_part(struct vsh_device *s)
{
    s_time_t begin = NOW();
    bool more = svq_dev_run(&s->dev);
    bool backends = more && s->backend && svq_dev_is_backends(&s->dev);

    note_time(s, begin);

    write_atomic(&s->backends, backends);
    write_atomic(&s->at_once, more && !backends && !is_serving(&s->dev));
    write_atomic(&s->more, more);

    return more;
}

/*
 * If what is left is the backend's, have one of its vCPUs go on.  False: it is
 * not, or all of these are down, so it is the frontend's after all.
 */
static bool is_for_backend(struct vsh_device *s)
{
    if ( !s->backends )
        return false;

    if ( vsh_hand_over(s->backend) )
        return true;

    write_atomic(&s->backends, false);

    return false;
}

/*
 * Do a part of what has been noted for the device, and for all queues.  True:
 * the current vCPU must go on.
 */
bool vsh_run(struct vsh_device *s)
{
    const struct domain *d = current->domain;
    unsigned int i;

    /* Its vCPUs are at it, and will see to whatever else there is. */
    if ( s->backends && d != s->backend && svq_dev_is_backends(&s->dev) )
        return false;

    run_part(s);
    vsh_wait_update(s);
    for ( i = 0; i < s->dev.nr_queues; i++ )
        vsh_delay_update(&s->queue[i], i);

    return s->more && (d == s->backend || !is_for_backend(s));
}

/* The same on a vCPU that has nothing to do with the device. */
void vsh_run_for_others(struct vsh_device *s)
{
    if ( run_part(s) && !is_for_backend(s) )
        vsh_hand_over(s->frontend);
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

/* The current vCPU does the rest before it runs on, or when it has rested. */
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

/* Is there something to do that vCPUs of the backend do, and nobody else? */
static bool backend_has_more(const struct vsh_device *s)
{
    return ACCESS_ONCE(s->control.due) ||
           (ACCESS_ONCE(s->more) && ACCESS_ONCE(s->backends));
}

/* Is there something for vCPUs of the frontend, or of the backend, to do? */
static bool device_has_more(const struct vsh_device *s, bool as_backend)
{
    if ( as_backend )
        return ACCESS_ONCE(s->control.due) || ACCESS_ONCE(s->more);

    return ACCESS_ONCE(s->more) && !ACCESS_ONCE(s->backends);
}

static bool has_more(const struct vsh_device *s, bool as_backend)
{
    return device_has_more(s, as_backend) || ACCESS_ONCE(s->more_queues);
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
static void run_once(struct vsh_device *s, bool as_backend)
{
    unsigned int q;

    if ( device_has_more(s, as_backend) )
    {
        vsh_lock(s);
        if ( vsh_usable(s) && as_backend && s->control.due )
            vsh_control(s);
        else if ( vsh_usable(s) && s->more )
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

/*
 * Have a vCPU of the domain go on, even if it sleeps; another one each time.
 * False: there is none.
 */
bool vsh_hand_over(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    unsigned int i, first = read_atomic(&vs->next_vcpu);
    struct vcpu *v;

    /* A vCPU that finds it pending, or has rested, sees the work too. */
    smp_mb();

    if ( vsh_pace_rests(d) )
        return true;

    for ( i = 0; i < vs->nr_vcpus; i++ )
    {
        v = d->vcpu[(first + i) % vs->nr_vcpus];

        if ( !v || test_bit(_VPF_down, &v->pause_flags) )
            continue;

        write_atomic(&v->virtio_shadow_pending, 1);
        smp_mb();

        /* One that went down before it could see this will not do it. */
        if ( test_bit(_VPF_down, &v->pause_flags) )
            continue;

        write_atomic(&vs->next_vcpu, v->vcpu_id + 1);
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
        if ( !has_more(s, true) )
            continue;

        get_knownalive_domain(s->frontend);
        list_move_tail(&s->served, &vs->served);
        found = s;
        break;
    }

    spin_unlock(&vs->lock);

    return found;
}

/* What is the frontends' goes to them.  True: some of it is not. */
static bool hand_over_served(struct virtio_shadow *vs)
{
    struct vsh_device *s;
    bool ours = false;

    spin_lock(&vs->lock);

    list_for_each_entry ( s, &vs->served, served )
    {
        if ( has_more(s, false) )
            vsh_hand_over(s->frontend);
        ours |= backend_has_more(s);
    }

    spin_unlock(&vs->lock);

    return ours;
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

/* Is there anything that the domain's vCPUs do not run on before? */
static bool is_at_once(const struct virtio_shadow *vs)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        const struct vsh_device *s = ACCESS_ONCE(vs->device[i]);

        if ( s && ACCESS_ONCE(s->more) && ACCESS_ONCE(s->at_once) )
            return true;
    }

    return false;
}

/*
 * A part of it for each of the devices that are its own, until v has done
 * enough or something more urgent comes.  Returns true if there is more.
 */
static bool run_own(struct virtio_shadow *vs, struct vcpu *v, bool *over)
{
    unsigned int i, first = read_atomic(&vs->next);
    bool more = false, passed = false, ran = false;

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        unsigned int id = (first + i) % ARRAY_SIZE(vs->device);
        struct vsh_device *s = ACCESS_ONCE(vs->device[id]);
        bool urgent = ran && softirq_pending(smp_processor_id());
        s_time_t stretch;
        bool at_once;

        if ( !s || !has_more(s, false) )
            continue;

        /* The first that is passed is the first to go on with. */
        if ( urgent || (*over && !ACCESS_ONCE(s->at_once)) )
        {
            if ( !passed )
                write_atomic(&vs->next, id);
            passed = true;
            if ( urgent )
                return true;
            continue;
        }

        at_once = ACCESS_ONCE(s->at_once);
        run_once(s, false);
        ran = true;
        more |= has_more(s, false);

        stretch = vsh_pace_worked(v, !at_once);
        *over = stretch >= VSH_RUN_MAX;
        if ( !at_once )
            note_longest(s, stretch);
    }

    return more || passed;
}

/* The same for one that it serves. */
static bool run_served(struct virtio_shadow *vs, struct vcpu *v, bool *over)
{
    struct vsh_device *s = *over ? NULL : next_served(vs);

    if ( s )
    {
        struct domain *frontend = s->frontend;

        run_once(s, true);
        put_domain(frontend);
        *over = vsh_pace_worked(v, true) >= VSH_RUN_MAX;
    }

    return *over ? hand_over_served(vs) : s != NULL;
}

bool virtio_shadow_process_pending(struct vcpu *v)
{
    struct virtio_shadow *vs = v->domain->virtio_shadow;
    bool more, over;

    ASSERT(v == current);

    /* Before looking: work that is noted from now on sets it again. */
    write_atomic(&v->virtio_shadow_pending, 0);
    smp_mb();

    if ( !vs )
        return false;

    if ( !vsh_pace_begin(v) && !is_at_once(vs) )
        return false;

    more = forget(vs);
    over = vsh_pace_worked(v, true) >= VSH_RUN_MAX;
    more |= run_own(vs, v, &over);
    more |= run_served(vs, v, &over);

    if ( !more )
        return false;

    if ( over && !is_at_once(vs) )
    {
        vsh_pace_rest(v);
        return false;
    }

    /*
     * In the middle of CPU_OFF it does not run on, and what is left would wait
     * for CPU_ON.  Work that is handed over meanwhile is there before the bit
     * is set, and found here, or goes elsewhere: vsh_hand_over().
     */
    if ( test_bit(_VPF_down, &v->pause_flags) && vsh_hand_over(v->domain) )
        return false;

    write_atomic(&v->virtio_shadow_pending, 1);
    /* It may have been about to go to sleep when this was handed to it. */
    vcpu_unblock(v);

    return true;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

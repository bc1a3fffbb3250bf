/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chains that the backend returns without a call, and that the driver offers
 * without a kick.
 *
 * A backend with many chains calls once for several of them: they share the
 * flush, the interrupt and the call.  What it has returned is not to lie there
 * when it has no more to return, or takes its time: it is collected when a vCPU
 * of the backend goes idle, and otherwise by a timer.
 *
 * In the same way, a driver whose device has work kicks once for several
 * chains.  The others are fetched when a vCPU of the frontend goes idle, or of
 * the backend, together with what comes back, and otherwise by the timer.
 */
#include <xen/softirq.h>
#include <xen/time.h>

#include <vsh.h>

/*
 * The time that may pass since the last ones were collected: enough for so many
 * at the pace of the device, more than it returns without a call, but within
 * limits.
 */
#define RETURNS     64
#define DELAY_MIN   MICROSECS(100)
#define DELAY_MAX   MILLISECS(10)

static s_time_t allowance(const struct vsh_delay *d)
{
    s_time_t delay = d->pace * RETURNS;

    if ( delay > DELAY_MAX )
        return DELAY_MAX;

    return delay < DELAY_MIN ? DELAY_MIN : delay;
}

static void note_pace(struct vsh_delay *d, unsigned int returned, s_time_t now)
{
    s_time_t pace = (now - d->last) / returned;

    /* As after a pause: it says nothing. */
    if ( pace > DELAY_MAX )
        pace = DELAY_MAX;

    d->pace += (pace - d->pace) / 4;
    d->last = now;
    d->deadline = now + allowance(d);
}

/* Chains were collected, perhaps.  The queue, q of its device, is locked. */
void vsh_delay_update(struct vsh_queue *vq, unsigned int q)
{
    struct vsh_device *s = vq->device;
    const struct svq_queue *core = &s->dev.queue[q];
    struct vsh_delay *d = &vq->delay;
    unsigned int returned = core->returned - d->returned;
    bool waiting = (core->delayed || core->quiet) && s->backend;

    vsh_note_bit(&s->waiting, q, waiting);
    vsh_note_bit(&s->quiet, q, waiting && core->quiet);

    if ( !waiting )
        return;

    if ( returned )
    {
        d->returned = core->returned;
        note_pace(d, returned, NOW());
    }

    /* One that expires too early is set again: cheaper than to set it now. */
    if ( !d->timing )
    {
        s_time_t now = NOW();

        /* It was late, or had nothing to do: from now on it has time again. */
        if ( d->deadline <= now )
            d->deadline = now + allowance(d);

        d->timing = true;
        vsh_set_timer(&d->timer, d->deadline);
    }

    if ( !read_atomic(&s->backend->virtio_shadow->delayed) )
        write_atomic(&s->backend->virtio_shadow->delayed, true);
    if ( core->quiet && !read_atomic(&s->frontend->virtio_shadow->quiet) )
        write_atomic(&s->frontend->virtio_shadow->quiet, true);
}

/*
 * Nobody has looked for chains in time.  A guest's work is not done here, on
 * some CPU and at nobody's expense, though: its vCPU does it.
 */
static void cf_check expired(void *data)
{
    struct vsh_queue *vq = data;
    struct vsh_device *s = vq->device;
    unsigned int q = vq - s->queue;
    struct vsh_delay *d = &vq->delay;

    spin_lock(&vq->lock);

    if ( !vsh_usable(s) || !test_bit(q, &s->waiting) )
        d->timing = false;
    else if ( d->timing && NOW() < d->deadline )
        vsh_set_timer(&d->timer, d->deadline);
    else if ( d->timing )
    {
        d->timing = false;
        if ( svq_queue_poll(&s->dev, q, true) )
        {
            vsh_note_bit(&s->more_queues, q, true);
            vsh_hand_over(s->frontend);
        }
    }

    spin_unlock(&vq->lock);
}

void vsh_delay_init(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
        init_timer(&s->queue[i].delay.timer, expired, &s->queue[i],
                   smp_processor_id());
}

/* Nobody can refer to the device any more, but for its timers. */
void vsh_delay_exit(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
        kill_timer(&s->queue[i].delay.timer);
}

void vsh_delay_stop(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
    {
        struct vsh_delay *d = &s->queue[i].delay;

        if ( d->timing )
            stop_timer(&d->timer);

        d->timing = false;
        d->pace = 0;
        d->returned = 0;
    }

    s->waiting = 0;
    s->quiet = 0;
}

/*
 * The next device with chains that are to be looked for, with a reference on
 * its frontend.  The list is turned by what is passed: each device has one turn
 * in this look, or in another one that has begun since, of another vCPU.
 */
static struct vsh_device *next_delayed(struct virtio_shadow *vs, uint64_t look)
{
    struct vsh_device *s, *found = NULL;

    spin_lock(&vs->lock);

    while ( !found )
    {
        s = list_first_entry_or_null(&vs->served, struct vsh_device, served);
        if ( !s || s->looked >= look )
            break;

        s->looked = look;
        list_move_tail(&s->served, &vs->served);

        if ( ACCESS_ONCE(s->waiting) )
            found = s;
    }

    if ( found )
        get_knownalive_domain(found->frontend);

    spin_unlock(&vs->lock);

    return found;
}

/*
 * What the backend has returned to a queue, and what is there for it to do; or,
 * with no backend, just what the driver has offered.
 */
static void look_at(struct vsh_device *s, unsigned int q,
                    const struct domain *backend)
{
    struct vsh_queue *vq = &s->queue[q];
    bool found;

    spin_lock(&vq->lock);

    if ( !vsh_usable(s) || (backend && s->backend != backend) )
    {
        spin_unlock(&vq->lock);
        return;
    }

    found = backend ? svq_queue_poll(&s->dev, q, false)
                    : svq_queue_poll_driver(&s->dev, q);
    if ( !found )
        spin_unlock(&vq->lock);
    else if ( softirq_pending(smp_processor_id()) )
    {
        /* Its turn comes after what is more urgent. */
        vsh_note_bit(&s->more_queues, q, true);
        spin_unlock(&vq->lock);
        vsh_leave_to_current();
    }
    else if ( vsh_run_queue(s, q) )
        vsh_leave_to_current();
}

/* At those of queues.  True if some of these are to be looked at again. */
static bool look_at_all(struct vsh_device *s, unsigned long *queues,
                        const struct domain *backend)
{
    unsigned long now = ACCESS_ONCE(*queues);
    unsigned int i;

    for ( i = 0; now >> i; i++ )
        if ( now & (1UL << i) )
            look_at(s, i, backend);

    return ACCESS_ONCE(*queues);
}

/* What the domain's devices have returned, and what is there for them to do. */
static void look_as_backend(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    struct vsh_device *s;
    bool delayed = false;
    uint64_t look;

    write_atomic(&vs->delayed, false);
    smp_mb();

    spin_lock(&vs->lock);
    look = ++vs->looks;
    spin_unlock(&vs->lock);

    while ( (s = next_delayed(vs, look)) != NULL )
    {
        struct domain *frontend = s->frontend;

        delayed |= look_at_all(s, &s->waiting, d);
        put_domain(frontend);
    }

    if ( delayed )
        write_atomic(&vs->delayed, true);
}

/* What the domain's drivers have offered. */
static void look_as_frontend(struct domain *d)
{
    struct virtio_shadow *vs = d->virtio_shadow;
    bool quiet = false;
    unsigned int i;

    write_atomic(&vs->quiet, false);
    smp_mb();

    for ( i = 0; i < ARRAY_SIZE(vs->device); i++ )
    {
        struct vsh_device *s = ACCESS_ONCE(vs->device[i]);

        if ( s && ACCESS_ONCE(s->quiet) )
            quiet |= look_at_all(s, &s->quiet, NULL);
    }

    if ( quiet )
        write_atomic(&vs->quiet, true);
}

bool virtio_shadow_idle(struct vcpu *v)
{
    struct virtio_shadow *vs = v->domain->virtio_shadow;

    ASSERT(v == current);

    if ( !vs )
        return true;

    if ( vsh_pace_idle(v) )
        vsh_leave_to_current();

    if ( read_atomic(&vs->quiet) )
        look_as_frontend(v->domain);
    if ( read_atomic(&vs->delayed) )
        look_as_backend(v->domain);

    return !read_atomic(&v->virtio_shadow_pending);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For how long a vCPU is kept from its guest by work of the mediator.
 *
 * What others can cause for a vCPU must leave it to its guest for half of the
 * time at least.  Work makes it owe time, which it pays by doing anything else.
 * When it owes VSH_RUN_MAX it rests until nothing is owed any more, and then a
 * vCPU of its domain goes on; sooner if it has nothing else to do.
 */
#include <xen/time.h>

#include <vsh.h>

static struct vsh_pace *pace_of(const struct vcpu *v)
{
    return &v->domain->virtio_shadow->pace[v->vcpu_id];
}

/* Where it is called, or will be: not where the device was made. */
void vsh_set_timer(struct timer *timer, s_time_t expires)
{
    migrate_timer(timer, smp_processor_id());
    set_timer(timer, expires);
}

/* May the current vCPU, v, go on with work that can wait? */
bool vsh_pace_begin(struct vcpu *v)
{
    struct vsh_pace *p = pace_of(v);
    s_time_t now = NOW();

    p->owed -= min(p->owed, now - p->since);
    p->since = now;

    return !p->resting;
}

/* It has worked since then, and owes that or does not.  How much in all? */
s_time_t vsh_pace_worked(struct vcpu *v, bool owes)
{
    struct vsh_pace *p = pace_of(v);
    s_time_t now = NOW();

    if ( owes )
        p->owed += now - p->since;
    p->since = now;

    return p->owed;
}

/* It runs on, and whatever is left in its domain is done later. */
void vsh_pace_rest(struct vcpu *v)
{
    struct vsh_pace *p = pace_of(v);

    if ( p->resting )
        return;

    write_atomic(&p->resting, true);
    vsh_set_timer(&p->timer, p->since + p->owed);
}

/* It has nothing else to do.  True: it was resting, and must go on. */
bool vsh_pace_idle(struct vcpu *v)
{
    struct vsh_pace *p = pace_of(v);

    if ( !p->resting )
        return false;

    write_atomic(&p->resting, false);
    stop_timer(&p->timer);
    p->owed = 0;

    return true;
}

/* Work for the domain waits for one that rests. */
bool vsh_pace_rests(const struct domain *d)
{
    const struct virtio_shadow *vs = d->virtio_shadow;
    unsigned int i;

    for ( i = 0; i < vs->nr_vcpus; i++ )
        if ( read_atomic(&vs->pace[i].resting) )
            return true;

    return false;
}

static void cf_check rested(void *data)
{
    struct vsh_pace *p = data;

    write_atomic(&p->resting, false);
    vsh_hand_over(p->domain);
}

void vsh_pace_init(struct virtio_shadow *vs, struct domain *d)
{
    unsigned int i;

    vs->nr_vcpus = d->max_vcpus;
    for ( i = 0; i < vs->nr_vcpus; i++ )
    {
        vs->pace[i].domain = d;
        init_timer(&vs->pace[i].timer, rested, &vs->pace[i],
                   smp_processor_id());
    }
}

/* No vCPU of the domain runs any more.  May be called twice. */
void vsh_pace_exit(struct virtio_shadow *vs)
{
    unsigned int i;

    for ( i = 0; i < vs->nr_vcpus; i++ )
        kill_timer(&vs->pace[i].timer);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

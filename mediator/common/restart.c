/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device without a backend: how long its driver waits for another, and
 * another domain as its backend.
 *
 * A backend that dies, or whose device process does, is noticed by the core,
 * which says so by dev->waiting.
 */
#include <xen/errno.h>
#include <xen/time.h>

#include <xsm/xsm.h>

#include <vsh.h>

static void cf_check wait_over(void *data)
{
    struct vsh_device *s = data;

    vsh_lock(s);

    /* While this waited for the lock, the wait may be over, or a new one. */
    if ( vsh_usable(s) && s->timing && NOW() >= s->deadline )
    {
        s->timing = false;
        svq_dev_wait_over(&s->dev);

        /* On whatever vCPU this is: it has nothing to do with the device. */
        vsh_run_for_others(s);
    }

    vsh_unlock(s);
}

void vsh_wait_init(struct vsh_device *s)
{
    init_timer(&s->timer, wait_over, s, smp_processor_id());
}

/* Nobody can refer to the device any more, but for its timer. */
void vsh_wait_exit(struct vsh_device *s)
{
    kill_timer(&s->timer);
}

void vsh_wait_stop(struct vsh_device *s)
{
    if ( s->timing )
        stop_timer(&s->timer);

    s->timing = false;
}

/* The core may have begun to wait, or ceased to. */
void vsh_wait_update(struct vsh_device *s)
{
    if ( s->dev.waiting == s->timing )
        return;

    if ( !s->dev.waiting )
    {
        vsh_wait_stop(s);
        return;
    }

    s->timing = true;
    s->deadline = NOW() + SECONDS(s->restart_s);
    vsh_set_timer(&s->timer, s->deadline);
}

/* Ports and a place in the list of be, which is alive and has what it takes. */
static int join(struct vsh_device *s, struct domain *be)
{
    int rc;

    /* Its reference goes to the device. */
    get_knownalive_domain(be);
    rc = vsh_join_backend(s, be);
    if ( rc )
    {
        put_domain(be);
        return rc;
    }

    /* Those that there are can be bound by the one that died only. */
    vsh_event_free(s);
    rc = vsh_event_alloc(s, be->domain_id);
    if ( rc )
    {
        vsh_event_free(s);
        vsh_leave_backend(s);
    }

    return rc;
}

/*
 * The backend of s has died: another domain takes its place, and may attach.
 * -ERESTART if there is more to do before.  Called with the domctl lock.
 */
int vsh_reassign(struct vsh_device *s,
                 struct xen_domctl_virtio_shadow_reassign *r)
{
    struct domain *be;
    int rc;

    if ( r->pad || r->lacks )
        return -EINVAL;

    be = get_domain_by_id(r->backend);
    if ( !be )
        return -ESRCH;

    rc = -EINVAL;
    if ( be == s->frontend )
        goto out;

    /* Whether the one before was allowed to be its backend says nothing. */
    rc = xsm_virtio_shadow_serve(XSM_PRIV, be, s->frontend);
    if ( rc )
        goto out;

    rc = vsh_prepare_backend(be, s->nr_tables, &r->lacks);
    if ( rc )
        goto out;

    vsh_lock(s);

    if ( !vsh_usable(s) )
        rc = -ENOENT;
    else if ( s->backend )
        rc = -EBUSY;
    /* What was sent to the other one is none of its business. */
    else if ( svq_dev_scrub(&s->dev) )
        rc = -ERESTART;
    else
        rc = join(s, be);

    vsh_unlock(s);

 out:
    put_domain(be);

    return rc;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

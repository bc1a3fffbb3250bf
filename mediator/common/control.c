/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a backend asks for by its mailbox, and how often.
 *
 * ATTACH and DETACH have everything in flight entered into the backend's p2m or
 * taken out of it, and CONFIG and ATTACH interrupt the driver.  The backend's
 * vCPUs do that work (work.c), but nobody else gets anything done for the
 * device meanwhile.  A device has a bucket of REQUESTS tokens, and one more
 * each REQUEST_PERIOD: a device process or a VM that starts anew takes two, and
 * does not do so twice a second.  A request that finds none is carried out when
 * there is one, which is REQUEST_PERIOD later at most, as there is one mailbox.
 */
#include <xen/time.h>

#include <vsh.h>

#define REQUESTS        16
#define REQUEST_PERIOD  MILLISECS(50)

/* The device is locked.  True: there is more to do, see vsh_run(). */
bool vsh_control(struct vsh_device *s)
{
    write_atomic(&s->control.due, false);
    svq_dev_control(&s->dev);
    vsh_aperture_update(s);

    return vsh_run(s);
}

/*
 * The bucket is known by when it will be full: each request takes it
 * REQUEST_PERIOD further away.
 */
bool svq_env_admit(struct svq_dev *dev)
{
    struct vsh_control *c = &container_of(dev, struct vsh_device, dev)->control;
    s_time_t now = NOW();

    if ( c->full < now )
        c->full = now;

    if ( c->full - now <= (REQUESTS - 1) * REQUEST_PERIOD )
    {
        c->full += REQUEST_PERIOD;
        return true;
    }

    if ( !c->timing )
    {
        c->timing = true;
        vsh_set_timer(&c->timer, c->full - (REQUESTS - 1) * REQUEST_PERIOD);
    }

    return false;
}

/* There is a token.  The work is for a vCPU of who has asked for it. */
static void cf_check expired(void *data)
{
    struct vsh_device *s = data;

    vsh_lock(s);

    if ( s->control.timing && vsh_usable(s) && s->backend )
    {
        s->control.timing = false;
        write_atomic(&s->control.due, true);
        vsh_hand_over(s->backend);
    }

    vsh_unlock(s);
}

void vsh_control_init(struct vsh_device *s)
{
    init_timer(&s->control.timer, expired, s, smp_processor_id());
}

/* Nobody can refer to the device any more, but for its timer. */
void vsh_control_exit(struct vsh_device *s)
{
    kill_timer(&s->control.timer);
}

/* Nobody asks for anything any more.  The device is locked. */
void vsh_control_stop(struct vsh_device *s)
{
    if ( s->control.timing )
        stop_timer(&s->control.timer);

    s->control.timing = false;
    write_atomic(&s->control.due, false);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

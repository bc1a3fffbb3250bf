/* SPDX-License-Identifier: MIT */
/*
 * The mailbox: what the backend says of its device.  The page is the
 * backend's: it is copied once, and only the copy is looked at.
 */
#include "svq_dev.h"
#include "svq_pages.h"
#include "svq_queue.h"

/* The highest gfn that an aperture may end at: 52-bit addresses. */
#define MAX_GFN     (1ULL << (52 - SVQ_PAGE_SHIFT))

static int32_t check_aperture(const struct svq_dev *dev, const struct vsh_mailbox *m)
{
    unsigned int a, b;

    for ( a = 0; a < dev->nr_banks; a++ )
    {
        uint64_t nr_a = dev->bank[a].size >> SVQ_PAGE_SHIFT;

        if ( m->aperture_gfn[a] >= MAX_GFN || nr_a > MAX_GFN - m->aperture_gfn[a] )
            return VSH_ERR_APERTURE;

        for ( b = 0; b < a; b++ )
        {
            uint64_t nr_b = dev->bank[b].size >> SVQ_PAGE_SHIFT;

            if ( m->aperture_gfn[a] < m->aperture_gfn[b] + nr_b &&
                 m->aperture_gfn[b] < m->aperture_gfn[a] + nr_a )
                return VSH_ERR_APERTURE;
        }
    }

    return VSH_ERR_NONE;
}

static int32_t check_attach(const struct svq_dev *dev, const struct vsh_mailbox *m)
{
    if ( !m->device_id )
        return VSH_ERR_DEVICE_ID;
    if ( !m->nr_queues || m->nr_queues > dev->nr_queues )
        return VSH_ERR_QUEUES;
    if ( !m->queue_size || (m->queue_size & (m->queue_size - 1)) ||
         m->queue_size > dev->queue[0].max_size )
        return VSH_ERR_QUEUE_SIZE;
    if ( m->config_len > VSH_CONFIG_SIZE )
        return VSH_ERR_CONFIG;
    if ( !(m->device_features & (1ULL << SVQ_F_VERSION_1)) )
        return VSH_ERR_FEATURES;

    return check_aperture(dev, m);
}

static void set_config(struct svq_dev *dev, const struct vsh_mailbox *m)
{
    memset(dev->config, 0, sizeof(dev->config));
    memcpy(dev->config, m->config, m->config_len);
    dev->config_len = m->config_len;
}

static bool is_new_config(const struct svq_dev *dev, const struct vsh_mailbox *m)
{
    unsigned int i;

    if ( m->config_len != dev->config_len )
        return true;

    for ( i = 0; i < m->config_len; i++ )
        if ( m->config[i] != dev->config[i] )
            return true;

    return false;
}

static int32_t attach(struct svq_dev *dev, const struct vsh_mailbox *m)
{
    unsigned int i;
    int32_t rc;
    bool news;

    /*
     * A new backend can only begin once nothing of the old one is left: no
     * driver that negotiated with it, unless it can take over, and no page in
     * its aperture.
     */
    if ( dev->attached )
        svq_dev_backend_gone(dev);
    if ( (dev->state != VSH_STATE_IDLE && dev->state != VSH_STATE_WAITING) ||
         dev->leaving || dev->taking_away || dev->reset_pending ||
         svq_pages_dummies(dev) || svq_dev_mapped(dev) )
        return VSH_ERR_STATE;

    rc = check_attach(dev, m);
    if ( !rc && dev->state == VSH_STATE_WAITING )
        rc = svq_restart_accepts(dev, m);
    if ( rc )
        return rc;

    /* Will the driver see a difference? */
    news = dev->state == VSH_STATE_IDLE || m->device_features != dev->device_features ||
           is_new_config(dev, m);

    dev->device_id = m->device_id;
    dev->vendor_id = m->vendor_id;
    dev->device_features = m->device_features;
    dev->dev_queues = m->nr_queues;
    dev->dev_queue_size = m->queue_size;
    for ( i = 0; i < dev->nr_banks; i++ )
        dev->aperture_gfn[i] = m->aperture_gfn[i];
    set_config(dev, m);

    dev->attached = true;
    if ( dev->state == VSH_STATE_WAITING )
        svq_restart_resume(dev);
    else
        dev->state = VSH_STATE_READY;
    if ( news )
        svq_dev_config_changed(dev);

    return VSH_ERR_NONE;
}

static int32_t change_config(struct svq_dev *dev, const struct vsh_mailbox *m)
{
    if ( !dev->attached )
        return VSH_ERR_STATE;
    if ( m->config_len != dev->config_len )
        return VSH_ERR_CONFIG;

    /* The driver is not told of what is no news. */
    if ( is_new_config(dev, m) )
    {
        set_config(dev, m);
        svq_dev_config_changed(dev);
    }

    return VSH_ERR_NONE;
}

static int32_t reset_ack(struct svq_dev *dev, const struct vsh_mailbox *m)
{
    if ( !dev->ack_needed || m->generation != dev->generation )
        return VSH_ERR_STATE;

    /*
     * The device has stopped, so its dummies can go, and the driver can come.
     * The state follows when that is done: at once if the driver has reset
     * the device already, else with its reset.
     */
    dev->ack_needed = false;
    dev->clearing = true;
    if ( dev->state == VSH_STATE_RESETTING )
        dev->state = VSH_STATE_READY;

    return VSH_ERR_NONE;
}

static int32_t queue_ack(struct svq_dev *dev, const struct vsh_mailbox *m)
{
    if ( m->queue >= dev->nr_queues )
        return VSH_ERR_QUEUES;

    return dev->state == VSH_STATE_RUNNING &&
           svq_queue_reset_acked(&dev->queue[svq_nospec(m->queue, dev->nr_queues)],
                                 m->generation)
           ? VSH_ERR_NONE : VSH_ERR_STATE;
}

/* Others pay for these, the driver by interrupts at least: they can be too many. */
static bool is_limited(const struct vsh_mailbox *m)
{
    return m->request == VSH_REQ_ATTACH || m->request == VSH_REQ_DETACH ||
           m->request == VSH_REQ_CONFIG;
}

void svq_mailbox_handle(struct svq_dev *dev)
{
    struct vsh_mailbox m;
    uint32_t seq = svq_read_once(dev->mailbox->request_seq);

    if ( seq == dev->request_seq )
        return;

    /* The request is complete before its seq is there. */
    svq_rmb();
    memcpy(&m, (const void *)dev->mailbox, sizeof(m));

    /* A compiler must not look at the page again where the copy is meant. */
    svq_rmb();

    /* As if it had not been sent yet: what is there later is read then. */
    if ( is_limited(&m) && !svq_env_admit(dev) )
        return;

    if ( m.version != VSH_ABI_VERSION )
        dev->request_error = VSH_ERR_REQUEST;
    else
    {
        switch ( m.request )
        {
        case VSH_REQ_ATTACH:
            dev->request_error = attach(dev, &m);
            break;

        case VSH_REQ_CONFIG:
            dev->request_error = change_config(dev, &m);
            break;

        case VSH_REQ_RESET_ACK:
            dev->request_error = reset_ack(dev, &m);
            break;

        case VSH_REQ_QUEUE_ACK:
            dev->request_error = queue_ack(dev, &m);
            break;

        case VSH_REQ_DETACH:
            svq_dev_backend_gone(dev);
            dev->request_error = VSH_ERR_NONE;
            break;

        default:
            dev->request_error = VSH_ERR_REQUEST;
            break;
        }
    }

    /* The first read decides which request this was, whatever is there now. */
    dev->request_seq = seq;
    svq_info_update(dev);
    svq_env_notify(dev, -1);
}

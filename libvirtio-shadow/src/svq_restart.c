/* SPDX-License-Identifier: MIT */
/*
 * From one backend to the next, while a driver is using the device.
 *
 *              backend gone                    ATTACH
 *    RUNNING ---------------> WAITING, leaving        WAITING, resuming ---> RUNNING
 *                                     |                  ^
 *                                     `---> WAITING -----'
 *
 * leaving: what the old one has returned goes to the driver, then it sees nothing
 * any more.  resuming: what is still in flight becomes visible to the new one.
 *
 * All that was told to the old one is in memory that it could only read, and
 * what is in flight is known from q->slot.  So a new one finds the descriptors
 * and tables that the old one had, and rings that are written anew: in them is
 * what the old one had not returned, in the order in which it was offered.
 *
 * A driver that resets the device, or comes only now, finds it as it was.
 */
#include "svq_buffers.h"
#include "svq_dev.h"
#include "svq_pages.h"
#include "svq_queue.h"
#include "svq_shadow.h"

void svq_restart_begin(struct svq_dev *dev)
{
    /* What the driver is resetting is not to be continued. */
    bool running = dev->state == VSH_STATE_RUNNING && !dev->reset_pending;
    unsigned int i;

    dev->waiting = true;

    if ( running )
    {
        dev->generation++;

        for ( i = 0; i < dev->nr_queues; i++ )
        {
            struct svq_queue *q = &dev->queue[i];

            q->collect = q->live;
            if ( q->reset != SVQ_RESET_NONE )
                q->reset_acked = true;
        }
    }

    if ( running || dev->resuming )
        dev->leaving = true;
    else
        /* Nobody is at work on them any more. */
        dev->clearing = true;

    dev->resuming = false;

    if ( dev->state != VSH_STATE_FAILED )
        svq_dev_set_state(dev, VSH_STATE_WAITING);
}

void svq_dev_wait_over(struct svq_dev *dev)
{
    if ( !dev->waiting )
        return;

    dev->waiting = false;
    dev->device_features = 0;
    dev->dev_queues = 0;

    /* The end of a reset finds out by itself. */
    if ( dev->state != VSH_STATE_WAITING || dev->reset_pending )
        return;

    if ( dev->status & SVQ_STATUS_FEATURES_OK )
        svq_dev_fail(dev, -1, SVQ_ERR_BACKEND_GONE);
    else
    {
        /* Without a driver nothing was there for one that has come and gone. */
        dev->leaving = false;
        svq_dev_set_state(dev, VSH_STATE_IDLE);
    }
}

/* Requests in flight may have tables that the driver does not know of. */
static bool has_tables(const struct svq_dev *dev)
{
    return (dev->status & SVQ_STATUS_DRIVER_OK) && !dev->start_pending &&
           (dev->shadow_features & (1ULL << SVQ_F_INDIRECT_DESC));
}

int32_t svq_restart_accepts(const struct svq_dev *dev, const struct vsh_mailbox *m)
{
    /* A driver that has not decided yet can be shown another device. */
    if ( !(dev->status & SVQ_STATUS_FEATURES_OK) )
        return VSH_ERR_NONE;

    return m->device_id == dev->device_id && m->nr_queues >= dev->dev_queues &&
           m->queue_size >= dev->dev_queue_size && m->config_len == dev->config_len &&
           (!has_tables(dev) || (m->device_features & (1ULL << SVQ_F_INDIRECT_DESC))) &&
           !(dev->driver_features & ~svq_dev_offered_by(dev, m->device_features))
           ? VSH_ERR_NONE : VSH_ERR_CHANGED;
}

void svq_restart_resume(struct svq_dev *dev)
{
    dev->waiting = false;
    dev->resuming = true;
    /* The old one may have written there. */
    dev->zeroing = dev->scrub;
    dev->zero_slot = 0;
    svq_pages_begin_resume(dev);
}

/*
 * Its reset ends with the backend that had it.  One that began when there was none
 * waits for the next: not all that it is about need be visible, nor may become so.
 */
static bool is_reset_leaving(const struct svq_queue *q)
{
    return svq_queue_reset_busy(q) && q->reset_acked;
}

/* The next step of leaving.  False while there is more. */
static bool leave(struct svq_dev *dev, unsigned int *budget)
{
    bool more = false;
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_queue *q = &dev->queue[i];
        enum svq_error err = svq_queue_settle(dev, q, budget);

        if ( err == SVQ_ERR_NONE && !q->wait_alone )
            err = is_reset_leaving(q) ? svq_queue_reset_step(dev, q, budget)
                                      : svq_queue_collect(dev, q, budget);

        if ( err != SVQ_ERR_NONE )
        {
            svq_dev_fail(dev, (int)i, err);
            return false;
        }

        more |= q->collect || is_reset_leaving(q) || q->wait_alone;
    }

    if ( more || svq_pages_suspend(dev) )
        return false;

    dev->leaving = false;
    /* A new one that has come in the meantime was told to come later. */
    svq_dev_set_state(dev, VSH_STATE_WAITING);

    return true;
}

/* How long ago it was made available decides: a larger key is later. */
static uint32_t key(const struct svq_queue *q, unsigned int i)
{
    return q->slot[q->order[i]].number - q->next_number;
}

/* Heap sort, as it needs no memory and no more than nr * log(nr) steps. */
static void sift(struct svq_queue *q, unsigned int root, unsigned int nr)
{
    for ( ;; )
    {
        unsigned int child = 2 * root + 1;
        uint16_t swap;

        if ( child >= nr )
            return;
        if ( child + 1 < nr && key(q, child + 1) > key(q, child) )
            child++;
        if ( key(q, root) >= key(q, child) )
            return;

        swap = q->order[root];
        q->order[root] = q->order[child];
        q->order[child] = swap;
        root = child;
    }
}

static void sort(struct svq_queue *q, unsigned int nr)
{
    unsigned int i;

    for ( i = nr / 2; i > 0; i-- )
        sift(q, i - 1, nr);

    for ( i = nr; i > 1; i-- )
    {
        uint16_t last = q->order[i - 1];

        q->order[i - 1] = q->order[0];
        q->order[0] = last;
        sift(q, 0, i - 1);
    }
}

static bool is_in_flight(const struct svq_slot *s)
{
    return s->count && !s->done;
}

/* Offer what is in flight again, on rings that are empty. */
static void offer(struct svq_dev *dev, struct svq_queue *q)
{
    unsigned int i, nr;

    svq_shadow_restart(q, dev->shadow_features & (1ULL << SVQ_F_EVENT_IDX));

    if ( q->in_order )
    {
        for ( i = q->order_tail; i != q->order_head; i = (uint16_t)(i + 1) )
        {
            unsigned int head = q->order[i & (q->max_size - 1U)];

            if ( is_in_flight(&q->slot[head]) )
                svq_shadow_offer(q, head);
        }
    }
    else
    {
        /* Nobody else uses order[]. */
        for ( i = 0, nr = 0; i < q->shadow_size; i++ )
            if ( is_in_flight(&q->slot[i]) )
                q->order[nr++] = (uint16_t)i;

        sort(q, nr);

        for ( i = 0; i < nr; i++ )
            svq_shadow_offer(q, q->order[i]);
    }

    svq_shadow_publish_again(dev, q);
    q->unpublished = 0;

    /* Kicks were passed over. */
    q->fetch = true;
}

/* Zero what is offered again to be written: as much as the budget is for. */
static enum svq_error zero_again(struct svq_dev *dev, unsigned int *budget)
{
    enum svq_error err = SVQ_ERR_NONE;

    while ( *budget && err == SVQ_ERR_NONE && dev->resume_queue < dev->nr_queues )
    {
        struct svq_queue *q = &dev->queue[dev->resume_queue];
        unsigned int work = 0;

        if ( q->live && dev->zero_slot < q->shadow_size )
        {
            if ( is_in_flight(&q->slot[dev->zero_slot]) )
                err = svq_buffers_zero(q, dev->zero_slot, &work);
            dev->zero_slot++;
        }
        else
        {
            dev->resume_queue++;
            dev->zero_slot = 0;
        }

        svq_spend(budget, 1 + work);
    }

    if ( dev->resume_queue == dev->nr_queues )
    {
        dev->zeroing = false;
        svq_pages_begin_resume(dev);
    }

    return err;
}

/* Everything is visible: let it begin. */
static void take_over(struct svq_dev *dev)
{
    unsigned int i;

    if ( dev->start_pending || !(dev->status & SVQ_STATUS_DRIVER_OK) )
    {
        svq_dev_settle(dev);
        return;
    }

    dev->restarts++;
    dev->shadow_features = svq_dev_shadow_features(dev);
    dev->state = VSH_STATE_RUNNING;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_queue *q = &dev->queue[i];

        if ( q->live )
            offer(dev, q);
        else if ( q->reset != SVQ_RESET_NONE )
            /* This one has never had it. */
            q->reset_acked = true;
        else if ( q->ready )
            /* It was reset, and enabled again, in the meantime. */
            svq_queue_start(dev, q);
    }

    svq_dev_set_state(dev, VSH_STATE_RUNNING);
}

/* The next step of resuming.  False while there is more. */
static bool resume(struct svq_dev *dev, unsigned int *budget)
{
    enum svq_error err;
    bool more = true;

    if ( dev->zeroing )
        err = zero_again(dev, budget);
    else
        more = svq_pages_resume(dev, &err);

    if ( err != SVQ_ERR_NONE )
    {
        svq_dev_fail(dev, -1, err);
        return false;
    }

    if ( more )
        return false;

    dev->resuming = false;
    take_over(dev);

    return true;
}

bool svq_restart_step(struct svq_dev *dev, unsigned int *budget)
{
    if ( dev->leaving )
        return leave(dev, budget);

    return !dev->resuming || resume(dev, budget);
}

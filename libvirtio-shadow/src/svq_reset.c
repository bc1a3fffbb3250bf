/* SPDX-License-Identifier: MIT */
/*
 * The reset of one live queue while others go on.
 *
 *    NONE --- QueueReset ---> TAKING ------> WAITING ------> CLEARING ---> NONE
 *                               |               ^                |
 *             dummies take the place     QUEUE_ACK of      dummies go where
 *             of what it had in flight   the backend       nobody else wants them
 *
 * Both walks go over the queue's slots, which keep what was in flight until
 * then, and are done in steps.
 */
#include "svq_buffers.h"
#include "svq_pages.h"
#include "svq_queue.h"

void svq_queue_begin_reset(struct svq_queue *q)
{
    q->live = false;
    q->fetch = false;
    q->collect = false;
    q->stalled = false;
    q->generation++;
    q->reset = SVQ_RESET_TAKING;
    q->reset_acked = false;
    q->reset_scan = 0;
}

bool svq_queue_reset_acked(struct svq_queue *q, uint32_t generation)
{
    if ( q->reset == SVQ_RESET_NONE || q->reset_acked || q->generation != generation )
        return false;

    q->reset_acked = true;

    return true;
}

/* Walk over the slots of chains that the backend had, from where the last step ended. */
static bool walk(struct svq_queue *q, enum svq_buffers_end how, unsigned int *budget)
{
    for ( ; q->reset_scan < q->shadow_size && *budget; q->reset_scan++ )
    {
        const struct svq_slot *s = &q->slot[q->reset_scan];

        svq_spend(budget, s->count && !s->done
                      ? svq_buffers_end(&q->pages, q, q->reset_scan, how) : 1);
    }

    if ( q->reset_scan < q->shadow_size )
        return false;

    q->reset_scan = 0;

    return true;
}

enum svq_error svq_queue_reset_step(struct svq_dev *dev, struct svq_queue *q,
                                    unsigned int *budget)
{
    enum svq_error err = SVQ_ERR_NONE;
    bool over;

    if ( q->wait_alone )
    {
        err = svq_queue_settle(dev, q, budget);
        if ( err != SVQ_ERR_NONE || q->wait_alone )
            return err;
    }

    if ( q->reset == SVQ_RESET_TAKING )
    {
        over = walk(q, SVQ_BUFFERS_HOLD, budget);
        err = svq_pages_commit(dev, q);
        if ( over )
        {
            q->in_flight = 0;
            q->reset = SVQ_RESET_WAITING;
        }
    }

    if ( err == SVQ_ERR_NONE && q->reset == SVQ_RESET_WAITING && q->reset_acked )
        q->reset = SVQ_RESET_CLEARING;

    if ( err == SVQ_ERR_NONE && q->reset == SVQ_RESET_CLEARING )
    {
        over = walk(q, SVQ_BUFFERS_UNHOLD, budget);
        err = svq_pages_commit(dev, q);
        if ( over )
            svq_queue_reset(dev, q);
    }

    return err;
}

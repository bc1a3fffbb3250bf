/* SPDX-License-Identifier: MIT */
/*
 * The device's states:
 *
 *            ATTACH             DRIVER_OK
 *    IDLE ----------> READY ------------------> RUNNING
 *                      ^ ^                       |   |
 *         RESET_ACK    | | reset, already acked  |   | a malformed ring, a lying
 *          .-----------' |                       |   | backend, backend gone
 *          |             '------- FAILED <-------+---'
 *     RESETTING <-- reset ----------'            |
 *          ^------------------- reset -----------'
 *
 * Leaving RUNNING takes everything in flight away from the backend at once,
 * but a device process may still be working on old requests.  No new ones are
 * made available to it until it has said that it stopped (RESET_ACK).
 *
 * With dev->keep, a backend that goes leaves the device WAITING for another
 * (svq_restart.c), which the driver does not notice.
 */
#include "svq_bounce.h"
#include "svq_dev.h"
#include "svq_pages.h"
#include "svq_queue.h"
#include "svq_shadow.h"
#include "svq_share.h"

/*
 * The bits of the device type are between driver and device (6).  The reserved
 * ones concern the queues and the transport, which are ours.
 */
#define RESERVED_FEATURES                                                                          \
    ((~0ULL << SVQ_F_FIRST_RESERVED) & (~0ULL >> (63 - SVQ_F_LAST_RESERVED)))

#define FEATURE(n)  (1ULL << (n))

/* Features of the driver's ring that the device needs to know nothing of. */
#define OUR_FEATURES                                                                               \
    (FEATURE(SVQ_F_EVENT_IDX) | FEATURE(SVQ_F_RING_PACKED) | FEATURE(SVQ_F_IN_ORDER))

/* Those in which it takes part: its chains get tables, its queues go one by one. */
#define SHARED_FEATURES (FEATURE(SVQ_F_INDIRECT_DESC) | FEATURE(SVQ_F_RING_RESET))

/*
 * Tables in pages of their own are the driver's and ours alone: to the device,
 * such a table is one like any other.
 */
static bool offers_indirect_pages(const struct svq_dev *dev, uint64_t features)
{
    /* What the device is told is not what is in the driver's tables. */
    if ( dev->policy != VSH_POLICY_GRANT )
        return false;

    return (dev->indirect == SVQ_INDIRECT_AUTO || dev->indirect == SVQ_INDIRECT_REMAP) &&
           (features & ~dev->withheld & FEATURE(SVQ_F_INDIRECT_DESC));
}

uint64_t svq_dev_offered(const struct svq_dev *dev)
{
    return svq_dev_offered_by(dev, dev->device_features);
}

uint64_t svq_dev_offered_by(const struct svq_dev *dev, uint64_t theirs)
{
    uint64_t ours = OUR_FEATURES;

    /* Nobody has described the device. */
    if ( !(theirs & FEATURE(SVQ_F_VERSION_1)) )
        return 0;

    if ( svq_is_shared(dev) )
        return (theirs & ~RESERVED_FEATURES) | FEATURE(SVQ_F_VERSION_1) |
               (svq_share_features(dev, theirs) & ~dev->withheld);

    if ( offers_indirect_pages(dev, theirs) )
    {
        ours |= FEATURE(SVQ_F_INDIRECT_PAGES);

        /* Tables of packed queues are not in the device's format: they are copied. */
        if ( dev->indirect == SVQ_INDIRECT_REMAP )
            ours &= ~FEATURE(SVQ_F_RING_PACKED);
    }

    return (theirs & ~RESERVED_FEATURES) | FEATURE(SVQ_F_VERSION_1) |
           ((ours | (theirs & SHARED_FEATURES)) & ~dev->withheld);
}

uint64_t svq_dev_shadow_features(const struct svq_dev *dev)
{
    uint64_t use = dev->device_features & FEATURE(SVQ_F_EVENT_IDX) & ~dev->withheld;

    /* The driver's ring is the device's. */
    if ( svq_is_shared(dev) )
        return dev->driver_features & ~FEATURE(SVQ_F_ACCESS_PLATFORM);

    /* Of what is shared with the driver, only what is on the ring concerns the device. */
    use |= dev->driver_features & FEATURE(SVQ_F_INDIRECT_DESC);

    /* A chain whose buffers are cut up gets a table, whatever the driver knows. */
    if ( dev->policy == VSH_POLICY_HYBRID )
        use |= dev->device_features & FEATURE(SVQ_F_INDIRECT_DESC) & ~dev->withheld;

    return (dev->driver_features & ~RESERVED_FEATURES) | FEATURE(SVQ_F_VERSION_1) | use;
}

static uint64_t frame_das(uint32_t frame)
{
    return SVQ_WINDOW_DAS + ((uint64_t)frame << VSH_FRAME_SHIFT);
}

void svq_info_update(struct svq_dev *dev)
{
    struct vsh_info *info = dev->info;
    uint32_t seq = info->seq, frame = VSH_FRAME_FIRST_QUEUE;
    unsigned int i;

    svq_write_once(info->seq, seq + 1);
    svq_wmb();

    info->state = dev->state;
    info->generation = dev->generation;
    info->reply_seq = dev->request_seq;
    info->reply_error = dev->request_error;
    info->driver_features = dev->shadow_features;
    info->device_status = dev->status;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        const struct svq_queue *q = &dev->queue[i];
        struct vsh_queue_info *qi = svq_info_queue(dev, i);

        qi->max_size = q->max_size;
        qi->size = q->live && dev->state == VSH_STATE_RUNNING ? q->shadow_size : 0;
        qi->generation = q->generation;

        if ( svq_is_shared(dev) )
        {
            svq_share_queue_info(q, qi);
            continue;
        }

        qi->desc = frame_das(frame);
        frame += svq_part_frames(q->max_size, SVQ_PART_DESC);
        qi->avail = frame_das(frame);
        frame += svq_part_frames(q->max_size, SVQ_PART_AVAIL);
        qi->used = frame_das(frame);
        frame += svq_part_frames(q->max_size, SVQ_PART_USED);
        qi->table_frame = frame;
        frame += svq_part_frames(q->max_size, SVQ_PART_TABLES);
        qi->bounce_frames = q->bounce[0].frames;
        qi->bounce_out_frame = qi->bounce_frames ? frame : 0;
        frame += qi->bounce_frames;
        qi->bounce_in_frame = qi->bounce_frames ? frame : 0;
        frame += qi->bounce_frames;
    }

    svq_wmb();
    svq_write_once(info->seq, seq + 2);
}

static uint32_t map_part(struct svq_mem *mem, uint8_t *const frame[], uint32_t first, uint32_t nr)
{
    uint32_t i;

    for ( i = 0; i < nr; i++ )
        mem->page[i] = frame[first + i];

    mem->off = 0;
    mem->nr = nr;

    return first + nr;
}

static uint32_t map_tables(struct svq_tables *t, uint8_t *const frame[], uint32_t first,
                           uint32_t nr)
{
    uint32_t i;

    for ( i = 0; i < nr; i++ )
        t->page[i] = frame[first + i];

    t->das = frame_das(first);

    return first + nr;
}

static uint32_t map_bounce(struct svq_bounce *b, uint8_t *const frame[], uint32_t first,
                           uint32_t nr)
{
    uint32_t i;

    for ( i = 0; i < nr; i++ )
        b->page[i] = frame[first + i];

    b->frames = nr;
    b->das = frame_das(first);
    svq_bounce_init(b);

    return first + nr;
}

void svq_dev_init(struct svq_dev *dev, uint8_t *const frame[])
{
    uint32_t i, f = VSH_FRAME_FIRST_QUEUE;

    dev->info = (struct vsh_info *)frame[VSH_FRAME_INFO];
    dev->mailbox = (const struct vsh_mailbox *)frame[VSH_FRAME_MAILBOX];

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_queue *q = &dev->queue[i];

        f = map_part(&q->shadow_desc, frame, f, svq_part_frames(q->max_size, SVQ_PART_DESC));
        f = map_part(&q->shadow_avail, frame, f, svq_part_frames(q->max_size, SVQ_PART_AVAIL));
        f = map_part(&q->shadow_used, frame, f, svq_part_frames(q->max_size, SVQ_PART_USED));
        f = map_tables(&q->tables, frame, f, svq_part_frames(q->max_size, SVQ_PART_TABLES));
        f = map_bounce(&q->bounce[0], frame, f, svq_bounce_frames(dev->policy, q->max_size));
        f = map_bounce(&q->bounce[1], frame, f, svq_bounce_frames(dev->policy, q->max_size));
        svq_pages_init(&q->pages, dev);
        q->nr = (uint8_t)i;
    }

    dev->alone = dev->nr_queues == 1;

    if ( !dev->threshold )
        dev->threshold = SVQ_THRESHOLD;

    if ( dev->indirect == SVQ_INDIRECT_OFF )
        dev->withheld |= FEATURE(SVQ_F_INDIRECT_DESC);

    dev->state = VSH_STATE_IDLE;

    dev->info->magic = VSH_MAGIC;
    dev->info->version = VSH_ABI_VERSION;
    dev->info->nr_frames = f;
    dev->info->window_base = SVQ_WINDOW_DAS;
    dev->info->policy = dev->policy;
    dev->info->nr_queues = dev->nr_queues;
    dev->info->queue_offset = SVQ_INFO_QUEUES;
    dev->info->queue_stride = sizeof(struct vsh_queue_info);
    dev->info->nr_banks = dev->nr_banks;
    dev->info->bank_offset = SVQ_INFO_BANKS;
    dev->info->bank_stride = sizeof(struct vsh_bank);
    for ( i = 0; i < dev->nr_banks; i++ )
        *svq_info_bank(dev, i) = dev->bank[i];

    svq_info_update(dev);
}

void svq_dev_set_state(struct svq_dev *dev, uint32_t state)
{
    dev->state = state;
    svq_info_update(dev);
    svq_env_notify(dev, -1);
}

/* Stop queue work for good, take back what is in flight. */
static void stop(struct svq_dev *dev)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        /* Once for each that was live: a driver cannot keep it from coming to an end. */
        if ( dev->queue[i].live )
            svq_scrub_anew(dev);
        svq_queue_stop(&dev->queue[i]);
    }

    svq_share_stop(dev);
    /* Nobody is at work, but some of it may be there for one that was to be. */
    if ( dev->state == VSH_STATE_WAITING )
        dev->clearing = true;

    dev->leaving = false;
    dev->resuming = false;
    dev->start_pending = false;
    dev->taking_away = true;
}

static void start(struct svq_dev *dev)
{
    unsigned int i;

    dev->start_pending = false;
    dev->shadow_features = svq_dev_shadow_features(dev);
    for ( i = 0; i < dev->nr_queues; i++ )
        if ( dev->queue[i].ready )
            svq_queue_start(dev, &dev->queue[i]);
    svq_dev_set_state(dev, VSH_STATE_RUNNING);
}

/* A state without work to wait for: is the driver already up, or still to come? */
void svq_dev_settle(struct svq_dev *dev)
{
    if ( dev->start_pending && dev->attached && !svq_is_shared(dev) )
        start(dev);
    else
    {
        /* With what takes a while before. */
        dev->sharing = dev->start_pending && dev->attached;
        svq_dev_set_state(dev, dev->attached ? VSH_STATE_READY :
                               dev->waiting ? VSH_STATE_WAITING : VSH_STATE_IDLE);
    }
}

void svq_dev_driver_ok(struct svq_dev *dev)
{
    dev->start_pending = true;

    if ( dev->state == VSH_STATE_READY && !dev->clearing && !dev->taking_away )
        svq_dev_settle(dev);
}

void svq_dev_queue_reset(struct svq_dev *dev, struct svq_queue *q)
{
    /* A queue that the backend does not have is reset at once. */
    if ( !q->live )
    {
        if ( q->reset == SVQ_RESET_NONE )
            svq_queue_reset(dev, q);
        return;
    }

    /* While there is no backend, what was in flight goes when the others go on, or fail. */
    svq_queue_begin_reset(q);
    svq_scrub_anew(dev);

    /* The backend is to stop using it. */
    svq_info_update(dev);
    svq_env_notify(dev, -1);
}

void svq_dev_queue_ready(struct svq_dev *dev, struct svq_queue *q)
{
    /* Otherwise it comes with the others. */
    if ( dev->state != VSH_STATE_RUNNING )
        return;

    svq_queue_start(dev, q);
    svq_info_update(dev);
    svq_env_notify(dev, -1);
}

void svq_dev_config_changed(struct svq_dev *dev)
{
    dev->config_gen++;

    if ( dev->status & SVQ_STATUS_DRIVER_OK )
    {
        svq_set_bits(&dev->int_status, SVQ_INT_CONFIG);
        svq_env_interrupt(dev);
    }
}

void svq_dev_fail(struct svq_dev *dev, int q, enum svq_error err)
{
    /*
     * IDLE: nothing is in flight, and a driver does not touch, hence not reset,
     * what has no device id; failed, it would keep every backend out.
     */
    if ( dev->state == VSH_STATE_IDLE || dev->state == VSH_STATE_FAILED ||
         dev->state == VSH_STATE_GONE )
        return;

    dev->failures++;
    dev->last_error = err;
    if ( q >= 0 && (unsigned int)q < dev->nr_queues )
        dev->queue[q].stats.rejected++;
    svq_env_report(dev, q, err);

    if ( dev->state == VSH_STATE_RUNNING )
    {
        dev->ack_needed = dev->attached;
        dev->generation++;
    }

    stop(dev);

    /* 2.1.2: NEEDS_RESET, and after DRIVER_OK a configuration change notification. */
    dev->status |= SVQ_STATUS_NEEDS_RESET;
    if ( dev->status & SVQ_STATUS_DRIVER_OK )
    {
        svq_set_bits(&dev->int_status, SVQ_INT_CONFIG);
        svq_env_interrupt(dev);
    }

    svq_dev_set_state(dev, VSH_STATE_FAILED);
}

bool svq_dev_write_fault(struct svq_dev *dev, uint64_t gfn)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        if ( !svq_pages_is_table(&dev->queue[i].pages, gfn) )
            continue;

        svq_dev_fail(dev, (int)i, SVQ_ERR_TABLE_WRITE);
        return true;
    }

    return false;
}

bool svq_dev_forget(struct svq_dev *dev)
{
    bool more = false;
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        more |= svq_pages_forget(&dev->queue[i].pages);

    return more;
}

void svq_dev_forget_page(struct svq_dev *dev, uint64_t gfn)
{
    unsigned int i;

    for ( i = 0; i < dev->nr_queues; i++ )
        svq_pages_unused(&dev->queue[i].pages, gfn);
}

void svq_dev_reset(struct svq_dev *dev)
{
    if ( dev->state == VSH_STATE_GONE )
        return;

    if ( dev->state == VSH_STATE_RUNNING )
    {
        dev->ack_needed = dev->attached;
        dev->generation++;
    }

    stop(dev);
    dev->reset_pending = true;
}

/* Everything is taken away: the registers' reset values, 4.2.3.1 and 2.4. */
static void finish_reset(struct svq_dev *dev)
{
    unsigned int i;

    dev->reset_pending = false;

    for ( i = 0; i < dev->nr_queues; i++ )
        svq_queue_reset(dev, &dev->queue[i]);

    dev->status = 0;
    svq_clear_bits(&dev->int_status, ~0U);
    dev->driver_features = 0;
    dev->dev_feat_sel = 0;
    dev->drv_feat_sel = 0;
    dev->queue_sel = 0;

    if ( dev->ack_needed )
        svq_dev_set_state(dev, VSH_STATE_RESETTING);
    else if ( dev->state != VSH_STATE_IDLE && dev->state != VSH_STATE_READY )
        svq_dev_settle(dev);
}

void svq_queue_called(struct svq_dev *dev, unsigned int nr)
{
    struct svq_queue *q;

    if ( dev->state != VSH_STATE_RUNNING || nr >= dev->nr_queues )
        return;

    q = &dev->queue[nr];
    if ( !q->live )
        return;

    if ( svq_is_shared(dev) )
        svq_share_backend_kick(dev, q);
    else
    {
        q->collect = true;
        svq_shadow_called(q);
    }
}

bool svq_queue_poll(struct svq_dev *dev, unsigned int nr, bool late)
{
    struct svq_queue *q = &dev->queue[nr];
    bool found = false;

    if ( dev->state != VSH_STATE_RUNNING || nr >= dev->nr_queues )
        return false;

    if ( svq_shadow_is_delayed(q) )
    {
        if ( late )
            svq_shadow_late(q);

        /* Late, it is asked to call for less, and that is looked after, too. */
        if ( late || svq_shadow_has_returns(q) )
            q->collect = found = true;
    }

    if ( svq_queue_is_quiet(q) )
    {
        q->slow |= late;
        if ( late || svq_queue_has_news(q) )
            q->fetch = found = true;
    }

    return found;
}

bool svq_queue_poll_driver(struct svq_dev *dev, unsigned int nr)
{
    struct svq_queue *q = &dev->queue[nr];

    if ( dev->state != VSH_STATE_RUNNING || nr >= dev->nr_queues || !svq_queue_has_news(q) )
        return false;

    q->fetch = true;

    return true;
}

void svq_dev_control(struct svq_dev *dev)
{
    if ( dev->state != VSH_STATE_GONE )
        svq_mailbox_handle(dev);
}

void svq_dev_backend_gone(struct svq_dev *dev)
{
    bool was_attached = dev->attached;

    if ( dev->state == VSH_STATE_GONE || dev->waiting )
        return;

    dev->attached = false;
    dev->ack_needed = false;

    /* Where the mediator does not look at the rings, nobody knows what is in flight. */
    if ( dev->keep && was_attached && !svq_is_shared(dev) )
    {
        svq_restart_begin(dev);
        return;
    }

    dev->device_features = 0;
    dev->dev_queues = 0;

    if ( dev->state == VSH_STATE_RUNNING || (dev->status & SVQ_STATUS_FEATURES_OK) )
        svq_dev_fail(dev, -1, SVQ_ERR_BACKEND_GONE);
    else if ( dev->state == VSH_STATE_RESETTING || dev->state == VSH_STATE_READY )
        svq_dev_set_state(dev, VSH_STATE_IDLE);

    /* Nobody is at work on them any more. */
    dev->clearing = true;
}

bool svq_dev_is_backends(const struct svq_dev *dev)
{
    /* A reset is the driver's to wait for, whatever else there is. */
    if ( dev->state == VSH_STATE_RUNNING || dev->state == VSH_STATE_GONE || dev->reset_pending )
        return false;

    if ( dev->leaving || dev->resuming )
        return true;

    if ( !dev->taking_away && !dev->clearing )
        return false;

    if ( !dev->attached )
        return true;

    /* It has lied.  A revocation is the toolstack's. */
    return dev->state == VSH_STATE_FAILED && dev->last_error != SVQ_ERR_REVOKED &&
           svq_error_is_backend(dev->last_error);
}

static bool take_away(struct svq_dev *dev)
{
    return svq_is_shared(dev) ? svq_share_take_away(dev) : svq_pages_take_away(dev);
}

static bool clear(struct svq_dev *dev)
{
    return svq_is_shared(dev) ? svq_share_clear(dev) : svq_pages_clear(dev);
}

bool svq_dev_release(struct svq_dev *dev)
{
    unsigned int i;

    if ( dev->state != VSH_STATE_GONE )
    {
        stop(dev);
        dev->attached = false;
        dev->waiting = false;
        dev->reset_pending = false;
        svq_dev_set_state(dev, VSH_STATE_GONE);
    }

    if ( dev->taking_away && take_away(dev) )
        return true;
    dev->taking_away = false;

    /* Dummies stay for who may still be at work on them, and for nobody else. */
    if ( dev->clearing && clear(dev) )
        return true;
    dev->clearing = false;

    for ( i = 0; i < dev->nr_queues; i++ )
        svq_queue_reset(dev, &dev->queue[i]);

    return false;
}

/* What the driver's start waits for.  False while there is more. */
static bool share(struct svq_dev *dev)
{
    enum svq_error err = SVQ_ERR_NONE;

    if ( svq_share_step(dev, &err) )
        return false;

    dev->sharing = false;
    if ( err != SVQ_ERR_NONE )
    {
        svq_dev_fail(dev, -1, err);
        return false;
    }

    start(dev);

    return true;
}

/* Forced revocation and what waits for it.  False while it is not done. */
static bool settle_down(struct svq_dev *dev, unsigned int *budget)
{
    if ( dev->taking_away )
    {
        if ( take_away(dev) )
            return false;
        dev->taking_away = false;
    }

    if ( dev->reset_pending )
        finish_reset(dev);

    if ( dev->clearing )
    {
        if ( clear(dev) )
            return false;
        dev->clearing = false;
        if ( dev->state == VSH_STATE_READY && dev->start_pending )
            svq_dev_settle(dev);
    }

    if ( dev->sharing && !share(dev) )
        return false;

    return svq_restart_step(dev, budget);
}

/* Requests come, and go. */
static enum svq_error serve(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    /* Returns first: they free what the next chains need. */
    enum svq_error err = svq_queue_collect(dev, q, budget);

    return err != SVQ_ERR_NONE || q->wait_alone ? err : svq_queue_fetch(dev, q, budget);
}

/* Whatever there is to do for a queue. */
static enum svq_error serve_alone(struct svq_dev *dev, struct svq_queue *q, unsigned int *budget)
{
    enum svq_error err = svq_queue_settle(dev, q, budget);

    if ( err != SVQ_ERR_NONE || q->wait_alone )
        return err;

    if ( svq_queue_reset_busy(q) )
        return svq_queue_reset_step(dev, q, budget);

    return q->live && (q->fetch || q->collect) ? serve(dev, q, budget) : SVQ_ERR_NONE;
}

/* While there is no backend, nobody is late. */
static void look_after(const struct svq_dev *dev, struct svq_queue *q)
{
    bool running = dev->state == VSH_STATE_RUNNING;

    q->delayed = running && svq_shadow_is_delayed(q);
    q->quiet = running && svq_queue_is_quiet(q);
}

static bool has_more(const struct svq_queue *q)
{
    return q->collect || (q->fetch && !q->stalled);
}

static bool run_alone(struct svq_dev *dev)
{
    unsigned int budget = SVQ_BUDGET, i;
    bool more = false;

    if ( !settle_down(dev, &budget) )
        return true;

    for ( i = 0; i < dev->nr_queues && dev->state == VSH_STATE_RUNNING; i++ )
    {
        unsigned int nr = (dev->next_queue + i) % dev->nr_queues;
        enum svq_error err = serve_alone(dev, &dev->queue[nr], &budget);

        if ( err != SVQ_ERR_NONE )
            svq_dev_fail(dev, (int)nr, err);
    }

    /* The queue that comes last this time comes first the next. */
    dev->next_queue = (dev->next_queue + 1) % dev->nr_queues;

    /* A failure on the way is settled by the caller's next call. */
    if ( dev->taking_away || dev->reset_pending )
        return true;

    for ( i = 0; i < dev->nr_queues; i++ )
    {
        struct svq_queue *q = &dev->queue[i];

        look_after(dev, q);
        more |= dev->state == VSH_STATE_RUNNING &&
                (has_more(q) || svq_queue_reset_busy(q) || q->wait_alone);
    }

    return more;
}

bool svq_dev_run(struct svq_dev *dev)
{
    bool more;

    if ( dev->state == VSH_STATE_GONE )
        return false;

    dev->alone = true;
    more = run_alone(dev);
    dev->alone = dev->nr_queues == 1;

    return more;
}

enum svq_run svq_queue_run(struct svq_dev *dev, unsigned int nr)
{
    unsigned int budget = SVQ_BUDGET;
    enum svq_error err;
    struct svq_queue *q;

    /* What is noted for the device is seen to by who has noted it, and queues with it. */
    if ( nr >= dev->nr_queues || dev->state != VSH_STATE_RUNNING || dev->taking_away ||
         dev->reset_pending )
        return SVQ_RUN_DONE;

    q = &dev->queue[nr];

    if ( q->wait_alone || q->error != SVQ_ERR_NONE || svq_queue_reset_busy(q) )
        return SVQ_RUN_ALONE;

    if ( !q->live )
        return SVQ_RUN_DONE;

    err = serve(dev, q, &budget);
    if ( err != SVQ_ERR_NONE )
        q->error = err;
    if ( err != SVQ_ERR_NONE || q->wait_alone )
        return SVQ_RUN_ALONE;

    look_after(dev, q);

    return has_more(q) ? SVQ_RUN_MORE : SVQ_RUN_DONE;
}

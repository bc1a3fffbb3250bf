/* SPDX-License-Identifier: MIT */
/* What the fuzzers share. */
#include "env_internal.h"
#include "rig.h"

struct rig rig;

static const unsigned int ring_features[] = {
    SVQ_F_INDIRECT_DESC, SVQ_F_EVENT_IDX,  SVQ_F_RING_PACKED,
    SVQ_F_IN_ORDER,      SVQ_F_RING_RESET, SVQ_F_INDIRECT_PAGES,
};

unsigned int rig_size(uint8_t which)
{
    static const uint8_t sizes[] = {16, 16, 16, 16, 8, 8, 8, 4, 4, 2, 1, 3, 5, 6, 7, 15};

    return sizes[which % COUNT(sizes)];
}

void rig_watch(void)
{
    /* What is in flight stays so while the driver waits for another backend. */
    bool up = env->dev.state == VSH_STATE_RUNNING || env_is_kept();
    bool restarted = rig.restarts != env->dev.restarts;
    unsigned int q;

    rig.restarts = env->dev.restarts;
    for (q = 0; q < env->dev.nr_queues; q++) {
        bool live = up && env->dev.queue[q].live;

        if (!up)
            rig.noted[q] = false;
        if (live && (restarted || !rig.was_live[q])) {
            be_begin_queue(q);
            rig.nr_held[q] = 0;
        }
        if (live && restarted && rig.was_live[q])
            ref_restart(q);
        else if (live && !rig.was_live[q] && rig.exact)
            ref_start(q);
        else if (!live)
            ref_stop(q);
        rig.was_live[q] = live;
    }
}

static void on_published(unsigned int queue, unsigned int slot)
{
    const struct env_flight *f = env->flight[queue][slot];
    unsigned int i;

    rig_watch();
    if (rig.exact)
        ref_published(queue, slot);

    /* Whatever it is, it lies in RAM; env_page() fails if not.  Or it is a copy. */
    for (i = 0; i < f->nr; i++)
        if (f->desc[i].addr < SVQ_WINDOW_DAS)
            env_page(f->desc[i].addr + f->desc[i].len - 1);
}

/* Are these the driver's doing, and hence in its ring? */
static bool is_drivers(enum svq_error err)
{
    return err >= SVQ_ERR_AVAIL_IDX && err <= SVQ_ERR_OVERCOMMIT && err != SVQ_ERR_TABLE_PAGE &&
           err != SVQ_ERR_TABLE_WRITE;
}

/* The device fails, or is to fail, for the sake of queue q (-1: none): do we know why? */
static void explain(enum svq_error err, int q, const bool *lied)
{
    struct ref_chain c;

    if (err == SVQ_ERR_BOUNCE) {
        /*
         * More bytes than there are bounce pages for one direction of a queue.  They are
         * copied as well if the queue is too short for three parts of each buffer.
         */
        assert_true(q >= 0);
        assert_int_equal(ref_look((unsigned int)q, &c), REF_GOOD);
        assert_true(env->dev.policy == VSH_POLICY_COPY ||
                    (env->dev.policy == VSH_POLICY_HYBRID && 3 * c.nr > ref[q].size));
        assert_true(c.pages > svq_bounce_frames(env->dev.policy, REF_SIZE) / 2);
    } else if (is_drivers(err)) {
        assert_true(q >= 0);
        assert_int_equal(ref_look((unsigned int)q, &c), REF_BAD);
    } else if (err == SVQ_ERR_USED_IDX || err == SVQ_ERR_USED_ID) {
        assert_true(q >= 0 && lied[q]);
    } else if (err == SVQ_ERR_TABLE_PAGE || err == SVQ_ERR_PAGE) {
        /* In a page of a table, which is read-only and the backend's. */
        assert_true(rig.troubled || (q >= 0 && env->dev.queue[q].remap));
    } else
        assert_true(rig.troubled);
}

/* The device has failed. */
static void explain_failure(const bool *lied)
{
    int q = env->report_queue;

    if (q < 0 || !rig.noted[q])
        explain(env->dev.last_error, q, lied);
    memset(rig.noted, 0, sizeof(rig.noted));
}

static unsigned int shadow_entry(const struct svq_queue *q, uint16_t at)
{
    return *(uint16_t *)svq_mem_at(&q->shadow_avail, SVQ_AVAIL_RING(at & (q->shadow_size - 1u)));
}

/* What a queue has found by itself: chains, and what the device is to fail for. */
static void note(unsigned int q, const bool *lied)
{
    const struct svq_queue *queue = &env->dev.queue[q];
    uint16_t i;

    for (i = queue->unpublished; ref[q].on && i > 0; i--)
        ref_taken(q, shadow_entry(queue, (uint16_t)(queue->shadow_avail_idx - i)));

    if (queue->error != SVQ_ERR_NONE && !rig.noted[q])
        explain(queue->error, (int)q, lied);
    rig.noted[q] = queue->error != SVQ_ERR_NONE;
}

/* The core is at rest: nothing that it ought to have done is left. */
static void check_at_rest(unsigned int q, bool kicked)
{
    const struct svq_queue *queue = &env->dev.queue[q];
    unsigned int i, in_flight = 0;
    struct ref_chain c;
    enum ref_verdict v;

    if (!ref[q].on || !kicked || env->dev.state != VSH_STATE_RUNNING || queue->wait_alone ||
        queue->error != SVQ_ERR_NONE)
        return;

    v = ref_look(q, &c);
    if (v == REF_NOTHING)
        return;

    /* A chain may have to wait for others, if there are others. */
    assert_true(queue->stalled);
    for (i = 0; i < env->dev.nr_queues; i++)
        in_flight += ref[i].on ? ref[i].with_dev : env->dev.queue[i].reset != SVQ_RESET_NONE;
    if (!in_flight && !rig.troubled)
        assert_true(v == REF_GOOD && c.pages > env->dev.queue[0].pages.nr);
}

/* Can svq_queue_run() do anything for it? */
static bool runs_by_itself(const struct svq_queue *q)
{
    return env->dev.state == VSH_STATE_RUNNING && !env->dev.reset_pending && q->live &&
           !q->wait_alone && q->error == SVQ_ERR_NONE;
}

/* Run the queues of a mask, or the device for 0.  True if there is more to do. */
static bool run(unsigned int queues)
{
    bool more = false;
    unsigned int q;

    if (!queues)
        return svq_dev_run(&env->dev);

    for (q = 0; q < env->dev.nr_queues; q++)
        if (queues & 1u << q)
            more |= svq_queue_run(&env->dev, q) == SVQ_RUN_MORE;

    return more;
}

static bool step(unsigned int queues)
{
    bool lies[REF_QUEUES], kicked[REF_QUEUES], must[REF_QUEUES], any = false, more;
    uint32_t failures = env->dev.failures;
    unsigned int q, interrupts = env->interrupts, got = 0, quiet = 0;
    bool pending = false;

    /* What waits for all locks can be all that is done in a step. */
    for (q = 0; q < env->dev.nr_queues; q++)
        pending |= env->dev.queue[q].wait_alone;

    for (q = 0; q < env->dev.nr_queues; q++) {
        const struct svq_queue *queue = &env->dev.queue[q];

        lies[q] = ref[q].on && ref_device_lies(q);
        kicked[q] = queue->fetch;
        /* What is returned too early may be there by the time that it is looked at. */
        must[q] = lies[q] && queue->collect && !env->dev.taking_away && !queue->unpublished;
        any |= must[q] && !queues && !pending;
        must[q] = must[q] && queues & 1u << q && runs_by_itself(queue);
        quiet += ref[q].on && (ref[q].event_idx || ref[q].packed ||
                               env_read16(ref[q].avail) & SVQ_AVAIL_F_NO_INTERRUPT);
    }

    more = run(queues);

    /* The rings of another backend have begun anew. */
    if (env->dev.restarts != rig.restarts)
        rig_watch();
    for (q = 0; q < env->dev.nr_queues; q++)
        got += ref_sync(q);

    if (rig.exact) {
        if (env->dev.failures != failures)
            explain_failure(lies);
        else {
            assert_false(any);
            for (q = 0; q < env->dev.nr_queues; q++) {
                note(q, lies);
                assert_true(!must[q] || env->dev.queue[q].error != SVQ_ERR_NONE);
                if (!env->dev.queue[q].fetch)
                    check_at_rest(q, kicked[q]);
            }
        }
        /* 2.7.7: without events and without the flag, it is told. */
        if (got && !quiet)
            assert_true(env->interrupts > interrupts);
    }

    env_check();
    rig_watch();

    return more;
}

bool rig_step(void)
{
    bool alone = !rig.by_queues || rig.last, more;

    more = step(alone ? 0 : (1u << env->dev.nr_queues) - 1);
    /* They do not say what there is to do for the device. */
    rig.last = !alone && !more;

    return more || rig.last;
}

void rig_step_queue(unsigned int q)
{
    step(1u << q);
}

void rig_run(void)
{
    unsigned int n = 0;

    while (rig_step())
        assert_true(n++ < 10000);
    env_run();
}

/* ---- Up, and up again ---- */

static uint64_t pick(uint64_t from)
{
    uint64_t bits = 0;
    unsigned int i;

    for (i = 0; i < COUNT(ring_features); i++)
        if (from & BIT(i))
            bits |= BIT(ring_features[i]);
    return bits;
}

void rig_setup(unsigned int q)
{
    static const uint8_t zeroes[0x6000];
    uint64_t at = RINGS + q * 0x8000;
    unsigned int size = rig.sizes[q], i;

    if (!(env->dev.driver_features & BIT(SVQ_F_RING_PACKED)))
        while (size & (size - 1))
            size &= size - 1;

    /* Queue 1's parts cross pages. */
    env_write(at, zeroes, q ? sizeof(zeroes) : PAGE);
    if (q)
        drv_setup_at(q, size, at + 0xf80, at + 0x2ff0, at + 0x4fc0);
    else
        drv_setup_at(q, size, at, at + 0x400, at + 0x800);
    /* Registers run the device, and other queues may have had something to return. */
    for (i = 0; i < env->dev.nr_queues; i++)
        if (i != q)
            ref_sync(i);
    rig_watch();
}

static void start(void)
{
    uint64_t offered;
    unsigned int q;

    drv_reset();
    rig_watch();
    offered = drv_offered();
    drv_write(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    drv_accept((offered & ~DRV_RING_FEATURES) | (offered & rig.driver_bits));
    drv_write(SVQ_MMIO_STATUS, DRV_OK & ~SVQ_STATUS_DRIVER_OK);
    if (!(drv_read(SVQ_MMIO_STATUS) & SVQ_STATUS_FEATURES_OK)) {
        /* Tables in pages of their own without tables. */
        assert_true(rig.driver_bits & BIT(SVQ_F_INDIRECT_PAGES));
        drv_accept((offered & ~DRV_RING_FEATURES) |
                   (offered & rig.driver_bits & ~BIT(SVQ_F_INDIRECT_PAGES)));
        drv_write(SVQ_MMIO_STATUS, DRV_OK & ~SVQ_STATUS_DRIVER_OK);
    }
    for (q = 0; q < env->dev.dev_queues; q++)
        rig_setup(q);
    drv_write_only(SVQ_MMIO_STATUS, DRV_OK);
    rig_watch();
}

void rig_create(struct input *in, bool exact, bool may_zero)
{
    static const uint32_t records[] = {2048, 64, 256, 1024};
    static const uint32_t policies[] = {VSH_POLICY_GRANT, VSH_POLICY_GRANT, VSH_POLICY_HYBRID,
                                        VSH_POLICY_COPY};
    uint8_t driver = in_u8(in), device = in_u8(in), shape = in_u8(in), more = in_u8(in);
    uint32_t policy = policies[driver >> 6];
    unsigned int q;

    rig = (struct rig){
        .exact = exact,
        .driver_bits = pick(driver),
        .by_queues = !(shape & 0x20),
    };
    memset(ref, 0, sizeof(ref));
    be_features =
        BE_FEATURES |
        (pick(device) & (BIT(SVQ_F_INDIRECT_DESC) | BIT(SVQ_F_EVENT_IDX) | BIT(SVQ_F_RING_RESET)));
    for (q = 0; q < REF_QUEUES; q++)
        rig.sizes[q] = rig_size(more >> 4 * q);

    env_create(&(struct env_opts){
        /* Bounce pages of a queue are many, and take a fuzzer's time. */
        .queues = policy == VSH_POLICY_GRANT ? 1 + shape % 2 : 1,
        .policy = policy,
        .threshold = 1000,
        .scrub = may_zero && shape & 0x40,
        .forgetful = device & 0x40,
        .keep = device & 0x80,
        .size = REF_SIZE,
        .bank0 = RIG_BANK0,
        .bank1 = RIG_BANK1,
        .records = records[(shape >> 1) % COUNT(records)],
        .indirect = (shape >> 3) % (SVQ_INDIRECT_OFF + 1),
        .withheld = shape & 0x80 ? BIT(SVQ_F_EVENT_IDX) : 0,
    });
    env->on_published = on_published;
    assert_int_equal(be_attach(), VSH_ERR_NONE);
    start();
    rig_run();
    assert_int_equal(env->dev.state, VSH_STATE_RUNNING);
}

void rig_repair(void)
{
    uint64_t gfn;

    switch (env->dev.state) {
    case VSH_STATE_IDLE:
        /* What had been put into the aperture is gone, and pages are RAM again. */
        for (gfn = 0; gfn < (RIG_BANK0 + RIG_BANK1) / PAGE && rig.troubled; gfn++) {
            uint64_t at =
                gfn < RIG_BANK0 / PAGE ? BANK0 + gfn * PAGE : BANK1 + gfn * PAGE - RIG_BANK0;

            env_set_kind(at, ENV_RAM);
            if (env_entry(at) == ENV_OTHER)
                env_backend_removes(at);
        }
        up_step();
        break;
    case VSH_STATE_WAITING:
        rig_run();
        if (be_attach_only())
            svq_dev_wait_over(&env->dev);
        break;
    case VSH_STATE_READY:
        rig_run();
        if (env->dev.attached && env->dev.dev_queue_size == REF_SIZE &&
            env->dev.dev_queues == env->dev.nr_queues)
            start();
        else
            be_attach_only();
        break;
    default:
        up_step();
        break;
    }
    rig_watch();
}

void rig_destroy(void)
{
    unsigned int i;

    env->on_read = NULL;
    env->grants_left = -1;
    rig_run();
    rig.troubled = true;
    svq_dev_backend_gone(&env->dev);
    rig_watch();
    rig_run();
    svq_dev_wait_over(&env->dev);
    rig_watch();
    rig_run();
    for (i = 0; i < 20 && env->dev.state != VSH_STATE_RUNNING; i++) {
        rig_repair();
        rig_run();
    }
    assert_int_equal(env->dev.state, VSH_STATE_RUNNING);
    assert_int_equal(env_visible(), 0);
    env_check_records();

    env_release();
    env_destroy();
}

/* SPDX-License-Identifier: MIT */
/*
 * A thread for each queue, which is its honest driver and backend, and one for all that
 * concerns the device.  test_parallel [SEED [ROUNDS]]: rounds of each queue.
 */
#include <sched.h>

#include "world.h"

#define MORE_STATUS (SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER)
#define W SVQ_DESC_F_WRITE

/* What the driver and the backend of a queue know; under the lock of the queue. */
static struct side {
    bool out[SIZE / 2];             /* chains, each of two descriptors ... */
    unsigned int page[SIZE / 2][2]; /* ... the pages that it reads, and writes */
    uint16_t avail, used;
    uint16_t seen;           /* of the shadow available ring */
    unsigned int held[SIZE]; /* heads, at the backend */
    unsigned int nr_held;
    uint64_t rnd;
    unsigned int requests;
} side[QUEUES];

static unsigned int rounds = 10000, rounds_done;

/* ---- A queue ---- */

static uint64_t ring_at(unsigned int q, unsigned int part)
{
    return BANK + (4ULL * q + part) * SVQ_PAGE_SIZE;
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t val;

    memcpy(&val, p, sizeof(val));
    return val;
}

static void put16(uint8_t *p, uint16_t val)
{
    memcpy(p, &val, sizeof(val));
}

static unsigned int pick(struct side *s, unsigned int q)
{
    return rnd(&s->rnd, 10) < 6 ? SHARED + rnd(&s->rnd, NR_SHARED) : OWN(q) + rnd(&s->rnd, NR_OWN);
}

static void offer(unsigned int q)
{
    struct side *s = &side[q];
    uint8_t *avail = ram(ring_at(q, 1));
    unsigned int i = rnd(&s->rnd, SIZE / 2), k;

    if (s->out[i])
        return;
    s->out[i] = true;
    for (k = 0; k < 2; k++) {
        struct svq_desc d = {.len = 512, .flags = k ? W : SVQ_DESC_F_NEXT};

        s->page[i][k] = pick(s, q);
        page_offered(q, s->page[i][k], k);
        d.addr = BANK + s->page[i][k] * (uint64_t)SVQ_PAGE_SIZE;
        d.next = (uint16_t)(2 * i + 1);
        memcpy(ram(ring_at(q, 0)) + 16 * (2 * i + k), &d, sizeof(d));
    }
    put16(avail + SVQ_AVAIL_RING(s->avail % SIZE), (uint16_t)(2 * i));
    s->avail++;
    put16(avail + SVQ_AVAIL_IDX, s->avail);
    svq_queue_kicked(&world.dev, q);
}

/* What has come back is the queue's again, and out of sight unless another queue has it. */
static void reap(unsigned int q)
{
    struct side *s = &side[q];
    const uint8_t *used = ram(ring_at(q, 2));
    unsigned int k;
    uint32_t id;

    for (; s->used != get16(used + SVQ_USED_IDX); s->used++) {
        memcpy(&id, used + SVQ_USED_ID(s->used % SIZE), sizeof(id));
        CHECK(id < SIZE && !(id % 2) && s->out[id / 2], "returned, and was not offered");
        s->out[id / 2] = false;
        s->requests++;
        for (k = 0; k < 2; k++)
            page_returned(q, s->page[id / 2][k], k);
    }
}

static void serve(unsigned int q)
{
    struct svq_queue *queue = &world.dev.queue[q];
    struct side *s = &side[q];
    uint8_t *used = svq_mem_at(&queue->shadow_used, 0);
    const uint8_t *avail = svq_mem_at(&queue->shadow_avail, 0);
    uint16_t idx = get16(used + SVQ_USED_IDX);
    unsigned int i;
    uint32_t e[2] = {0, 512};

    for (; s->seen != get16(avail + SVQ_AVAIL_IDX); s->seen++)
        s->held[s->nr_held++] = get16(avail + SVQ_AVAIL_RING(s->seen % SIZE));
    /* Some of it takes its time, so that others meet it. */
    if (s->nr_held <= rnd(&s->rnd, SIZE / 2))
        return;

    i = rnd(&s->rnd, s->nr_held);
    e[0] = s->held[i];
    s->held[i] = s->held[--s->nr_held];
    memcpy(used + SVQ_USED_ID(idx % SIZE), e, sizeof(e));
    put16(used + SVQ_USED_IDX, (uint16_t)(idx + 1));
    svq_queue_called(&world.dev, q);
}

static void run_device(void)
{
    while (svq_dev_run(&world.dev))
        ;
}

/* With the queue's lock, which is given up if it takes all. */
static void run_queue(unsigned int q)
{
    enum svq_run rc;

    do
        rc = svq_queue_run(&world.dev, q);
    while (rc == SVQ_RUN_MORE);

    if (rc == SVQ_RUN_ALONE) {
        pthread_mutex_unlock(&world.lock[q]);
        lock_all();
        run_device();
        unlock_all();
        pthread_mutex_lock(&world.lock[q]);
    }
}

static bool is_up(unsigned int q)
{
    return world.dev.state == VSH_STATE_RUNNING && world.dev.queue[q].live;
}

static void interrupt(void)
{
    uint32_t bits = svq_int_read(&world.dev, SVQ_MMIO_INT_STATUS);

    if (bits)
        svq_int_write(&world.dev, SVQ_MMIO_INT_ACK, bits);
}

static void *queue_main(void *arg)
{
    unsigned int q = (unsigned int)((struct side *)arg - side), n;

    for (n = 0; n < rounds;) {
        pthread_mutex_lock(&world.lock[q]);
        if (is_up(q)) {
            n++;
            __atomic_fetch_add(&rounds_done, 1, __ATOMIC_RELAXED);
            offer(q);
            run_queue(q);
        }
        if (is_up(q)) {
            serve(q);
            run_queue(q);
        }
        /* What was returned stays so, whatever has become of the device. */
        if (is_up(q))
            reap(q);
        pthread_mutex_unlock(&world.lock[q]);

        interrupt();
        sched_yield();
    }

    return NULL;
}

/* ---- The device, with all locks ---- */

static uint32_t get(uint32_t reg)
{
    return (uint32_t)svq_mmio_read(&world.dev, reg, 4);
}

static void set(uint32_t reg, uint32_t val)
{
    svq_mmio_write(&world.dev, reg, 4, val);
    run_device();
}

static void request(uint32_t what, uint32_t generation, unsigned int q)
{
    static uint32_t seq;
    struct vsh_mailbox *m = (struct vsh_mailbox *)world.window[VSH_FRAME_MAILBOX];

    *m = (struct vsh_mailbox){
        .version = VSH_ABI_VERSION,
        .request = what,
        .request_seq = ++seq,
        .generation = generation,
        .device_id = 2,
        .device_features = BE_FEATURES,
        .nr_queues = QUEUES,
        .queue_size = SIZE,
        .queue = q,
        .aperture_gfn = {APERTURE},
    };
    svq_dev_control(&world.dev);
    CHECK(!world.dev.info->reply_error, "the backend is refused something");
    run_device();
}

/* Neither side knows of anything that is in flight. */
static void begin_queue(unsigned int q)
{
    struct side *s = &side[q];

    queue_is_empty(q);
    memset(s->out, 0, sizeof(s->out));
    s->avail = s->used = s->seen = 0;
    s->nr_held = 0;
    memset(ram(ring_at(q, 0)), 0, 3 * SVQ_PAGE_SIZE);

    set(SVQ_MMIO_QUEUE_SEL, q);
    set(SVQ_MMIO_QUEUE_SIZE, SIZE);
    set(SVQ_MMIO_DESC_LOW, (uint32_t)ring_at(q, 0));
    set(SVQ_MMIO_AVAIL_LOW, (uint32_t)ring_at(q, 1));
    set(SVQ_MMIO_USED_LOW, (uint32_t)ring_at(q, 2));
    set(SVQ_MMIO_QUEUE_READY, 1);
    CHECK(get(SVQ_MMIO_QUEUE_READY), "a queue is not ready");
}

static void start(void)
{
    unsigned int q;

    set(SVQ_MMIO_STATUS, MORE_STATUS);
    set(SVQ_MMIO_DRV_FEAT_SEL, 0);
    set(SVQ_MMIO_DRV_FEATURES, 0);
    set(SVQ_MMIO_DRV_FEAT_SEL, 1);
    set(SVQ_MMIO_DRV_FEATURES, (uint32_t)(BE_FEATURES >> 32));
    set(SVQ_MMIO_STATUS, MORE_STATUS | SVQ_STATUS_FEATURES_OK);
    for (q = 0; q < QUEUES; q++)
        begin_queue(q);
    set(SVQ_MMIO_STATUS, MORE_STATUS | SVQ_STATUS_FEATURES_OK | SVQ_STATUS_DRIVER_OK);
    CHECK(world.dev.state == VSH_STATE_RUNNING, "the device does not run");
}

static void unlock_for_others(void)
{
    unsigned int n;

    unlock_all();
    for (n = 0; n < 4; n++)
        sched_yield();
    lock_all();
}

static void restart_device(bool fail)
{
    if (fail) {
        world.may_fail = true;
        svq_dev_fail(&world.dev, -1, SVQ_ERR_REVOKED);
        run_device();
        world.may_fail = false;
        check_nothing_visible();
        unlock_for_others();
    }
    set(SVQ_MMIO_STATUS, 0);
    check_nothing_visible();
    unlock_for_others();
    request(VSH_REQ_RESET_ACK, world.dev.info->generation, 0);
    start();
}

static void reset_queue(unsigned int q)
{
    set(SVQ_MMIO_QUEUE_SEL, q);
    set(SVQ_MMIO_QUEUE_RESET, 1);
    queue_is_empty(q);
    unlock_for_others();
    request(VSH_REQ_QUEUE_ACK, svq_info_queue(&world.dev, q)->generation, q);
    begin_queue(q);
}

static void another_backend(void)
{
    unsigned int q;

    svq_dev_backend_gone(&world.dev);
    run_device();
    check_nothing_visible();
    unlock_for_others();
    for (q = 0; q < QUEUES; q++) {
        side[q].seen = 0;
        side[q].nr_held = 0;
    }
    request(VSH_REQ_ATTACH, 0, 0);
    CHECK(world.dev.state == VSH_STATE_RUNNING, "another backend cannot take over");
}

static void *device_main(void *arg)
{
    uint64_t state = *(uint64_t *)arg;
    unsigned int n, next;

    for (n = 1; n < rounds / 4; n++) {
        unsigned int what = rnd(&state, 32);

        /* As often as there are rounds, whoever is fast. */
        next = n * QUEUES * 4;
        while (__atomic_load_n(&rounds_done, __ATOMIC_RELAXED) < next)
            sched_yield();

        interrupt();
        lock_all();
        if (what == 0)
            restart_device(false);
        else if (what == 1)
            restart_device(true);
        else if (what < 5)
            another_backend();
        else if (what < 10)
            reset_queue(rnd(&state, QUEUES));
        else if (what < 14)
            while (svq_dev_forget(&world.dev))
                ;
        else if (what < 18)
            svq_dev_forget_page(&world.dev, FIRST_GFN + SHARED + rnd(&state, NR_SHARED));
        else if (what < 22)
            __atomic_fetch_add(&world.generation, 1, __ATOMIC_RELAXED);
        else if (what < 26)
            CHECK(get(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK, "the device is not up");
        else
            run_device();
        unlock_all();
    }

    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t seed = 0x9e3779b97f4a7c15ULL * (argc > 1 ? strtoull(argv[1], NULL, 0) : 1);
    unsigned int q, requests = 0;
    pthread_t thread[QUEUES + 1];

    if (argc > 2)
        rounds = (unsigned int)strtoul(argv[2], NULL, 0);

    world_create();
    request(VSH_REQ_ATTACH, 0, 0);
    start();

    for (q = 0; q < QUEUES; q++) {
        side[q].rnd = seed + q;
        CHECK(!pthread_create(&thread[q], NULL, queue_main, &side[q]), "no thread");
    }
    CHECK(!pthread_create(&thread[QUEUES], NULL, device_main, &seed), "no thread");
    for (q = 0; q <= QUEUES; q++)
        pthread_join(thread[q], NULL);

    for (q = 0; q < QUEUES; q++) {
        CHECK(side[q].requests > rounds / 10, "a queue did next to nothing");
        requests += side[q].requests;
    }
    CHECK(world.met > rounds / 10, "the queues hardly ever met");
    CHECK(world.interrupts, "no interrupt");
    world_release();
    printf("%u requests, %u times a page was another queue's\n", requests, world.met);

    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The backend's pool of page tables, and the part of it that each device has. */
#include "rig.h"

#define BLOCKS (RIG_RAM_PAGES / MODEL_TABLE)
#define ELSEWHERE (RIG_APERTURE + 0x1800UL)

static unsigned int rounds; /* of the last create() */

static bool preempt(void)
{
    return model.preempt_checks % 2;
}

/*
 * The toolstack's call, with all that Xen leaves to be continued.  What the backend's pool must
 * have besides is there for that long, so that what is left is the devices'.
 */
static int create(struct rig *r, unsigned int id, uint32_t *lacks)
{
    struct xen_domctl_virtio_shadow op = {.op = XEN_DOMCTL_VIRTIO_SHADOW_CREATE};
    bool copyback = false;
    int rc;

    r->id = op.id = id;
    r->aperture = RIG_APERTURE + id * 0x800;
    r->seq = 0;
    memset(r->queue, 0, sizeof(r->queue));
    op.u.create = rig_params(r);
    r->be->model->pool += VSH_TABLES_LEFT;
    for (rounds = 1;; rounds++) {
        rc = virtio_shadow_domctl(r->fe, &op, &copyback);
        assert_false(model_locked());
        if (rc != -ERESTART)
            break;
        assert_true(rounds < 1000 && !copyback);
    }
    r->be->model->pool -= VSH_TABLES_LEFT;
    assert_int_equal(copyback, rc == -ENOSPC);
    *lacks = op.u.create.lacks;

    return rc;
}

/* The tables that a device needs, by what the tests know of it. */
static unsigned long need(const struct rig *r)
{
    unsigned int frames =
        svq_window_frames(r->nr_queues, r->queue_size, svq_bounce_frames(r->policy, r->queue_size));
    unsigned long pages = RIG_RAM_PAGES;

    if (r->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY)
        pages = 0;
    if (r->policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL)
        pages = r->pool.size / PAGE_SIZE;
    return p2m_foreign_tables(frames) + p2m_foreign_tables(pages);
}

/* The driver has a page in flight in each block of its RAM. */
static void spread(struct rig *r)
{
    unsigned int i;

    for (i = 0; i < BLOCKS; i++)
        rig_submit(r, 0, RIG_RAM + (i * MODEL_TABLE + 200) * PAGE_SIZE, PAGE_SIZE, true);
    assert_int_equal(rig_stats(r).failures, 0);
    assert_int_equal(rig_available(r, 0), BLOCKS);
    rig_serve(r, 0, BLOCKS, PAGE_SIZE);
    assert_int_equal(rig_used(r, 0), BLOCKS);
    assert_int_equal(rig_stats(r).failures, 0);
}

static void again_at(struct rig *r, unsigned long aperture)
{
    assert_int_equal(rig_request(r, VSH_REQ_DETACH), 0);
    r->aperture = aperture;
    rig_backend_comes(r);
    rig_settle_all(r->fe);
}

static void domains(struct rig *r)
{
    rig_domains(r);
    r->nr_queues = 1;
    r->queue_size = 64;
    /* Waits for another backend, and for another process. */
    r->restart_s = 60;
}

/* Another guest with a device of the same backend. */
static void neighbour(struct rig *r, const struct rig *of)
{
    unsigned int i;

    *r = *of;
    r->fe = model_domain(3, 2);
    for (i = 0; i < r->ram_pages; i++)
        model_populate(r->fe, PFN_DOWN(RIG_RAM) + i);
}

static void enough_and_one_less(void **state)
{
    unsigned int policy;

    (void)state;
    for (policy = XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT;
         policy <= XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL; policy++) {
        struct rig r;
        uint32_t lacks;

        model_start();
        domains(&r);
        r.policy = policy;
        if (policy == XEN_DOMCTL_VIRTIO_SHADOW_POLICY_POOL) {
            r.pool = (struct vsh_bank){RIG_RAM, (MODEL_TABLE + 1) * PAGE_SIZE};
            r.features = 1ULL << SVQ_F_ACCESS_PLATFORM;
        }
        r.be->model->pool = need(&r) - 1;
        assert_int_equal(create(&r, 0, &lacks), -ENOSPC);
        assert_int_equal(lacks, 1);
        assert_int_equal(r.be->model->pool_reserved, 0);
        assert_int_equal(model_ports(r.fe), 0);
        assert_int_equal(model.xen_pages, 0);

        r.be->model->pool++;
        assert_int_equal(create(&r, 0, &lacks), 0);
        assert_int_equal(r.be->model->pool_reserved, need(&r));
        rig_up(&r);
        if (policy <= XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID)
            spread(&r);
        assert_int_equal(rig_stats(&r).failures, 0);
        assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
        assert_int_equal(r.be->model->pool_reserved, 0);
        model_end();
    }
}

/* A backend has tables left for what it maps itself, when it gets a device. */
static void some_are_left_for_all_else(void **state)
{
    struct xen_domctl_virtio_shadow_create c;
    struct rig r;

    (void)state;
    domains(&r);
    r.id = 0;
    r.aperture = RIG_APERTURE;
    c = rig_params(&r);
    r.be->model->pool = need(&r) + VSH_TABLES_LEFT - 1;
    assert_int_equal(rig_create(&r, &c), -ENOSPC);
    r.be->model->pool++;
    assert_int_equal(rig_create(&r, &c), 0);
    assert_int_equal(r.be->model->pool - r.be->model->pool_reserved, VSH_TABLES_LEFT);
    model_end();
}

/* One guest needs all tables that it can; its backend comes and goes in ever other places. */
static void one_cannot_take_what_another_has(void **state)
{
    struct rig bad, good;
    unsigned int i;
    uint32_t lacks;

    (void)state;
    domains(&bad);
    neighbour(&good, &bad);
    bad.be->model->pool = 2 * need(&bad);
    assert_int_equal(create(&bad, 0, &lacks), 0);
    rig_up(&bad);
    assert_int_equal(create(&good, 1, &lacks), 0);

    spread(&bad);
    for (i = 0; i < 8; i++) {
        again_at(&bad, ELSEWHERE + i * 0x800);
        rig_submit(&bad, 0, RIG_RAM + 300 * PAGE_SIZE, 16, true);
        model_time_passes(SECONDS(1));
    }

    rig_up(&good);
    spread(&good);
    model_end();
}

/* Each way to leave gives back what is not used. */
static void given_back(void **state)
{
    unsigned int way;

    (void)state;
    for (way = 0; way < 5; way++) {
        struct rig r;
        uint32_t lacks;

        model_start();
        domains(&r);
        assert_int_equal(create(&r, 0, &lacks), 0);
        assert_int_equal(r.be->model->pool_reserved, need(&r));
        if (way)
            rig_up(&r);
        if (way > 1)
            spread(&r);
        if (way % 2)
            model_kill_wholly(r.be);
        else
            model_kill_wholly(r.fe);
        assert_int_equal(r.be->model->pool_reserved, 0);
        model_end();
    }
}

/* The new backend has a pool of its own. */
static void reassigned(void **state)
{
    struct xen_domctl_virtio_shadow op = {.op = XEN_DOMCTL_VIRTIO_SHADOW_REASSIGN};
    bool copyback = false;
    struct rig r;
    uint32_t lacks;

    (void)state;
    domains(&r);
    assert_int_equal(create(&r, 0, &lacks), 0);
    rig_up(&r);
    model_kill_wholly(r.be);
    assert_int_equal(r.be->model->pool_reserved, 0);

    r.be = model_domain(7, 2);
    r.be->model->pool = need(&r) - 2 + VSH_TABLES_LEFT;
    op.u.reassign.backend = 7;
    assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), -ENOSPC);
    assert_true(copyback);
    assert_int_equal(op.u.reassign.lacks, 2);
    assert_int_equal(r.be->model->pool_reserved, 0);
    assert_int_equal(rig_stats(&r).backend, DOMID_INVALID);

    r.be->model->pool += 2;
    op.u.reassign.lacks = 0;
    assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), 0);
    assert_int_equal(r.be->model->pool_reserved, need(&r));
    r.be->model->pool -= VSH_TABLES_LEFT;
    rig_map_window(&r);
    r.seq = rig_info(&r)->reply_seq;
    rig_backend_comes(&r);
    rig_settle_all(r.fe);
    spread(&r);
    model_end();
}

/* Tables that a device has left behind are another's, also when there is something else to do. */
static void tables_come_back(void **state)
{
    struct rig r;
    uint32_t lacks;
    unsigned int i;

    (void)state;
    domains(&r);
    r.be->model->pool = need(&r) + 2;
    for (i = 0; i < 4; i++) {
        model.preempt = i % 2 ? preempt : NULL;
        assert_int_equal(create(&r, i, &lacks), 0);
        assert_true(i != 3 || rounds > 1);
        model.preempt = NULL;
        rig_up(&r);
        spread(&r);
        assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, i), 0);
        rig_unmap_window(&r);
    }
    model_end();
}

/* ... but not tables of an aperture that is there, whatever it shows. */
static void tables_that_are_paid_for_stay(void **state)
{
    struct rig first, second;
    uint32_t lacks;

    (void)state;
    domains(&first);
    neighbour(&second, &first);
    first.be->model->pool = 2 * need(&first);
    assert_int_equal(create(&first, 0, &lacks), 0);
    rig_up(&first);
    spread(&first);
    assert_int_equal(create(&second, 1, &lacks), 0);
    rig_up(&second);
    spread(&second);

    /* Nothing that could be freed makes room for one more. */
    second.id = 2;
    assert_int_equal(create(&second, 2, &lacks), -ENOSPC);
    assert_true(first.be->model->table[RIG_APERTURE / MODEL_TABLE]);
    second.id = 1;
    second.aperture = RIG_APERTURE + 0x800;
    spread(&first);
    model_end();
}

/* An aperture that is somewhere else now takes the place's tables with it. */
static void paid_again_for_another_place(void **state)
{
    struct rig r;
    uint32_t lacks;
    unsigned int i;

    (void)state;
    domains(&r);
    r.be->model->pool = need(&r) + 1;
    assert_int_equal(create(&r, 0, &lacks), 0);
    rig_up(&r);
    for (i = 0; i < 6; i++) {
        spread(&r);
        model_time_passes(SECONDS(2));
        again_at(&r, i % 2 ? RIG_APERTURE : ELSEWHERE);
    }
    spread(&r);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(enough_and_one_less),
        rig_test(some_are_left_for_all_else),
        rig_test(one_cannot_take_what_another_has),
        rig_test(given_back),
        rig_test(reassigned),
        rig_test(tables_come_back),
        rig_test(tables_that_are_paid_for_stay),
        rig_test(paid_again_for_another_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

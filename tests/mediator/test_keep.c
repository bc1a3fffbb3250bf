/* SPDX-License-Identifier: MIT */
/* What a device keeps of the frontend's pages between requests, and when it lets go. */
#include "rig.h"

/* Where the rings of device 1 are. */
#define RINGS_1 (RIG_RINGS(0) + 0x40000)

static uint32_t kept(const struct rig *r)
{
    return rig_vsh(r)->dev.queue[0].pages.nr_kept;
}

/* A request of nr pages from n, there and back. */
static void use(struct rig *r, unsigned int n, unsigned int nr)
{
    rig_submit(r, 0, RIG_BUFFER(n), nr * PAGE_SIZE, true);
    assert_true(rig_sees(r, RIG_BUFFER(n), true));
    rig_serve(r, 0, 1, nr * PAGE_SIZE);
    assert_int_equal(rig_used(r, 0), 1);
    assert_false(rig_sees(r, RIG_BUFFER(n), false));
}

static void looked_up_once(void **state)
{
    unsigned int lookups, i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    lookups = r.fe->model->lookups;
    for (i = 0; i < 20; i++) {
        use(&r, 0, 8);
    }
    assert_int_equal(r.fe->model->lookups, lookups + 8);
    assert_int_equal(kept(&r), 8);
    for (i = 0; i < 8; i++) {
        assert_int_equal(rig_page_at(r.fe, RIG_BUFFER(i))->refs, 2);
    }
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* The frontend balloons: it gets nothing back that it has given up, and Xen gets it. */
static void given_up_by_the_frontend(void **state)
{
    struct page_info *pg;
    unsigned int pages;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    use(&r, 0, 8);
    pg = rig_page_at(r.fe, RIG_BUFFER(3));
    pages = r.fe->model->nr_pages;

    current = r.fe->vcpu[0];
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(3)));
    /* Not before the vCPU runs on. */
    assert_int_equal(pg->refs, 1);
    assert_int_equal(r.fe->model->nr_pages, pages);
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(pg->refs, 0);
    assert_int_equal(r.fe->model->nr_pages, pages - 1);
    assert_int_equal(kept(&r), 0);

    model_populate(r.fe, PFN_DOWN(RIG_BUFFER(3)));
    use(&r, 0, 8);
    assert_int_equal(rig_stats(&r).failures, 0);
    model_end();
}

/* Another page is there before the old one is let go of: requests find the new one. */
static void replaced_by_the_frontend(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    use(&r, 0, 8);
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(3)));
    model_populate(r.fe, PFN_DOWN(RIG_BUFFER(3)));

    rig_submit(&r, 0, RIG_BUFFER(0), 8 * PAGE_SIZE, true);
    /* The backend sees what the frontend sees. */
    assert_true(rig_sees(&r, RIG_BUFFER(3), true));
    rig_serve(&r, 0, 1, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 0), 1);
    model_end();
}

/* It has gone on with that until a number of 32 bits is the same again. */
static void replaced_and_2_32_changes_more(void **state)
{
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    use(&r, 0, 8);
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(3)));
    model_populate(r.fe, PFN_DOWN(RIG_BUFFER(3)));
    r.fe->model->ram_changes += (1ULL << 32) - 1;

    rig_submit(&r, 0, RIG_BUFFER(0), 8 * PAGE_SIZE, true);
    assert_true(rig_sees(&r, RIG_BUFFER(3), true));
    rig_serve(&r, 0, 1, PAGE_SIZE);
    assert_int_equal(rig_used(&r, 0), 1);
    model_end();
}

/* The toolstack takes it away, and every vCPU of the frontend is asleep. */
static void given_up_by_others(void **state)
{
    struct page_info *pg;
    unsigned int kicked;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    use(&r, 0, 8);
    pg = rig_page_at(r.fe, RIG_BUFFER(3));
    kicked = r.fe->vcpu[0]->kicked;
    model_remove_by(r.be, r.fe, PFN_DOWN(RIG_BUFFER(3)));
    model_remove_by(r.be, r.fe, PFN_DOWN(RIG_BUFFER(4)));
    assert_int_equal(r.fe->vcpu[0]->kicked, kicked + 1);
    rig_settle(r.fe->vcpu[0]);
    assert_int_equal(pg->refs, 0);
    assert_int_equal(kept(&r), 0);
    model_end();
}

/* Much is let go of in steps, with time for others in between. */
static void in_steps(void **state)
{
    unsigned int i;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 256);
    for (i = 0; i + 64 <= 1536; i += 64) {
        use(&r, i, 64);
    }
    assert_int_equal(kept(&r), 1536);
    model_remove(r.fe, PFN_DOWN(RIG_BUFFER(1)));
    assert_in_range(rig_settle(r.fe->vcpu[0]), 3, 10);
    assert_int_equal(kept(&r), 0);
    model_end();
}

static void second_device(struct rig *r2, const struct rig *r)
{
    *r2 = *r;
    r2->features = 1ULL << SVQ_F_INDIRECT_DESC | 1ULL << SVQ_F_INDIRECT_PAGES;
    r2->indirect = XEN_DOMCTL_VIRTIO_SHADOW_INDIRECT_REMAP;
    rig_device(r2, 1, r->nr_queues, r->queue_size);
    rig_up(r2);
}

/* A request with its table at RIG_BUFFER(0), which the other device had in a buffer. */
static void request_by_table(struct rig *r)
{
    struct svq_desc *d;

    *(struct svq_desc *)rig_ram(r, RIG_BUFFER(0)) = (struct svq_desc){
        .addr = RIG_BUFFER(50),
        .len = 512,
        .flags = SVQ_DESC_F_WRITE,
    };
    rig_add(r, 0, RIG_BUFFER(0), sizeof(*d), false);
    d = rig_ram(r, RINGS_1 + ((r->queue[0].next_desc - 1U) % 16U) * sizeof(*d));
    d->flags = SVQ_DESC_F_INDIRECT;
    rig_kick(r, 0);
    rig_serve(r, 0, 1, 512);
}

static void no_obstacle_for_tables_of_others(void **state)
{
    struct rig r, r2;

    (void)state;
    rig_running(&r, 1, 16);
    second_device(&r2, &r);
    use(&r, 0, 8);

    /* While the other device is busy it cannot be asked: the table is copied. */
    model.trylock_fails = true;
    request_by_table(&r2);
    assert_int_equal(rig_queue_stats(&r2, 0).tables_remapped, 0);
    assert_int_equal(rig_queue_stats(&r2, 0).tables_copied, 1);
    assert_int_equal(kept(&r), 8);

    model.trylock_fails = false;
    request_by_table(&r2);
    assert_int_equal(rig_queue_stats(&r2, 0).tables_remapped, 1);
    assert_int_equal(kept(&r), 7);
    assert_int_equal(rig_page_at(r.fe, RIG_BUFFER(0))->refs, 1);
    model_end();
}

/* Nobody is kept from dying by what is kept. */
static void deaths(void **state)
{
    unsigned int who;

    (void)state;
    for (who = 0; who < 3; who++) {
        struct rig r;

        model_start();
        rig_running(&r, 1, 16);
        use(&r, 0, 8);
        assert_int_equal(kept(&r), 8);

        if (who == 0) {
            model_kill_wholly(r.fe);
        } else if (who == 1) {
            model_kill_wholly(r.be);
            assert_int_equal(rig_page_at(r.fe, RIG_BUFFER(0))->refs, 1);
        } else {
            assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 0), 0);
            assert_int_equal(rig_page_at(r.fe, RIG_BUFFER(0))->refs, 1);
            /* There is nothing to be told any more. */
            model_remove(r.fe, PFN_DOWN(RIG_BUFFER(0)));
            rig_settle(r.fe->vcpu[0]);
        }
        model_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(looked_up_once),
        rig_test(given_up_by_the_frontend),
        rig_test(replaced_by_the_frontend),
        rig_test(replaced_and_2_32_changes_more),
        rig_test(given_up_by_others),
        rig_test(in_steps),
        rig_test(no_obstacle_for_tables_of_others),
        rig_test(deaths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

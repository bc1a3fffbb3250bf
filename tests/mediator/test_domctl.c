/* SPDX-License-Identifier: MIT */
/* The toolstack's other calls: statistics, taking everything back, nonsense. */
#include "rig.h"

static int stats_from(struct domain *fe, unsigned int *id,
                      struct xen_domctl_virtio_shadow_stats *to, unsigned int *nr_queues)
{
    struct xen_domctl_virtio_shadow op = {
        .op = XEN_DOMCTL_VIRTIO_SHADOW_STATS, .id = *id, .u.stats.device.p = to};
    bool copyback = false;
    int rc = virtio_shadow_domctl(fe, &op, &copyback);

    assert_false(model_locked());
    assert_int_equal(copyback, !rc);
    *id = op.id;
    *nr_queues = op.u.stats.nr_queues;
    return rc;
}

static void devices_in_turn(void **state)
{
    struct xen_domctl_virtio_shadow_stats s;
    unsigned int id, nr;
    struct rig r;

    (void)state;
    rig_domains(&r);
    id = 0;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), -ENOENT);
    rig_device(&r, 2, 1, 16);
    rig_device(&r, 31, 3, 32);

    id = 0;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), 0);
    assert_int_equal(id, 2);
    assert_int_equal(s.irq, RIG_IRQ + 2);
    assert_int_equal(nr, 1);
    id = 3;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), 0);
    assert_int_equal(id, 31);
    assert_int_equal(s.base, RIG_BASE + 31 * 0x200);
    assert_int_equal(nr, 3);
    assert_int_equal(s.backend, RIG_BE);
    assert_int_equal(s.policy, XEN_DOMCTL_VIRTIO_SHADOW_POLICY_GRANT);
    id = 32;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), -ENOENT);
    id = ~0U;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), -ENOENT);
    id = 0;
    assert_int_equal(stats_from(r.be, &id, &s, &nr), -ENOENT);
    id = 0;
    assert_int_equal(stats_from(r.fe, &id, NULL, &nr), -EFAULT);
    assert_int_equal(id, 0);

    rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, 2);
    id = 0;
    assert_int_equal(stats_from(r.fe, &id, &s, &nr), 0);
    assert_int_equal(id, 31);
    model_end();
}

/* As many records as there is room for, and not one more. */
static void room_for_queues(void **state)
{
    struct xen_domctl_virtio_shadow_queue_stats s[VSH_MAX_QUEUES], untouched;
    struct xen_domctl_virtio_shadow_stats device;
    struct rig r;

    (void)state;
    rig_running(&r, 3, 16);
    memset(&untouched, 0xee, sizeof(untouched));
    for (unsigned int room = 0; room <= VSH_MAX_QUEUES + 1; room++) {
        struct xen_domctl_virtio_shadow op = {
            .op = XEN_DOMCTL_VIRTIO_SHADOW_STATS,
            .u.stats = {.device.p = &device, .queues.p = s, .nr_queues = room},
        };
        bool copyback = false;

        /* Xen does not look at how much there is beyond the device's queues. */
        if (room > VSH_MAX_QUEUES) {
            op.u.stats.nr_queues = ~0U;
        }
        memset(s, 0xee, sizeof(s));
        assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), 0);
        assert_int_equal(op.u.stats.nr_queues, 3);
        for (unsigned int q = 0; q < VSH_MAX_QUEUES; q++) {
            if (q < room && q < 3) {
                assert_int_equal(s[q].size, 16);
            } else {
                assert_memory_equal(&s[q], &untouched, sizeof(untouched));
            }
        }
    }
    model_end();
}

static void bad_stats(void **state)
{
    struct xen_domctl_virtio_shadow_stats device;
    struct xen_domctl_virtio_shadow op = {
        .op = XEN_DOMCTL_VIRTIO_SHADOW_STATS,
        .u.stats = {.device.p = &device, .nr_queues = 1},
    };
    bool copyback = false;
    struct rig r;

    (void)state;
    rig_running(&r, 2, 16);
    assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), -EFAULT);
    assert_false(copyback);
    op.u.stats.nr_queues = 0;
    op.u.stats.pad = 1;
    assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), -EINVAL);
    assert_false(copyback);
    op.u.stats.pad = 0;
    assert_int_equal(virtio_shadow_domctl(r.fe, &op, &copyback), 0);
    assert_true(copyback);
    assert_false(model_locked());
    model_end();
}

static void counters(void **state)
{
    struct xen_domctl_virtio_shadow_queue_stats q;
    struct xen_domctl_virtio_shadow_stats s;
    struct rig r;
    unsigned int i;

    (void)state;
    rig_running(&r, 2, 16);
    s = rig_stats(&r);
    assert_int_equal(s.state, VSH_STATE_RUNNING);
    assert_int_equal(s.device_id, 2);
    assert_int_equal(s.device_status, 15);
    assert_true(s.driver_features == 1ULL << SVQ_F_VERSION_1);
    assert_int_equal(rig_queue_stats(&r, 1).size, 16);

    for (i = 0; i < 5; i++) {
        rig_submit(&r, 1, RIG_BUFFER(4 * i), 2 * PAGE_SIZE, true);
    }
    q = rig_queue_stats(&r, 1);
    assert_int_equal(q.kicks, 5);
    assert_int_equal(q.requests, 5);
    assert_int_equal(q.in_flight, 5);
    assert_int_equal(q.grants, 10);
    assert_int_equal(q.notifications, 5);
    assert_int_equal(rig_stats(&r).pages_mapped, 10);
    assert_int_equal(rig_queue_stats(&r, 0).kicks, 0);

    rig_serve(&r, 1, 5, 100);
    q = rig_queue_stats(&r, 1);
    assert_int_equal(q.in_flight, 0);
    assert_int_equal(q.returned, 5);
    assert_int_equal(q.revokes, 10);
    assert_int_equal(q.flushes, 1);
    assert_int_equal(q.interrupts, 1);
    s = rig_stats(&r);
    assert_int_equal(s.pages_mapped, 0);
    assert_int_equal(s.failures, 0);

    r.queue[1].given += 7;
    rig_serve(&r, 1, 0, 0);
    s = rig_stats(&r);
    assert_int_equal(s.failures, 1);
    assert_int_equal(s.last_error, XEN_DOMCTL_VIRTIO_SHADOW_ERR_USED_IDX);
    assert_int_equal(rig_queue_stats(&r, 1).rejected, 1);
    assert_int_equal(rig_queue_stats(&r, 0).rejected, 0);
    model_end();
}

static bool always(void)
{
    return true;
}

/* In parts, if others want the CPU; and each part gets on. */
static void revoked_in_parts(void **state)
{
    unsigned int parts = 0, mapped, before = 300;
    struct rig r;

    (void)state;
    rig_running(&r, 1, 16);
    rig_submit(&r, 0, RIG_BUFFER(0), 300 * PAGE_SIZE, true);
    model.preempt = always;
    while (rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0) == -ERESTART) {
        mapped = rig_stats(&r).pages_mapped;
        assert_true(mapped < before || !mapped);
        before = mapped;
        assert_true(++parts < 20);
    }
    assert_true(parts >= 300 / SVQ_PAGE_BATCH);
    assert_int_equal(rig_stats(&r).pages_mapped, 0);
    assert_int_equal(rig_stats(&r).failures, 1);
    assert_int_equal(rig_stats(&r).last_error, SVQ_ERR_REVOKED);
    assert_non_null(model_access(r.be, (r.aperture << PAGE_SHIFT) + 0x80000, true));
    assert_false(rig_sees(&r, RIG_BUFFER(0), false));

    /* Once more: nothing is left to take. */
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), 0);
    assert_int_equal(rig_stats(&r).failures, 1);
    model_end();
}

static void revoke_of_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_domains(&r);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), -ENOENT);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, ~0U), -ENOENT);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_DESTROY, ~0U), -ENOENT);
    rig_device(&r, 0, 1, 16);

    /* Before there is a backend's device, it must not keep one out. */
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REVOKE, 0), 0);
    rig_up(&r);
    assert_int_equal(rig_op(r.fe, 0, 0), -EOPNOTSUPP);
    assert_int_equal(rig_op(r.fe, XEN_DOMCTL_VIRTIO_SHADOW_REASSIGN + 1, 0), -EOPNOTSUPP);
    assert_int_equal(rig_op(r.fe, ~0U, 0), -EOPNOTSUPP);
    model_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(devices_in_turn), rig_test(room_for_queues),  rig_test(bad_stats),
        rig_test(counters),        rig_test(revoked_in_parts), rig_test(revoke_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

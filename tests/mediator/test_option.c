/* SPDX-License-Identifier: MIT */
/* The option on Xen's command line. */
#include "rig.h"

extern const char model_option_name[];
extern int (*const model_option)(const char *);

/* That of a device, which asked for this one, or for none (0). */
static uint32_t threshold_of(const char *option, uint16_t policy, uint32_t asked)
{
    uint32_t threshold;
    struct rig r;

    rig_domains(&r);
    assert_int_equal(model_option(option), 0);
    r.policy = policy;
    r.threshold = asked;
    rig_device(&r, 0, 1, 16);
    threshold = rig_stats(&r).threshold;
    model_end();

    return threshold;
}

static void on_and_off(void **state)
{
    (void)state;
    model_start();
    assert_string_equal(model_option_name, "virtio-shadow");

    opt_virtio_shadow = false;
    assert_int_equal(model_option("on"), 0);
    assert_true(opt_virtio_shadow);
    /* no-virtio-shadow */
    assert_int_equal(model_option("no"), 0);
    assert_false(opt_virtio_shadow);
    /* virtio-shadow */
    assert_int_equal(model_option(""), 0);
    assert_true(opt_virtio_shadow);
    assert_int_equal(model_option("off"), 0);
    assert_false(opt_virtio_shadow);
}

static void threshold_alone_turns_nothing_on(void **state)
{
    (void)state;
    model_start();
    opt_virtio_shadow = false;
    assert_int_equal(model_option("threshold=16K"), 0);
    assert_int_equal(vsh_default_threshold, 16384);
    assert_false(opt_virtio_shadow);
}

static void both(void **state)
{
    (void)state;
    model_start();
    opt_virtio_shadow = false;
    assert_int_equal(model_option("on,threshold=5000B"), 0);
    assert_true(opt_virtio_shadow);
    assert_int_equal(vsh_default_threshold, 5000);
    assert_int_equal(model_option("threshold=1M,off"), 0);
    assert_false(opt_virtio_shadow);
    assert_int_equal(vsh_default_threshold, XEN_DOMCTL_VIRTIO_SHADOW_MAX_THRESHOLD);
}

static void what_is_wrong_has_no_effect(void **state)
{
    static const char *const wrong[] = {
        "threshold=0",   "threshold=1025K",     "threshold=16Kx", "threshold=", "threshold",
        "threshold=17T", "threshold=0x100001B", "maybe",          ",",
    };
    unsigned int i;

    (void)state;
    model_start();
    vsh_default_threshold = 4096;
    for (i = 0; i < ARRAY_SIZE(wrong); i++) {
        opt_virtio_shadow = i & 1;
        if (model_option(wrong[i]) != -EINVAL || vsh_default_threshold != 4096 ||
            opt_virtio_shadow != (i & 1)) {
            fail_msg("%s", wrong[i]);
        }
    }

    /* But what is right among it. */
    opt_virtio_shadow = false;
    assert_int_equal(model_option("threshold=2M,on,"), -EINVAL);
    assert_true(opt_virtio_shadow);
    assert_int_equal(vsh_default_threshold, 4096);
}

static void devices_have_it(void **state)
{
    (void)state;
    assert_int_equal(threshold_of("on", XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 0), SVQ_THRESHOLD);
    assert_int_equal(threshold_of("threshold=16K", XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 0),
                     16384);
}

static void unless_they_have_their_own(void **state)
{
    (void)state;
    assert_int_equal(threshold_of("threshold=16K", XEN_DOMCTL_VIRTIO_SHADOW_POLICY_HYBRID, 2000),
                     2000);
    assert_int_equal(threshold_of("threshold=16K", XEN_DOMCTL_VIRTIO_SHADOW_POLICY_COPY, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(on_and_off),
        rig_test(threshold_alone_turns_nothing_on),
        rig_test(both),
        rig_test(what_is_wrong_has_no_effect),
        rig_test(devices_have_it),
        rig_test(unless_they_have_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* A driver driven by hand: what it writes into registers. */
#include <stdlib.h>
#include <string.h>

#include "hand-driver.h"

#define SERVED "ignored, a good request is served"
#define REFUSED "refused, a reset gives a working device"

static void put(uint32_t sel, uint32_t reg, uint32_t val)
{
    wr(SVQ_MMIO_QUEUE_SEL, sel);
    wr(reg, val);
    wr(SVQ_MMIO_QUEUE_SEL, 0);
}

/* ---- on a device that runs; it is to go on as if nothing had been ---- */

static void queue_size(void)
{
    put(0, SVQ_MMIO_QUEUE_SIZE, 8);
    put(0, SVQ_MMIO_QUEUE_SIZE, 0);
}

static void ring_addresses(void)
{
    for (uint32_t reg = SVQ_MMIO_DESC_LOW; reg <= SVQ_MMIO_USED_HIGH; reg += 4)
        put(0, reg, 0x41414000);
}

static void features_late(void)
{
    wr(SVQ_MMIO_DRV_FEAT_SEL, 0);
    wr(SVQ_MMIO_DRV_FEATURES, 0xffffffff);
    wr(SVQ_MMIO_DRV_FEAT_SEL, 1);
    wr(SVQ_MMIO_DRV_FEATURES, 0xffffffff);
}

static void status_cleared(void)
{
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE);
}

static void status_not_ours(void)
{
    wr(SVQ_MMIO_STATUS, 0xffffff00u | SVQ_STATUS_NEEDS_RESET);
}

static void read_only_registers(void)
{
    static const uint32_t regs_ro[] = {
        SVQ_MMIO_MAGIC,         SVQ_MMIO_VERSION,        SVQ_MMIO_DEVICE_ID,  SVQ_MMIO_VENDOR_ID,
        SVQ_MMIO_DEV_FEATURES,  SVQ_MMIO_QUEUE_SIZE_MAX, SVQ_MMIO_INT_STATUS, SVQ_MMIO_SHM_LEN_LOW,
        SVQ_MMIO_SHM_BASE_HIGH, SVQ_MMIO_CONFIG_GEN};

    for (unsigned int i = 0; i < sizeof(regs_ro) / sizeof(*regs_ro); i++)
        wr(regs_ro[i], 0xffffffff);
}

static void undefined_registers(void)
{
    for (uint32_t off = 0; off < SVQ_MMIO_CONFIG; off += 4) {
        switch (off) {
        case SVQ_MMIO_STATUS:
        case SVQ_MMIO_QUEUE_READY:
            break;
        default:
            if (off < 0x10 || off > 0xa4)
                wr(off, 0xa5a5a5a5);
        }
    }
}

static void config_space(void)
{
    for (uint32_t off = SVQ_MMIO_CONFIG; off < SVQ_MMIO_SIZE; off += 4)
        wr(off, 0xffffffff);
}

static void other_sizes(void)
{
    for (uint32_t off = 0; off < SVQ_MMIO_CONFIG; off += 8) {
        (void)*(volatile uint8_t *)(regs + off + 1);
        (void)*(volatile uint16_t *)(regs + off + 2);
        (void)*(volatile uint64_t *)(regs + off);
        *(volatile uint8_t *)(regs + off + 3) = 0xff;
        *(volatile uint16_t *)(regs + off) = 0xffff;
        *(volatile uint64_t *)(regs + off) = 0;
    }
}

static void queues_beyond(void)
{
    static const uint32_t sel[] = {1, 7, 8, 0x100, 0x80000000u, 0xffffffffu};

    for (unsigned int i = 0; i < sizeof(sel) / sizeof(*sel); i++) {
        put(sel[i], SVQ_MMIO_QUEUE_SIZE, 64);
        put(sel[i], SVQ_MMIO_DESC_LOW, (uint32_t)desc_pa);
        put(sel[i], SVQ_MMIO_QUEUE_READY, 1);
        put(sel[i], SVQ_MMIO_QUEUE_READY, 0);
        put(sel[i], SVQ_MMIO_QUEUE_RESET, 1);
    }
}

static void notify_beyond(void)
{
    static const uint32_t queue[] = {1, 7, 8, 0x100, 0x10000, 0x80000000u, 0xffffffffu};

    for (unsigned int i = 0; i < sizeof(queue) / sizeof(*queue); i++)
        wr(SVQ_MMIO_QUEUE_NOTIFY, queue[i]);
}

static void acknowledge_all(void)
{
    for (unsigned int i = 0; i < 100; i++)
        wr(SVQ_MMIO_INT_ACK, 0xffffffff);
}

static void queue_reset_unasked(void)
{
    put(0, SVQ_MMIO_QUEUE_RESET, 1);
}

static void ready_again(void)
{
    for (unsigned int i = 0; i < 100; i++)
        put(0, SVQ_MMIO_QUEUE_READY, 1 + i);
}

static void notification_storm(void)
{
    for (unsigned int i = 0; i < 20000; i++)
        kick();
}

static void selector_storm(void)
{
    for (unsigned int i = 0; i < 5000; i++) {
        wr(SVQ_MMIO_QUEUE_SEL, (uint32_t)random());
        wr(SVQ_MMIO_DEV_FEAT_SEL, (uint32_t)random());
        (void)rd(SVQ_MMIO_DEV_FEATURES);
        (void)rd(SVQ_MMIO_QUEUE_SIZE_MAX);
    }
    wr(SVQ_MMIO_QUEUE_SEL, 0);
}

static const struct {
    const char *name;
    void (*write)(void);
} ignored[] = {
    {"QueueSize of a live queue written", queue_size},
    {"ring addresses of a live queue written", ring_addresses},
    {"features written after FEATURES_OK", features_late},
    {"status bits cleared one by one", status_cleared},
    {"status bits written that are not the driver's", status_not_ours},
    {"read-only registers written", read_only_registers},
    {"registers that are not there written", undefined_registers},
    {"configuration space written", config_space},
    {"registers accessed with 1, 2 and 8 bytes", other_sizes},
    {"queues selected that are not there", queues_beyond},
    {"queues notified that are not there", notify_beyond},
    {"interrupts acknowledged that were none", acknowledge_all},
    {"QueueReset without the feature", queue_reset_unasked},
    {"QueueReady of a live queue written again", ready_again},
    {"20000 notifications of nothing", notification_storm},
    {"20000 accesses with random selectors", selector_storm},
};

/* ---- before a device runs ---- */

static const char *driver_ok_first(void)
{
    wr(SVQ_MMIO_STATUS, 0);
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER | SVQ_STATUS_DRIVER_OK);
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_DRIVER_OK ? "DRIVER_OK was accepted" : NULL;
}

static const char *with_features(uint64_t features)
{
    uint64_t good = hand_features;
    bool accepted;

    hand_features = features;
    accepted = negotiate();
    hand_features = good;
    return accepted ? "FEATURES_OK was accepted" : NULL;
}

static const char *features_of_ones(void)
{
    return with_features(~0ULL);
}

static const char *no_version_1(void)
{
    return with_features(0);
}

static const char *pages_without_indirect(void)
{
    return with_features(1ULL << SVQ_F_VERSION_1 | 1ULL << SVQ_F_INDIRECT_PAGES);
}

static const char *not_offered(void)
{
    /* VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_NOTIFICATION_DATA */
    return with_features(1ULL << SVQ_F_VERSION_1 | 1ULL << 33 | 1ULL << 38);
}

static const char *ready_first(void)
{
    wr(SVQ_MMIO_STATUS, 0);
    wr(SVQ_MMIO_STATUS, SVQ_STATUS_ACKNOWLEDGE | SVQ_STATUS_DRIVER);
    set_queue(QSIZE, desc_pa, avail_pa, used_pa);
    return rd(SVQ_MMIO_QUEUE_READY) ? "the queue was accepted" : NULL;
}

static const char *notified_first(void)
{
    if (!negotiate())
        return "cannot negotiate";
    set_queue(QSIZE, desc_pa, avail_pa, used_pa);
    for (unsigned int i = 0; i < 100; i++)
        kick();
    return rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET ? "DEVICE_NEEDS_RESET" : NULL;
}

static const struct {
    const char *name;
    const char *(*wrong)(void);
} refused[] = {
    {"DRIVER_OK before FEATURES_OK", driver_ok_first},
    {"features of ones", features_of_ones},
    {"features without VERSION_1", no_version_1},
    {"features that were not offered", not_offered},
    {"INDIRECT_PAGES without INDIRECT_DESC", pages_without_indirect},
    {"a queue before the features", ready_first},
    {"notifications before DRIVER_OK", notified_first},
};

/* ---- whatever comes of it ---- */

static void random_writes(void)
{
    for (unsigned int i = 0; i < 20000; i++) {
        uint32_t off = (uint32_t)random() % SVQ_MMIO_SIZE & ~3u;

        wr(off, random() % 4 ? (uint32_t)random() & 0x3f : (uint32_t)random() * 2u);
    }
}

static void reset_storm(void)
{
    for (unsigned int i = 0; i < 500; i++) {
        wr(SVQ_MMIO_STATUS, 0);
        if (i % 8 == 0)
            start();
        kick();
    }
}

static void after_failure(void)
{
    desc[0].len = 0;
    offer(0);
    kick();
    if (!wait_status(SVQ_STATUS_NEEDS_RESET, 0))
        return;
    for (unsigned int i = 0; i < 1000; i++) {
        offer(0);
        kick();
        put(0, SVQ_MMIO_QUEUE_READY, i & 1);
        wr(SVQ_MMIO_STATUS, i | SVQ_STATUS_DRIVER_OK);
    }
}

static const struct {
    const char *name, *expected;
    void (*write)(void);
    int failures, error;
} anything[] = {
    {"20000 random register writes", "whatever happens, a reset helps", random_writes, ATTACK_ANY,
     ATTACK_ANY},
    {"500 resets", "the device works afterwards", reset_storm, 0, 0},
    {"1000 notifications and register writes after a failure", "one failure, a reset helps",
     after_failure, 1, SVQ_ERR_LEN},
};

void attack_registers(void)
{
    for (unsigned int i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
        const struct attack a = {"driver", ignored[i].name, SERVED, 0, 0};

        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        ignored[i].write();
        attack_end(&a, judge(goes_on()));
    }

    for (unsigned int i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        const struct attack a = {"driver", refused[i].name, REFUSED, 0, 0};
        const char *why = refused[i].wrong();

        attack_end(&a, judge(why ? why : recovers()));
    }

    for (unsigned int i = 0; i < sizeof(anything) / sizeof(*anything); i++) {
        const struct attack a = {"driver", anything[i].name, anything[i].expected,
                                 anything[i].failures, anything[i].error};

        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        anything[i].write();
        attack_end(&a, judge(recovers()));
    }
}

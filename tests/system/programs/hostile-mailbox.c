// SPDX-License-Identifier: MIT
/* A hostile backend: what it writes into the mailbox. */
#include <stddef.h>
#include <string.h>

#include "hostile.h"

#define REFUSED "refused, the request is served"
#define NOT_TAKEN "refused, the device takes a good description afterwards"

/* ---- requests that make no sense while a request is in flight ---- */

struct wrong {
    uint32_t version, request, generation, queue, config_len;
    int error;
};

enum { RIGHT_GENERATION = 0x7fffffff };

static const struct wrong wrong[] = {
    {VSH_ABI_VERSION, VSH_REQ_NONE, 0, 0, 0, VSH_ERR_REQUEST},
    {VSH_ABI_VERSION, 99, 0, 0, 0, VSH_ERR_REQUEST},
    {VSH_ABI_VERSION, 0xffffffffu, 0, 0, 0, VSH_ERR_REQUEST},
    {0, VSH_REQ_DETACH, 0, 0, 0, VSH_ERR_REQUEST},
    {0xffffffffu, VSH_REQ_DETACH, 0, 0, 0, VSH_ERR_REQUEST},
    {VSH_ABI_VERSION, VSH_REQ_RESET_ACK, RIGHT_GENERATION, 0, 0, VSH_ERR_STATE},
    {VSH_ABI_VERSION, VSH_REQ_RESET_ACK, 0xfffffff0u, 0, 0, VSH_ERR_STATE},
    {VSH_ABI_VERSION, VSH_REQ_QUEUE_ACK, RIGHT_GENERATION, 0, 0, VSH_ERR_STATE},
    {VSH_ABI_VERSION, VSH_REQ_QUEUE_ACK, 0, VSH_MAX_QUEUES, 0, VSH_ERR_QUEUES},
    {VSH_ABI_VERSION, VSH_REQ_QUEUE_ACK, 0, 0xffffffffu, 0, VSH_ERR_QUEUES},
    {VSH_ABI_VERSION, VSH_REQ_CONFIG, 0, 0, 0, VSH_ERR_CONFIG},
    {VSH_ABI_VERSION, VSH_REQ_CONFIG, 0, 0, VSH_CONFIG_SIZE + 1, VSH_ERR_CONFIG},
    {VSH_ABI_VERSION, VSH_REQ_CONFIG, 0, 0, 0xffffffffu, VSH_ERR_CONFIG},
};

static const char *wrong_request(const struct hostile_attack *a, struct request *r)
{
    const struct wrong *w = &wrong[a->arg];
    struct vsh_mailbox m = {.version = w->version,
                            .request = w->request,
                            .generation = w->generation,
                            .queue = w->queue,
                            .config_len = w->config_len};
    const char *why;
    int error;

    if (w->generation == RIGHT_GENERATION)
        m.generation = w->request == VSH_REQ_QUEUE_ACK ? h_queue->generation : h_info->generation;
    error = h_mailbox_request(&m);
    attack_saw("reply %d", error);
    why = h_finish(r);
    return error != w->error ? "the reply is not the one that is due" : why;
}

/* ---- descriptions of devices that are none ---- */

enum {
    NO_TYPE,
    NO_QUEUES,
    TOO_MANY_QUEUES,
    QUEUES_OF_ONES,
    NO_QUEUE_SIZE,
    ODD_QUEUE_SIZE,
    LARGE_QUEUE_SIZE,
    TOP_QUEUE_SIZE,
    LONG_CONFIG,
    CONFIG_OF_ONES,
    NO_VERSION_1,
    APERTURE_BEYOND,
    APERTURE_WRAPS,
    APERTURE_OF_ONES
};

static int bad_description(unsigned int what, struct vsh_mailbox *m)
{
    *m = h_description();

    switch (what) {
    case NO_TYPE:
        m->device_id = 0;
        return VSH_ERR_DEVICE_ID;
    case NO_QUEUES:
        m->nr_queues = 0;
        return VSH_ERR_QUEUES;
    case TOO_MANY_QUEUES:
        m->nr_queues = h_info->nr_queues + 1;
        return VSH_ERR_QUEUES;
    case QUEUES_OF_ONES:
        m->nr_queues = 0xffffffffu;
        return VSH_ERR_QUEUES;
    case NO_QUEUE_SIZE:
        m->queue_size = 0;
        return VSH_ERR_QUEUE_SIZE;
    case ODD_QUEUE_SIZE:
        m->queue_size = 63;
        return VSH_ERR_QUEUE_SIZE;
    case LARGE_QUEUE_SIZE:
        m->queue_size = h_queue->max_size * 2;
        return VSH_ERR_QUEUE_SIZE;
    case TOP_QUEUE_SIZE:
        m->queue_size = 0x80000000u;
        return VSH_ERR_QUEUE_SIZE;
    case LONG_CONFIG:
        m->config_len = VSH_CONFIG_SIZE + 1;
        return VSH_ERR_CONFIG;
    case CONFIG_OF_ONES:
        m->config_len = 0xffffffffu;
        return VSH_ERR_CONFIG;
    case NO_VERSION_1:
        m->device_features = ~(1ULL << SVQ_F_VERSION_1);
        return VSH_ERR_FEATURES;
    case APERTURE_BEYOND:
        m->aperture_gfn[0] = (1ULL << 40) - 1;
        return VSH_ERR_APERTURE;
    case APERTURE_WRAPS:
        m->aperture_gfn[0] = ~0ULL - 15;
        return VSH_ERR_APERTURE;
    default:
        m->aperture_gfn[0] = ~0ULL;
        return VSH_ERR_APERTURE;
    }
}

/* Out of use, its driver's reset included. */
static const char *to_idle(void)
{
    int error = h_detach();

    if (error)
        return "it cannot be detached";
    return h_wait_state(VSH_STATE_IDLE) ? NULL : "the device does not become idle";
}

static const char *from_idle(void)
{
    int error = h_attach();

    if (error) {
        attack_saw("attach: %d", error);
        return "a good description is refused";
    }
    if (!h_exchange(&(struct peer_order){.kind = PEER_NOTHING}))
        return "the device does not work afterwards";
    return h_seen_untouched();
}

static const char *description(const struct hostile_attack *a, struct request *r)
{
    const char *why = to_idle();
    struct vsh_mailbox m;
    int want, error;

    (void)r;
    if (why)
        return why;
    want = bad_description(a->arg, &m);
    error = h_mailbox_request(&m);
    attack_saw("reply %d, state %u", error, h_info->state);
    if (error != want)
        why = "the reply is not the one that is due";
    else if (h_info->state != VSH_STATE_IDLE)
        why = "the device is in use";
    if (!error)
        to_idle();
    if (why) {
        from_idle();
        return why;
    }
    return from_idle();
}

/* ---- an aperture at a place of our own ---- */

static const char *aperture(const struct hostile_attack *a, struct request *r)
{
    static const struct peer_order whole = H_WHOLE;
    static uint8_t own[HPAGE] __attribute__((aligned(4096)));
    const char *why = to_idle();
    struct vsh_mailbox m = h_description();
    uint32_t failures = 0;
    bool alive;
    int error;

    (void)a;
    (void)r;
    if (why)
        return why;
    /* RAM of domains starts here on Arm; the guest's first pages would come to lie in ours. */
    m.aperture_gfn[0] = 0x40000;
    memset(own, 0x3c, sizeof(own));
    error = h_mailbox_request(&m);
    attack_saw("reply %d", error);
    /* The driver's next order fails, or the request that it is for. */
    h_hold_acks = true;
    if (!error)
        h_exchange_within(&whole, 2000);
    for (unsigned int i = 0; !error && i < 2000 && h_info->state != VSH_STATE_FAILED; i++)
        h_pause_ms(1);
    h_hold_acks = false;
    failures = h_info->state == VSH_STATE_FAILED;
    attack_saw("state %u", h_info->state);
    alive = h_info->magic == VSH_MAGIC;
    for (unsigned int i = 0; i < HPAGE; i++)
        alive = alive && own[i] == 0x3c;
    h_pump();
    why = to_idle();
    if (!why)
        why = from_idle();
    if (!alive)
        return "what was there has changed";
    return why ? why : !failures ? "the device did not fail" : NULL;
}

/* ---- at the wrong time ---- */

static const char *attach_in_use(const struct hostile_attack *a, struct request *r)
{
    int error = h_attach();
    const char *why;

    (void)a;
    (void)r;
    attack_saw("reply %d", error);
    if (error != VSH_ERR_STATE)
        return "the reply is not the one that is due";
    if (!h_wait_state(VSH_STATE_IDLE))
        return "the device does not become idle";
    why = from_idle();
    return why ? why : h_seen_failed();
}

static const char *detach_in_flight(const struct hostile_attack *a, struct request *r)
{
    const char *why = to_idle();
    uint8_t val;

    (void)a;
    if (!why && h_can_read(h_at(r->desc[1].addr), &val))
        why = "the buffer is still there";
    if (why) {
        from_idle();
        return why;
    }
    why = from_idle();
    return why ? why : h_seen_failed();
}

static const char *come_and_go(const struct hostile_attack *a, struct request *r)
{
    const char *why = to_idle();

    (void)r;
    for (unsigned int i = 0; !why && i < a->arg; i++) {
        if (h_attach())
            return "a good description is refused";
        why = to_idle();
    }
    return why ? why : from_idle();
}

/* ---- requests that nobody made ---- */

static const char *unsent(const struct hostile_attack *a, struct request *r)
{
    uint32_t reply = h_info->reply_seq;

    (void)a;
    h_mailbox->version = VSH_ABI_VERSION;
    h_mailbox->request = VSH_REQ_DETACH;
    __sync_synchronize();
    h_mailbox->request_seq = reply + 1;
    h_pause_ms(200);
    attack_saw("replies: %u", h_info->reply_seq - reply);
    h_mailbox->request_seq = reply;
    __sync_synchronize();
    return h_info->reply_seq != reply ? "it was carried out" : h_finish(r);
}

static const char *stale(const struct hostile_attack *a, struct request *r)
{
    uint32_t reply = h_info->reply_seq;

    (void)a;
    h_mailbox->request = VSH_REQ_DETACH;
    for (unsigned int i = 0; i < 100; i++)
        h_tell_control();
    h_pause_ms(50);
    return h_info->reply_seq != reply ? "it was carried out" : h_finish(r);
}

static const char *garbage(const struct hostile_attack *a, struct request *r)
{
    uint32_t seq = h_mailbox->request_seq, i;

    (void)a;
    for (i = 0; i < VSH_FRAME_SIZE / 4; i++)
        if (i != offsetof(struct vsh_mailbox, request_seq) / 4)
            ((volatile uint32_t *)h_mailbox)[i] = 0xdeadbeef;
    /* Told once for a request that is none, a hundred times for none at all. */
    h_mailbox->request_seq = seq + 1;
    for (i = 0; i < 100; i++)
        h_tell_control();
    for (i = 0; i < 1000 && h_info->reply_seq != seq + 1; i++)
        h_pause_ms(1);
    attack_saw("reply %d", h_info->reply_error);
    return h_info->reply_error != VSH_ERR_REQUEST ? "it is not refused" : h_finish(r);
}

/* ---- values that change while Xen reads them ---- */

static const char *config_race(const struct hostile_attack *a, struct request *r)
{
    unsigned int taken = 0, refused = 0, other = 0;
    const char *why;

    if (!h_flip(&h_mailbox->config_len, a->arg, 64))
        return "no thread";
    for (unsigned int i = 0; i < 200; i++) {
        struct vsh_mailbox m = h_description();
        int error;

        m.request = VSH_REQ_CONFIG;
        error = h_mailbox_request(&m);
        taken += !error;
        refused += error == VSH_ERR_CONFIG;
        other += error && error != VSH_ERR_CONFIG;
    }
    h_flip_end();
    attack_saw("%u taken, %u refused, %u else", taken, refused, other);
    why = h_finish(r);
    return other ? "a reply that cannot be" : why;
}

enum { RACE_QUEUES, RACE_SIZE, RACE_CONFIG, RACE_TYPE };

static const char *attach_race(const struct hostile_attack *a, struct request *r)
{
    volatile uint32_t *field[] = {[RACE_QUEUES] = &h_mailbox->nr_queues,
                                  [RACE_SIZE] = &h_mailbox->queue_size,
                                  [RACE_CONFIG] = &h_mailbox->config_len,
                                  [RACE_TYPE] = &h_mailbox->device_id};
    const uint32_t good[] = {1, PEER_QUEUE, 64, 2}, bad[] = {0x1000, 0x80000000u, 0xffffffffu, 0};
    const int error[] = {VSH_ERR_QUEUES, VSH_ERR_QUEUE_SIZE, VSH_ERR_CONFIG, VSH_ERR_DEVICE_ID};
    unsigned int taken = 0, refused = 0, other = 0;
    const char *why = to_idle();

    (void)r;
    if (why)
        return why;
    if (!h_flip(field[a->arg], bad[a->arg], good[a->arg]))
        return "no thread";
    for (unsigned int i = 0; i < 40; i++) {
        int ret = h_attach();

        taken += !ret;
        refused += ret == error[a->arg];
        other += ret && ret != error[a->arg];
        h_detach();
        h_wait_state(VSH_STATE_IDLE);
    }
    h_flip_end();
    attack_saw("%u taken, %u refused, %u else", taken, refused, other);
    why = from_idle();
    return other ? "a reply that cannot be" : why;
}

#define WRONG(name, arg) H_HARMLESS("mailbox: " name, REFUSED, H_READS(1), wrong_request, arg)
#define BAD(name, arg)                                                                             \
    H_FAILING("mailbox: " name, NOT_TAKEN, 1, SVQ_ERR_BACKEND_GONE, H_WAIT(20000), description, arg)

static const struct hostile_attack attacks[] = {
    WRONG("no request", 0),
    WRONG("unknown request", 1),
    WRONG("request of ones", 2),
    WRONG("version 0", 3),
    WRONG("version of ones", 4),
    WRONG("acknowledges a reset that was none", 5),
    WRONG("acknowledges another generation", 6),
    WRONG("acknowledges the reset of a queue that was none", 7),
    WRONG("acknowledges the reset of a queue beyond all", 8),
    WRONG("acknowledges the reset of queue of ones", 9),
    WRONG("configuration of no bytes", 10),
    WRONG("configuration one byte too long", 11),
    WRONG("configuration of 4 GiB", 12),
    BAD("device of no type", NO_TYPE),
    BAD("device without queues", NO_QUEUES),
    BAD("one queue too many", TOO_MANY_QUEUES),
    BAD("4294967295 queues", QUEUES_OF_ONES),
    BAD("queues of no descriptors", NO_QUEUE_SIZE),
    BAD("queue size that is no power of two", ODD_QUEUE_SIZE),
    BAD("queue size above the maximum", LARGE_QUEUE_SIZE),
    BAD("queue size of 2^31", TOP_QUEUE_SIZE),
    BAD("config space one byte too long", LONG_CONFIG),
    BAD("config space of 4 GiB", CONFIG_OF_ONES),
    BAD("features of ones without VERSION_1", NO_VERSION_1),
    BAD("aperture that ends beyond all addresses", APERTURE_BEYOND),
    BAD("aperture that wraps around", APERTURE_WRAPS),
    BAD("aperture at the last gfn", APERTURE_OF_ONES),
    H_FAILING("mailbox: aperture in its own RAM", "the device fails, the RAM stays", ATTACK_ANY,
              SVQ_ERR_APERTURE, H_WAIT(20000), aperture, 0),
    H_FAILING("mailbox: attaches while a request is in flight", "the device fails", 1,
              SVQ_ERR_BACKEND_GONE, H_READS(1), attach_in_use, 0),
    H_FAILING("mailbox: detaches while a request is in flight", "the device fails", 1,
              SVQ_ERR_BACKEND_GONE, H_WHOLE, detach_in_flight, 0),
    H_FAILING("mailbox: attaches and detaches 30 times", "the device works afterwards", ATTACK_ANY,
              SVQ_ERR_BACKEND_GONE, H_WAIT(20000), come_and_go, 30),
    H_HARMLESS("mailbox: a request without a notification", "ignored, the request is served",
               H_READS(1), unsent, 0),
    H_HARMLESS("mailbox: 100 notifications without a request", "ignored, the request is served",
               H_READS(1), stale, 0),
    H_HARMLESS("mailbox: garbage", REFUSED, H_READS(1), garbage, 0),
    H_HARMLESS("mailbox: length of the config changes while it is read",
               "taken or refused, the request is served", H_READS(1), config_race, 0xffffffffu),
    H_FAILING("mailbox: number of queues changes while it is read", "taken or refused", ATTACK_ANY,
              SVQ_ERR_BACKEND_GONE, H_WAIT(20000), attach_race, RACE_QUEUES),
    H_FAILING("mailbox: queue size changes while it is read", "taken or refused", ATTACK_ANY,
              SVQ_ERR_BACKEND_GONE, H_WAIT(20000), attach_race, RACE_SIZE),
    H_FAILING("mailbox: length of the config space changes while it is read", "taken or refused",
              ATTACK_ANY, SVQ_ERR_BACKEND_GONE, H_WAIT(20000), attach_race, RACE_CONFIG),
    H_FAILING("mailbox: device type changes while it is read", "taken or refused", ATTACK_ANY,
              SVQ_ERR_BACKEND_GONE, H_WAIT(20000), attach_race, RACE_TYPE),
};

void hostile_mailbox(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}

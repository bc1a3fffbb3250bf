// SPDX-License-Identifier: MIT
/* A backend of its own: hostile.h. */
#include "hostile.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "virtio_shadow_uapi.h"
#include "window.h"

#define ANSWER_SECONDS 30
#define QUEUE 0u
#define RAM_BLOCKS 131072u /* what the disk would have, were it one */

unsigned int h_frontend, h_device;
struct region h_window, h_bank[VSH_MAX_BANKS];
unsigned int h_banks;
const volatile struct vsh_info *h_info;
const volatile struct vsh_queue_info *h_queue;
volatile struct vsh_mailbox *h_mailbox;
struct peer_report h_report;
bool h_hold_acks;

static int device = -1, call = -1;
static uint16_t last_avail;
static uint32_t seen_generation = ~0u, seen_queue_generation = ~0u;
static uint32_t acked_generation = ~0u, acked_queue_generation;
static bool fresh = true;

void h_pause_ms(unsigned int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&ts, NULL);
}

uint64_t h_milliseconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t seconds(void)
{
    return h_milliseconds() / 1000;
}

/* ---- accesses that may be refused ---- */

static sigjmp_buf fault_env;

static void on_fault(int sig)
{
    siglongjmp(fault_env, sig);
}

bool h_can_read(const volatile uint8_t *p, uint8_t *val)
{
    if (sigsetjmp(fault_env, 1))
        return false;
    *val = *p;
    return true;
}

bool h_can_write(volatile uint8_t *p, uint8_t val)
{
    if (sigsetjmp(fault_env, 1))
        return false;
    *p = val;
    return true;
}

/* Not a part of its caller, which comes back twice. */
static __attribute__((noinline)) void copy(uint8_t *to, const volatile uint8_t *from, size_t len)
{
    while (len--)
        *to++ = *from++;
}

bool h_can_copy(void *to, const volatile uint8_t *from, size_t len)
{
    if (sigsetjmp(fault_env, 1))
        return false;
    copy(to, from, len);
    return true;
}

static bool copy_out(volatile uint8_t *to, const void *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!h_can_write(to + i, ((const uint8_t *)from)[i]))
            return false;
    return true;
}

/* ---- values that change while Xen reads them ---- */

static pthread_t flipper;
static volatile bool stop_flipping;
static volatile uint32_t *flipped, flip_this, flip_that;

static void *flip(void *arg)
{
    (void)arg;
    while (!stop_flipping) {
        *flipped = flip_this;
        *flipped = flip_that;
    }
    return NULL;
}

bool h_flip(volatile uint32_t *val, uint32_t this, uint32_t that)
{
    flipped = val;
    flip_this = this;
    flip_that = that;
    stop_flipping = false;
    return !pthread_create(&flipper, NULL, flip, NULL);
}

void h_flip_end(void)
{
    stop_flipping = true;
    pthread_join(flipper, NULL);
}

/* ---- coming and going ---- */

static void map_region(struct region *r, unsigned int index, const struct vsh_dev_region *from)
{
    int fd = ioctl(device, VSH_DEV_REGION_FD, index);
    void *va;

    if (fd < 0)
        err(2, "region %u", index);
    va = mmap(NULL, from->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (va == MAP_FAILED)
        err(2, "cannot map region %u", index);
    close(fd);
    *r = (struct region){.das = from->das, .size = from->size, .gfn = from->gfn, .va = va};
}

void h_open(unsigned int frontend, unsigned int dev)
{
    struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    struct vsh_dev_attach a = {.frontend = frontend, .device = dev};
    struct vsh_dev_eventfd e = {.queue = QUEUE};
    uint64_t end = seconds() + ANSWER_SECONDS;

    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    h_frontend = frontend;
    h_device = dev;

    device = open(VSH_DEV_PATH, O_RDWR | O_CLOEXEC);
    if (device < 0)
        err(2, VSH_DEV_PATH);
    /* The daemon before us, or its device process, may not have gone yet. */
    while (ioctl(device, VSH_DEV_ATTACH, &a)) {
        if (errno != EBUSY || seconds() >= end)
            err(2, "cannot attach to device %u of domain %u", dev, frontend);
        h_pause_ms(50);
    }
    for (unsigned int i = 0; i < a.nr_regions; i++) {
        if (i == a.window)
            map_region(&h_window, i, &a.region[i]);
        else
            map_region(&h_bank[h_banks++], i, &a.region[i]);
    }
    h_info = (const volatile struct vsh_info *)h_window.va;
    h_queue = window_queue(h_window.va, h_window.size, QUEUE);
    h_mailbox = (volatile struct vsh_mailbox *)(h_window.va + VSH_FRAME_MAILBOX * VSH_FRAME_SIZE);

    call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e.fd = call;
    if (call < 0 || ioctl(device, VSH_DEV_SET_CALL, &e))
        err(2, "eventfd");
}

void h_tell_control(void)
{
    __sync_synchronize();
    if (ioctl(device, VSH_DEV_NOTIFY))
        err(2, "control channel");
}

int h_mailbox_request(struct vsh_mailbox *m)
{
    uint64_t end = seconds() + ANSWER_SECONDS;
    uint32_t seq = h_info->reply_seq + 1;

    m->request_seq = h_mailbox->request_seq;
    memcpy((void *)h_mailbox, m, sizeof(*m));
    __sync_synchronize();
    h_mailbox->request_seq = seq;
    h_tell_control();
    while (h_info->reply_seq != seq) {
        if (seconds() >= end)
            return 1;
        h_pause_ms(1);
    }
    __sync_synchronize();
    return h_info->reply_error;
}

struct vsh_mailbox h_description(void)
{
    struct vsh_mailbox m = {
        .version = VSH_ABI_VERSION,
        .request = VSH_REQ_ATTACH,
        .device_id = 2,
        .vendor_id = 0x656c6966,
        .device_features = 1ULL << SVQ_F_VERSION_1 | 1ULL << SVQ_F_RING_RESET,
        .nr_queues = 1,
        .queue_size = PEER_QUEUE,
        .config_len = 64,
    };
    uint64_t blocks = RAM_BLOCKS;

    for (unsigned int i = 0; i < h_banks; i++)
        m.aperture_gfn[i] = h_bank[i].gfn;
    memcpy(m.config, &blocks, sizeof(blocks));
    return m;
}

int h_attach(void)
{
    struct vsh_mailbox m = h_description();

    acked_generation = ~0u;
    fresh = true;
    return h_mailbox_request(&m);
}

int h_detach(void)
{
    struct vsh_mailbox m = {.version = VSH_ABI_VERSION, .request = VSH_REQ_DETACH};

    return h_mailbox_request(&m);
}

/* ---- states ---- */

bool h_running(void)
{
    return h_info->state == VSH_STATE_RUNNING && h_queue->size;
}

static void ack(uint32_t request, uint32_t generation)
{
    struct vsh_mailbox m = {
        .version = VSH_ABI_VERSION, .request = request, .generation = generation, .queue = QUEUE};

    h_mailbox_request(&m);
}

void h_pump(void)
{
    uint32_t state = h_info->state, generation = h_info->generation;
    uint32_t queue_generation = h_queue->generation;

    if ((state == VSH_STATE_RESETTING || state == VSH_STATE_FAILED) &&
        acked_generation != generation && !h_hold_acks) {
        acked_generation = generation;
        ack(VSH_REQ_RESET_ACK, generation);
    }
    if (state != VSH_STATE_RUNNING)
        return;
    if (!h_queue->size) {
        if (acked_queue_generation != queue_generation && !h_hold_acks) {
            acked_queue_generation = queue_generation;
            ack(VSH_REQ_QUEUE_ACK, queue_generation);
        }
        return;
    }
    /* Started anew: indices are 0. */
    if (fresh || generation != seen_generation || queue_generation != seen_queue_generation) {
        fresh = false;
        seen_generation = generation;
        seen_queue_generation = queue_generation;
        last_avail = 0;
    }
}

bool h_wait_state(uint32_t state)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    while (h_info->state != state) {
        if (seconds() >= end)
            return false;
        h_pump();
        h_pause_ms(1);
    }
    return true;
}

bool h_wait_failed(uint32_t generation)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    while (h_info->generation == generation && h_info->state == VSH_STATE_RUNNING) {
        if (seconds() >= end)
            return false;
        h_pause_ms(1);
    }
    return true;
}

/* ---- the rings ---- */

volatile uint8_t *h_at(uint64_t das)
{
    if (das - h_window.das < h_window.size)
        return h_window.va + (das - h_window.das);
    for (unsigned int b = 0; b < h_banks; b++)
        if (das - h_bank[b].das < h_bank[b].size)
            return h_bank[b].va + (das - h_bank[b].das);
    return NULL;
}

uint64_t h_gfn(uint64_t das)
{
    for (unsigned int b = 0; b < h_banks; b++)
        if (das - h_bank[b].das < h_bank[b].size)
            return h_bank[b].gfn + (das - h_bank[b].das) / HPAGE;
    return h_window.gfn + (das - h_window.das) / HPAGE;
}

volatile uint8_t *h_used(void)
{
    return h_at(h_queue->used);
}

unsigned int h_size(void)
{
    static unsigned int size = PEER_QUEUE;

    /* Of a queue that is gone, what it was. */
    if (h_queue->size)
        size = h_queue->size;
    return size;
}

uint16_t h_used_idx(void)
{
    return *(volatile uint16_t *)(h_used() + SVQ_USED_IDX);
}

void h_set_used_idx(uint16_t idx)
{
    __sync_synchronize();
    *(volatile uint16_t *)(h_used() + SVQ_USED_IDX) = idx;
    __sync_synchronize();
}

void h_put_used(unsigned int slot, uint32_t id, uint32_t len)
{
    *(volatile uint32_t *)(h_used() + SVQ_USED_ID(slot % h_size())) = id;
    *(volatile uint32_t *)(h_used() + SVQ_USED_LEN(slot % h_size())) = len;
}

void h_tell(void)
{
    static const uint64_t one = 1;

    __sync_synchronize();
    if (write(call, &one, sizeof(one)) != sizeof(one))
        err(2, "eventfd");
}

void h_give_back(const struct request *r, uint32_t len)
{
    uint16_t idx = h_used_idx();

    h_put_used(idx, r->head, len);
    h_set_used_idx((uint16_t)(idx + 1));
    h_tell();
}

/* Copies the next chain, if there is one. */
static bool take(struct request *r)
{
    const volatile uint8_t *avail;
    unsigned int i;

    h_pump();
    /* The info page may have been read while it was written, the queue's size last. */
    if (!h_running() || fresh || h_info->generation != seen_generation ||
        h_queue->generation != seen_queue_generation)
        return false;
    avail = h_at(h_queue->avail);
    if (*(const volatile uint16_t *)(avail + SVQ_AVAIL_IDX) == last_avail)
        return false;
    __sync_synchronize();
    i = *(const volatile uint16_t *)(avail + SVQ_AVAIL_RING(last_avail % h_size()));
    last_avail++;
    *r = (struct request){.head = i};
    do {
        const volatile struct svq_desc *d =
            (const volatile struct svq_desc *)h_at(h_queue->desc) + i % h_size();

        r->desc[r->nr] =
            (struct svq_desc){.addr = d->addr, .len = d->len, .flags = d->flags, .next = d->next};
        i = d->next;
    } while (r->desc[r->nr++].flags & SVQ_DESC_F_NEXT && r->nr < H_COUNT(r->desc));
    return true;
}

bool h_next(struct request *r)
{
    uint64_t end = seconds() + ANSWER_SECONDS;

    while (!take(r)) {
        if (seconds() >= end)
            return false;
        h_pause_ms(1);
    }
    return true;
}

/* Which of the driver's requests it is. */
static unsigned int h_sector(const struct request *r)
{
    uint64_t header[2] = {0, 0};

    if (r->nr < 2 || r->nr > 3 || !h_at(r->desc[0].addr) ||
        !h_can_copy(header, h_at(r->desc[0].addr), sizeof(header)))
        attack_saw("a chain of %u, head %u", r->nr, r->head);
    return (unsigned int)(header[1] - PEER_SECTOR);
}

uint32_t h_writable(const struct request *r)
{
    uint32_t sum = 0;

    for (unsigned int i = 0; i < r->nr; i++)
        if (r->desc[i].flags & SVQ_DESC_F_WRITE)
            sum += r->desc[i].len;
    return sum;
}

static bool fill(const struct svq_desc *d, uint8_t val)
{
    volatile uint8_t *p = h_at(d->addr);

    for (uint32_t i = 0; p && i < d->len; i++)
        if (!h_can_write(p + i, val))
            return false;
    return p;
}

bool h_serve(const struct request *r)
{
    for (unsigned int i = 0; i < r->nr; i++)
        if (r->desc[i].flags & SVQ_DESC_F_WRITE &&
            !fill(&r->desc[i], i + 1 < r->nr ? PEER_DATA : 0))
            return false;
    return true;
}

bool h_mark(const struct request *r)
{
    volatile uint8_t *p = r->nr > 1 ? h_at(r->desc[1].addr) : NULL;

    return p && h_can_write(p, PEER_MARK);
}

/* ---- rounds ---- */

/* The request of an exchange? Then the report is taken, and the order given. */
static bool answer(const struct request *r, const struct peer_order *order)
{
    uint32_t type;

    if (r->nr != 4 || !h_at(r->desc[0].addr) || !h_can_copy(&type, h_at(r->desc[0].addr), 4) ||
        type != PEER_EXCHANGE)
        return false;
    if (r->desc[1].len != sizeof(h_report) || r->desc[2].len != sizeof(*order))
        errx(2, "hand-peer is of another version");
    if (!h_can_copy(&h_report, h_at(r->desc[1].addr), sizeof(h_report)) ||
        !copy_out(h_at(r->desc[2].addr), order, sizeof(*order)) ||
        !h_can_write(h_at(r->desc[3].addr), 0))
        return false;
    h_give_back(r, sizeof(*order) + 1);
    return true;
}

bool h_exchange_within(const struct peer_order *order, unsigned int ms)
{
    uint64_t end = h_milliseconds() + ms;
    struct request r;

    while (h_milliseconds() < end) {
        if (!take(&r)) {
            h_pause_ms(1);
            continue;
        }
        if (answer(&r, order))
            return true;
        /* Left over from the attack. */
        if (h_running())
            h_give_back(&r, 0);
    }
    return false;
}

bool h_exchange(const struct peer_order *order)
{
    return h_exchange_within(order, 3000 * ANSWER_SECONDS);
}

/* ---- what the driver saw ---- */

const char *h_seen_untouched(void)
{
    static char why[160];

    h_report.other[sizeof(h_report.other) - 1] = 0;
    if (h_report.other[0])
        return h_report.other;
    if (h_report.guards_bad || h_report.header_bad || h_report.reused_bad) {
        snprintf(why, sizeof(why),
                 "driver: %u bytes beside buffers changed, %u of headers, %u of reused pages",
                 h_report.guards_bad, h_report.header_bad, h_report.reused_bad);
        return why;
    }
    return NULL;
}

const char *h_seen_failed(void)
{
    attack_saw("driver: status %#x, interrupts %#x, %u back", h_report.device_status,
               h_report.interrupts, h_report.used);
    if (!(h_report.device_status & SVQ_STATUS_NEEDS_RESET))
        return "driver: no DEVICE_NEEDS_RESET";
    if (!(h_report.interrupts & SVQ_INT_CONFIG))
        return "driver: no configuration interrupt";
    return h_seen_untouched();
}

const char *h_seen_served(unsigned int n)
{
    attack_saw("driver: status %#x, %u of %u back, %u good", h_report.device_status, h_report.used,
               n, h_report.good);
    if (h_report.device_status & SVQ_STATUS_NEEDS_RESET)
        return "driver: DEVICE_NEEDS_RESET";
    if (h_report.timeouts || h_report.used != n || h_report.good != n)
        return "driver: not every request was served well";
    return h_seen_untouched();
}

static const struct peer_order nothing = {.kind = PEER_NOTHING};

const char *h_must_fail(uint32_t generation)
{
    if (!h_wait_failed(generation))
        return "the device did not fail";
    attack_saw("backend: state %u", h_info->state);
    if (!h_exchange(&nothing))
        return "the device does not work after a reset";
    return h_seen_failed();
}

const char *h_must_return(unsigned int n)
{
    if (!h_exchange(&nothing))
        return "the device does not work any more";
    attack_saw("driver: status %#x, %u of %u back", h_report.device_status, h_report.used, n);
    return h_report.used != n ? "driver: not every request came back" : h_seen_untouched();
}

const char *h_must_serve(unsigned int n)
{
    if (!h_exchange(&nothing))
        return "the device does not work any more";
    return h_seen_served(n);
}

const char *h_finish(const struct request *r)
{
    if (!h_serve(r))
        return "what is granted cannot be written";
    h_give_back(r, h_writable(r));
    return h_must_serve(1);
}

void h_attack(const struct hostile_attack *a)
{
    struct request r[PEER_MAX_READS];
    const char *why = NULL;

    h_hold_acks = false;
    if (!h_exchange(&a->order)) {
        attack_end(&a->a, "the device does not work to begin with");
        return;
    }
    if (a->order.kind == PEER_DO_READ)
        for (unsigned int i = 0; i < a->order.count && !why; i++)
            why = !h_next(&r[i])         ? "the driver's requests do not come"
                  : h_sector(&r[i]) != i ? "the driver's requests are not what they should be"
                                         : NULL;
    if (!why)
        why = a->run(a, r);
    h_hold_acks = false;
    attack_end(&a->a, why);
    /* Whatever is still under way must not become part of the next one. */
    if (why)
        h_exchange(&nothing);
}

void h_attacks(const struct hostile_attack *a, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        h_attack(&a[i]);
}

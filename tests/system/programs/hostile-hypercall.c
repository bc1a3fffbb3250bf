// SPDX-License-Identifier: MIT
/* A hostile backend: hypercalls on the gfns at which Xen shows it the guest's pages. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hand.h"
#include "hostile.h"
#include "hypercall.h"

#define REFUSED "refused, the request is served"

/* The third vCPU is never started: what Xen keeps for it is not set up yet. */
#define SPARE_VCPU 2u

/* A frame of the grant table that Linux does not get to use. */
#define SPARE_FRAME 20u

/* Where hypercalls point to: a page that the device may write, one that it may read, the rings. */
enum { WRITABLE, READ_ONLY, UNGRANTED, SHADOW_DESC, SHADOW_USED, INFO_PAGE };

static uint64_t target(const struct request *r, unsigned int what)
{
    switch (what) {
    case WRITABLE:
        return h_gfn(r->desc[1].addr);
    case READ_ONLY:
        return h_gfn(r->desc[0].addr);
    case UNGRANTED:
        return h_bank[0].gfn + h_bank[0].size / HPAGE / 2;
    case SHADOW_DESC:
        return h_gfn(h_queue->desc);
    case SHADOW_USED:
        return h_gfn(h_queue->used);
    default:
        return h_window.gfn;
    }
}

static const char *must_be_refused(long ret, struct request *r)
{
    const char *why;

    attack_saw("error %ld", -ret);
    why = h_finish(r);
    return ret < 0 ? why : "the hypercall was carried out";
}

static const char *vcpu_info(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_vcpu_info(SPARE_VCPU, target(r, a->arg)), r);
}

static const char *fifo_control(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_fifo_control(SPARE_VCPU, target(r, a->arg)), r);
}

static const char *fifo_array(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_fifo_array(target(r, a->arg)), r);
}

static const char *runstate_phys(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_runstate_phys(0, target(r, a->arg) * HPAGE), r);
}

/* Xen writes by virtual address each time that it schedules us: where it may. */
static const char *runstate(const struct hostile_attack *a, struct request *r)
{
    /* Behind the data that counts, and in descriptors that are not in use. */
    const unsigned int off = a->arg == SHADOW_DESC ? 512 : 2048, len = 64;
    const unsigned long first_cpu = 1, all_cpus = 3;
    volatile uint8_t *p = h_at(r->desc[a->arg == READ_ONLY ? 0 : 1].addr);
    uint8_t before[64];
    const char *why;
    long ret;

    if (a->arg == SHADOW_DESC)
        p = h_at(h_queue->desc);
    /* It is written by our address, so the vCPU has to be ours. */
    syscall(SYS_sched_setaffinity, 0, sizeof(first_cpu), &first_cpu);
    memcpy(before, (const void *)(p + off), len);
    ret = hc_runstate(0, p + off);
    attack_saw("registering: %ld", ret);
    for (unsigned int i = 0; i < 50; i++)
        h_pause_ms(2);
    if (a->arg != WRITABLE && memcmp(before, (const void *)(p + off), len))
        why = "Xen wrote there";
    else
        /* The driver looks whether anything is written once the page is its own again. */
        why = h_finish(r);
    /* Nowhere: the next process that has something at this address would not like it. */
    ret = hc_runstate(0, NULL);
    syscall(SYS_sched_setaffinity, 0, sizeof(all_cpus), &all_cpus);
    return why ? why : ret ? "the area cannot be moved away" : NULL;
}

/* ---- grant copies ---- */

static uint64_t own_gfn(void)
{
    static uint64_t pa;

    if (!pa)
        memset(locked_page(&pa), 0xff, HPAGE);
    return pa / HPAGE;
}

static const char *copy_to(const struct hostile_attack *a, struct request *r)
{
    if (hc_copy(own_gfn(), own_gfn(), 0, 16))
        return "grant copies do not work at all";
    return must_be_refused(hc_copy(own_gfn(), target(r, a->arg), 1024, 512), r);
}

static const char *copy_from(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_copy(target(r, a->arg), own_gfn(), 2048, 512), r);
}

/* ---- gfns that do not stay what they were ---- */

static const char *removed(const struct hostile_attack *a, struct request *r)
{
    uint64_t gfn = target(r, a->arg);
    long ret;

    if (!h_serve(r))
        return "what is granted cannot be written";
    ret = hc_remove(gfn);
    attack_saw("remove_from_physmap: %ld", ret);
    h_give_back(r, h_writable(r));
    return h_must_serve(1);
}

static const char *decreased(const struct hostile_attack *a, struct request *r)
{
    uint64_t gfn = target(r, a->arg);
    const char *why;
    long ret;

    if (!h_serve(r))
        return "what is granted cannot be written";
    ret = hc_decrease(gfn);
    attack_saw("decrease_reservation: %ld", ret);
    h_give_back(r, h_writable(r));
    why = h_must_serve(1);
    return ret >= 0 ? "it was carried out" : why;
}

/* Something of our own takes the page's place before the request's return. */
static const char *replaced(const struct hostile_attack *a, struct request *r)
{
    uint64_t gfn = target(r, a->arg);
    const char *why;
    long ret, gone;

    if (!h_serve(r))
        return "what is granted cannot be written";
    ret = hc_map_grant_frame(SPARE_FRAME, gfn);
    attack_saw("replaced: %ld", ret);
    h_give_back(r, h_writable(r));
    why = h_must_serve(1);
    gone = ret ? 0 : hc_remove(gfn);
    attack_saw("removed again: %ld", gone);
    return why ? why : gone ? "what the backend has put there is not there any more" : NULL;
}

/* The place is taken when the next request needs it. */
static const char *occupied(const struct hostile_attack *a, struct request *r)
{
    uint32_t generation = h_info->generation;
    static const struct peer_order again = H_WHOLE, nothing = {.kind = PEER_NOTHING};
    uint64_t gfn = target(r, a->arg);
    const char *why = h_finish(r);
    long ret;

    if (why)
        return why;
    ret = a->arg == WRITABLE ? hc_populate(gfn) : hc_map_grant_frame(SPARE_FRAME, gfn);
    attack_saw("put there: %ld", ret);
    if (ret)
        return "nothing could be put there";
    if (!h_exchange(&again))
        return "the driver does not take orders";
    if (!h_wait_failed(generation))
        why = "the device did not fail";
    if (a->arg == WRITABLE ? hc_decrease(gfn) : hc_remove(gfn))
        why = "it cannot be taken away again";
    if (!h_exchange(&nothing))
        return "the device does not work after a reset";
    return why ? why : h_seen_failed();
}

/* ---- the window ---- */

static const char *foreign_window(const struct hostile_attack *a, struct request *r)
{
    static const struct {
        unsigned int frontend, device, first, nr;
    } bad[] = {
        {0, 0, 0, 1},     /* dom0's */
        {1, 0, 0, 1},     /* of a domain that may not be a frontend */
        {~0u, 31, 0, 1},  /* a device that is not there */
        {~0u, ~0u, 0, 1}, /* no device at all */
    };
    uint64_t gfn = target(r, UNGRANTED);
    unsigned int fe = bad[a->arg].frontend, dev = bad[a->arg].device;

    return must_be_refused(
        hc_acquire_window(fe == ~0u ? h_frontend : fe, dev, bad[a->arg].first, bad[a->arg].nr, gfn),
        r);
}

/* The other device of the same guest, which has another backend. */
static const char *others_window(const struct hostile_attack *a, struct request *r)
{
    (void)a;
    return must_be_refused(
        hc_acquire_window(h_frontend, h_device ? 0 : 1, 0, 1, target(r, UNGRANTED)), r);
}

static const char *frame_beyond(const struct hostile_attack *a, struct request *r)
{
    uint64_t first = a->arg ? ~0ULL - 1 : h_info->nr_frames;

    return must_be_refused(hc_acquire_window(h_frontend, h_device, first, 1, target(r, UNGRANTED)),
                           r);
}

/* A frame of the window where a guest's page is shown. */
static const char *window_over_page(const struct hostile_attack *a, struct request *r)
{
    unsigned int last = h_info->nr_frames - 1;
    long ret = hc_acquire_window(h_frontend, h_device, last, 1, target(r, WRITABLE));
    /* It may have left its old place before. */
    long back = hc_acquire_window(h_frontend, h_device, last, 1, h_window.gfn + last);
    const char *why = must_be_refused(ret, r);

    (void)a;
    return why ? why : back ? "the frame does not return to its place" : NULL;
}

/* A process that reads there, and is ended by whatever signal that is worth. */
static bool somebody_can_read(const volatile uint8_t *p)
{
    pid_t pid = fork();
    int status = 0;

    if (!pid) {
        signal(SIGBUS, SIG_DFL);
        (void)*p;
        _exit(0);
    }
    return pid < 0 || waitpid(pid, &status, 0) != pid || WIFEXITED(status);
}

/* The window can be anywhere, once; its old place is empty then. */
static const char *window_moves(const struct hostile_attack *a, struct request *r)
{
    uint64_t elsewhere = target(r, UNGRANTED);
    long there = hc_acquire_window(h_frontend, h_device, VSH_FRAME_MAILBOX, 1, elsewhere);
    bool seen = somebody_can_read((volatile uint8_t *)h_mailbox);
    long back = hc_acquire_window(h_frontend, h_device, VSH_FRAME_MAILBOX, 1,
                                  h_window.gfn + VSH_FRAME_MAILBOX);
    const char *why = h_finish(r);

    (void)a;
    attack_saw("moved: %ld, old place %s, back: %ld", there, seen ? "readable" : "empty", back);
    if (there || back)
        return "it does not move";
    return seen ? "it is in two places" : why;
}

static const char *map_foreign(const struct hostile_attack *a, struct request *r)
{
    uint64_t guest_gfn = r->desc[1].addr / HPAGE;

    (void)a;
    return must_be_refused(hc_map_foreign(h_frontend, guest_gfn, target(r, UNGRANTED)), r);
}

static const char *domctl(const struct hostile_attack *a, struct request *r)
{
    return must_be_refused(hc_domctl(h_frontend, h_device, a->arg), r);
}

/* ---- event channels ---- */

static const char *bind(const struct hostile_attack *a, struct request *r)
{
    uint32_t port = a->arg ? h_queue->event_channel : h_info->control_channel;

    return must_be_refused(hc_bind_interdomain(h_frontend, port), r);
}

static const char *storm(const struct hostile_attack *a, struct request *r)
{
    for (unsigned int i = 0; i < 20000; i++) {
        if (a->arg)
            h_tell();
        else
            h_tell_control();
    }
    attack_saw("20000 sent");
    return h_finish(r);
}

static const struct hostile_attack attacks[] = {
    H_HARMLESS("writable page as vcpu_info", REFUSED, H_WHOLE, vcpu_info, WRITABLE),
    H_HARMLESS("read-only page as vcpu_info", REFUSED, H_WHOLE, vcpu_info, READ_ONLY),
    H_HARMLESS("page of no request as vcpu_info", REFUSED, H_WHOLE, vcpu_info, UNGRANTED),
    H_HARMLESS("shadow descriptors as vcpu_info", REFUSED, H_WHOLE, vcpu_info, SHADOW_DESC),
    H_HARMLESS("shadow used ring as vcpu_info", REFUSED, H_WHOLE, vcpu_info, SHADOW_USED),
    H_HARMLESS("writable page as FIFO control block", REFUSED, H_WHOLE, fifo_control, WRITABLE),
    H_HARMLESS("read-only page as FIFO control block", REFUSED, H_WHOLE, fifo_control, READ_ONLY),
    H_HARMLESS("info page as FIFO control block", REFUSED, H_WHOLE, fifo_control, INFO_PAGE),
    H_HARMLESS("writable page as FIFO event array", REFUSED, H_WHOLE, fifo_array, WRITABLE),
    H_HARMLESS("shadow descriptors as FIFO event array", REFUSED, H_WHOLE, fifo_array, SHADOW_DESC),
    H_HARMLESS("writable page as runstate area, by address", REFUSED, H_WHOLE, runstate_phys,
               WRITABLE),
    H_HARMLESS("writable page as runstate area", "nothing is written once it is returned", H_LINGER,
               runstate, WRITABLE),
    H_HARMLESS("read-only page as runstate area", "nothing is written", H_WHOLE, runstate,
               READ_ONLY),
    H_HARMLESS("shadow descriptors as runstate area", "nothing is written", H_WHOLE, runstate,
               SHADOW_DESC),
    H_HARMLESS("grant copy into a read-only page", REFUSED, H_WHOLE, copy_to, READ_ONLY),
    H_HARMLESS("grant copy into the shadow descriptors", REFUSED, H_WHOLE, copy_to, SHADOW_DESC),
    H_HARMLESS("grant copy into a page of no request", REFUSED, H_WHOLE, copy_to, UNGRANTED),
    H_HARMLESS("grant copy from a page of no request", REFUSED, H_WHOLE, copy_from, UNGRANTED),
    H_HARMLESS("removes a writable page in flight", "the request is served", H_WHOLE, removed,
               WRITABLE),
    H_HARMLESS("removes a read-only page in flight", "the request is served", H_WHOLE, removed,
               READ_ONLY),
    H_HARMLESS("gives a page in flight to Xen as its own", REFUSED, H_WHOLE, decreased, WRITABLE),
    H_HARMLESS("grant table in place of a page in flight",
               "the request is served, the grant table stays", H_WHOLE, replaced, WRITABLE),
    H_HARMLESS("grant table in place of a read-only page in flight",
               "the request is served, the grant table stays", H_WHOLE, replaced, READ_ONLY),
    H_FAILING("own memory where a writable page is to appear", "the device fails", 1,
              SVQ_ERR_APERTURE, H_WHOLE, occupied, WRITABLE),
    H_FAILING("grant table where a read-only page is to appear", "the device fails", 1,
              SVQ_ERR_APERTURE, H_WHOLE, occupied, READ_ONLY),
    H_HARMLESS("the window of a device of dom0", REFUSED, H_WHOLE, foreign_window, 0),
    H_HARMLESS("the window of a device of another backend", REFUSED, H_WHOLE, foreign_window, 1),
    H_HARMLESS("the window of a device that is not there", REFUSED, H_WHOLE, foreign_window, 2),
    H_HARMLESS("the window of a device beyond all", REFUSED, H_WHOLE, foreign_window, 3),
    H_HARMLESS("the window of the guest's other device", REFUSED, H_WHOLE, others_window, 0),
    H_HARMLESS("a frame behind the window", REFUSED, H_WHOLE, frame_beyond, 0),
    H_HARMLESS("a frame far behind the window", REFUSED, H_WHOLE, frame_beyond, 1),
    H_HARMLESS("the window in place of a page in flight", REFUSED, H_WHOLE, window_over_page, 0),
    H_HARMLESS("the mailbox moved, and back", "it is in one place at a time", H_WHOLE, window_moves,
               0),
    H_HARMLESS("the guest's page by a foreign mapping", REFUSED, H_WHOLE, map_foreign, 0),
    H_HARMLESS("its device's statistics by domctl", REFUSED, H_WHOLE, domctl, 4),
    H_HARMLESS("its device's end by domctl", REFUSED, H_WHOLE, domctl, 2),
    H_HARMLESS("binds to the control channel again", REFUSED, H_WHOLE, bind, 0),
    H_HARMLESS("binds to a queue's channel again", REFUSED, H_WHOLE, bind, 1),
    H_HARMLESS("20000 notifications of the queue", "the request is served", H_WHOLE, storm, 1),
    H_HARMLESS("20000 notifications of the control channel", "the request is served", H_WHOLE,
               storm, 0),
};

void hostile_hypercalls(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}

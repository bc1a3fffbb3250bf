// SPDX-License-Identifier: MIT
/*
 * Runs in a guest, as root: indirect tables, right and wrong ones, of a mediated
 * virtio block device that is driven by hand.
 *
 *   hand-indirect MMIO-BASE copy|remap
 *
 * "copy": without VIRTIO_F_INDIRECT_PAGES, whether it is offered or not. "remap":
 * with it; it must be offered, and the tables of a page of their own be used in
 * place (shadow_indirect=remap), so that a write to one in flight is aborted.
 *
 * Each wrong case expects DEVICE_NEEDS_RESET and a configuration interrupt, and a
 * working device after a reset. Prints "ok NAME" or "not ok NAME (why)" a line;
 * exit 0 if all passed.
 */
#include "hand.h"

#include <err.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IND SVQ_DESC_F_INDIRECT
#define INDIRECT (1ULL << SVQ_F_INDIRECT_DESC)
#define PAGES (1ULL << SVQ_F_INDIRECT_PAGES)

#define ENTRIES 3u
#define ROUNDS 400u
/* Of those after which the device process may have to come back. */
#define FAILURES 8u

static struct svq_desc *table; /* a page of its own */
static uint64_t table_pa;
static bool remap;

/* ---- writes that may be aborted ---- */

static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t armed;

static void aborted(int sig)
{
    (void)sig;
    if (!armed)
        _Exit(3);
    siglongjmp(back, 1);
}

/* False if the write took an abort. */
static bool write_u16(volatile uint16_t *to, uint16_t val)
{
    if (sigsetjmp(back, 1)) {
        armed = 0;
        return false;
    }
    armed = 1;
    *to = val;
    __sync_synchronize();
    armed = 0;
    return true;
}

/* ---- tables ---- */

/* A good read of sector 0, in a table at t, and the descriptor 0 that points to it. */
static void good_table(struct svq_desc *t, uint64_t pa)
{
    good_chain();
    memcpy(t, desc, ENTRIES * sizeof(*t));
    memset(desc, 0, ENTRIES * sizeof(*desc));
    set_desc(0, pa, ENTRIES * sizeof(*t), IND, 0);
}

static bool done(void)
{
    return buf[STATUS_OFF] == 0 && buf[DATA_OFF + 510] == 0x55 && buf[DATA_OFF + 511] == 0xaa;
}

static bool works_at(struct svq_desc *t, uint64_t pa)
{
    uint16_t before = used_idx();

    good_table(t, pa);
    offer(0);
    kick();
    return wait_used((uint16_t)(before + 1)) && done();
}

/*
 * start(), but if a request is taken away with its table, the device process finds
 * nothing where the table was, and may give up. Then it takes a moment to come back.
 * Without a table, which somebody may be rewriting.
 */
static bool restart_untouched(void)
{
    for (unsigned int i = 0; i < 300; i++) {
        if (start() && works())
            return true;
        usleep(100000);
    }
    return false;
}

static bool restart(void)
{
    return restart_untouched() && works_at(table, table_pa);
}

static void send(uint32_t len, unsigned int flags)
{
    desc[0].len = len;
    desc[0].flags |= (uint16_t)flags;
    offer(0);
    kick();
}

static void no_entries(void)
{
    send(0, 0);
}

static void half_an_entry(void)
{
    send(ENTRIES * 16 - 8, 0);
}

static void longer_than_the_queue(void)
{
    send((QSIZE + 1) * 16, 0);
}

static void longest_length(void)
{
    send(0xfffffff0u, 0);
}

static void table_in_a_table(void)
{
    table[0].flags |= IND;
    send(ENTRIES * 16, 0);
}

static void table_with_next(void)
{
    desc[0].next = 1;
    set_desc(1, buf_pa, 1, SVQ_DESC_F_WRITE, 0);
    send(ENTRIES * 16, SVQ_DESC_F_NEXT);
}

static void next_beyond_the_table(void)
{
    table[1].next = ENTRIES;
    send(ENTRIES * 16, 0);
}

static void loop_in_the_table(void)
{
    table[2].flags |= SVQ_DESC_F_NEXT;
    table[2].next = 1;
    send(ENTRIES * 16, 0);
}

static void entry_outside_ram(void)
{
    table[1].addr = 1ULL << 40;
    send(ENTRIES * 16, 0);
}

static void entry_of_no_bytes(void)
{
    table[1].len = 0;
    send(ENTRIES * 16, 0);
}

static void entry_with_unknown_flags(void)
{
    table[1].flags |= 0x80;
    send(ENTRIES * 16, 0);
}

static void table_outside_ram(void)
{
    desc[0].addr = 1ULL << 40;
    send(ENTRIES * 16, 0);
}

static void table_in_the_registers(void)
{
    desc[0].addr = 0x2000000;
    send(ENTRIES * 16, 0);
}

/* It would be writable for the device, which reads it. */
static void buffer_in_its_own_table(void)
{
    table[1].addr = table_pa + 2048;
    send(ENTRIES * 16, 0);
}

static const struct {
    const char *name;
    void (*wrong)(void);
    bool remap_only;
} bad[] = {
    {"table of no entries", no_entries, false},
    {"table of half an entry", half_an_entry, false},
    {"table longer than the queue", longer_than_the_queue, false},
    {"table of 4 GiB", longest_length, false},
    {"table in a table", table_in_a_table, false},
    {"INDIRECT and NEXT", table_with_next, false},
    {"next beyond the table", next_beyond_the_table, false},
    {"loop in a table", loop_in_the_table, false},
    {"entry outside RAM", entry_outside_ram, false},
    {"entry of no bytes", entry_of_no_bytes, false},
    {"entry with unknown flags", entry_with_unknown_flags, false},
    {"table outside RAM", table_outside_ram, false},
    {"table in the device's own registers", table_in_the_registers, false},
    {"buffer in its own table", buffer_in_its_own_table, true},
};

static const char *bad_case(void (*wrong)(void))
{
    if (!restart() || !works_at(table, table_pa))
        return "the device does not work to begin with";
    good_table(table, table_pa);
    wrong();
    return needs_reset_and_recovers(true);
}

/* ---- tables that are good, wherever they are ---- */

static const char *places(void)
{
    unsigned int off;

    if (!restart())
        return "the device does not start";
    for (off = 0; off + ENTRIES * 16 <= PAGE; off += 16 * 17)
        if (!works_at(table + off / 16, table_pa + off))
            return "a table further back in the page";
    return NULL;
}

static const char *again_and_again(void)
{
    if (!restart())
        return "the device does not start";
    for (unsigned int i = 0; i < ROUNDS; i++)
        if (!works_at(table, table_pa))
            return "a read by a table";
    return NULL;
}

/* ---- tables that change ---- */

/* Requests whose table is written to as soon as they are on their way. */
static const char *written_in_flight(void)
{
    unsigned int caught = 0;

    for (unsigned int i = 0; i < FAILURES; i++) {
        /* It runs, so that the table is protected as soon as the kick is over. */
        if (!restart() || !works_at(table, table_pa))
            return "the device does not work";
        good_table(table, table_pa);
        offer(0);
        kick();
        if (write_u16(&table[1].flags, 0))
            /* It was too late, or a copy. */
            continue;
        caught++;
        if (!wait_status(SVQ_STATUS_NEEDS_RESET, 0))
            return "an abort, and no DEVICE_NEEDS_RESET";
        if (!restart() || !works_at(table, table_pa))
            return "the device does not work after a reset";
        if (!write_u16(&table[1].flags, 0))
            return "the page is still read-only when the request is done";
    }

    printf("# %u of %u writes were aborted\n", caught, FAILURES);
    if (remap && !caught)
        return "no write was aborted";
    if (!remap && caught)
        return "a write was aborted, although the table is a copy";
    return NULL;
}

static volatile bool stop;
static volatile unsigned int aborts, rewrites;

/* The other vCPU: an entry that is good, and now and then is not. */
static void *rewrite(void *arg)
{
    volatile uint16_t *next = &table[1].next, *flags = &table[1].flags;

    (void)arg;
    while (!stop) {
        bool good = write_u16(next, 0xffff) && write_u16(next, 2) && write_u16(flags, IND) &&
                    write_u16(flags, SVQ_DESC_F_NEXT | SVQ_DESC_F_WRITE);

        rewrites++;
        if (!good)
            aborts++;
    }
    return NULL;
}

static const char *rewritten_all_the_time(void)
{
    unsigned int served = 0, refused = 0, i;
    pthread_t thread;
    const char *why = NULL;

    stop = false;
    aborts = 0;
    if (!restart())
        return "the device does not start";
    good_table(table, table_pa);
    if (pthread_create(&thread, NULL, rewrite, NULL))
        return "no thread";

    for (i = 0; i < ROUNDS && refused < (remap ? FAILURES : ROUNDS) && !why; i++) {
        uint16_t before = used_idx();

        set_desc(0, table_pa, ENTRIES * 16, IND, 0);
        offer(0);
        kick();
        while (used_idx() == before && !(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET))
            ;
        if (used_idx() != before)
            served++;
        if (!(rd(SVQ_MMIO_STATUS) & SVQ_STATUS_NEEDS_RESET))
            continue;
        refused++;
        if (!restart_untouched())
            why = "the device does not start after a reset";
    }

    stop = true;
    pthread_join(thread, NULL);
    printf("# %u served, %u refused, %u rewrites, %u aborts\n", served, refused, rewrites, aborts);
    if (!why && !(restart() && works_at(table, table_pa)))
        why = "the device does not work afterwards";
    if (!why && !rewrites)
        why = "nothing was rewritten";
    return why;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = aborted, .sa_flags = SA_NODEFER};

    if (argc != 3 || (strcmp(argv[2], "copy") && strcmp(argv[2], "remap")))
        errx(2, "usage: hand-indirect MMIO-BASE copy|remap");
    remap = !strcmp(argv[2], "remap");

    open_device(argv[1]);
    table = locked_page(&table_pa);
    sigaction(SIGBUS, &action, NULL);

    hand_features |= INDIRECT | (remap ? PAGES : 0);
    report("tables are offered",
           (offered() & hand_features) == hand_features ? NULL : "they are not");

    report("reads by a table", again_and_again());
    report("tables anywhere in a page", places());
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (remap || !bad[i].remap_only)
            report(bad[i].name, bad_case(bad[i].wrong));
    report("table written to in flight", written_in_flight());
    report("table rewritten all the time", rewritten_all_the_time());

    wr(SVQ_MMIO_STATUS, 0);
    return failed ? 1 : 0;
}

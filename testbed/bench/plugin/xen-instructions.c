// SPDX-License-Identifier: MIT
/*
 * A QEMU TCG plugin that counts the instructions which Xen executes, by the addresses they are at:
 * Xen's text is at 0x00000a0000000000 and up, where neither a guest's kernel nor its programs are.
 *
 *   -plugin file=libxen-instructions.so,out=FILE
 *
 * A program in any domain takes a snapshot by executing the instruction "hint #112" or "hint #113"
 * (NOPs to the processor). FILE gets, per snapshot, what was counted since the one before:
 *
 *   mark xen=I other=I eret=E tlbi=T...    for 112: the begin or the end of what is to be counted
 *   line xen=I other=I eret=E tlbi=T...    for 113: bench-drive begins with a line of its plan, or
 *                                          is at its end, whatever the line's programs have marked
 *   b ADDRESS INSTRUCTIONS EXECUTIONS      for each translated block of Xen's that ran
 *
 * Counts are exact; a block counts as executed when it is entered. They are kept per emulated CPU,
 * so that threads take no lock; where one thread emulates all CPUs, it does not matter which is
 * named. ERETs are the returns from Xen to a guest, so one per trap or interrupt.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin_api.h"

#define XEN_BEGIN UINT64_C(0x00000a0000000000)
#define XEN_END UINT64_C(0x00000a8000000000)
#define MAX_CPUS 8
#define BUCKETS 16384

#define HINT(n) (0xd503201fu | (uint32_t)(n) << 5)
#define MARK HINT(112)
#define LINE HINT(113)

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_INTERFACE_VERSION;

/* Instructions of Xen's that are events. */
enum event {
    EVENT_ERET,
    EVENT_TLBI_ALL_IS,
    EVENT_TLBI_ALL,
    EVENT_TLBI_IPA,
    EVENT_TLBI_STAGE1,
    EVENTS
};
static const char *const event_names[EVENTS] = {"eret", "tlbi_vmalls12_is", "tlbi_vmalls12",
                                                "tlbi_ipa", "tlbi_stage1"};

struct block {
    struct block *next;
    uint64_t address;
    uint32_t instructions;
    uint8_t events[EVENTS];
    uint64_t count[MAX_CPUS];
    uint64_t seen; /* at the last mark */
};

/* Separate lines: CPUs do not take each other's. */
struct others {
    uint64_t instructions;
    char pad[120];
};

static struct block *bucket[BUCKETS];
static struct others others[MAX_CPUS];
static uint64_t others_seen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;

static int event_of(uint32_t insn)
{
    switch (insn & ~0x1fu) {
    case 0xd50c83c0: /* vmalls12e1is */
    case 0xd50c8380: /* alle1is */
        return EVENT_TLBI_ALL_IS;
    case 0xd50c87c0: /* vmalls12e1 */
    case 0xd50c8780: /* alle1 */
        return EVENT_TLBI_ALL;
    case 0xd50c8020: /* ipas2e1is */
    case 0xd50c8420: /* ipas2e1 */
    case 0xd50c80a0: /* ipas2le1is */
    case 0xd50c84a0: /* ipas2le1 */
        return EVENT_TLBI_IPA;
    case 0xd5088300: /* vmalle1is */
    case 0xd5088700: /* vmalle1 */
        return EVENT_TLBI_STAGE1;
    default:
        return insn == 0xd69f03e0 ? EVENT_ERET : -1;
    }
}

static void enter_xen(unsigned int cpu, void *data)
{
    struct block *b = data;

    if (cpu < MAX_CPUS)
        b->count[cpu]++;
}

static void enter_other(unsigned int cpu, void *data)
{
    if (cpu < MAX_CPUS)
        others[cpu].instructions += (uintptr_t)data;
}

static uint64_t sum(const struct block *b)
{
    uint64_t total = 0;

    for (int cpu = 0; cpu < MAX_CPUS; cpu++)
        total += b->count[cpu];
    return total;
}

static void on_mark(unsigned int cpu, void *data)
{
    uint64_t xen = 0, other = 0, before, now, events[EVENTS] = {0};

    (void)cpu;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BUCKETS; i++)
        for (struct block *b = bucket[i]; b; b = b->next) {
            now = sum(b) - b->seen;
            xen += now * b->instructions;
            for (int e = 0; e < EVENTS; e++)
                events[e] += now * b->events[e];
        }
    for (int i = 0; i < MAX_CPUS; i++)
        other += others[i].instructions;
    fprintf(out, "%s xen=%" PRIu64 " other=%" PRIu64, (const char *)data, xen, other - others_seen);
    for (int e = 0; e < EVENTS; e++)
        fprintf(out, " %s=%" PRIu64, event_names[e], events[e]);
    fputc('\n', out);
    others_seen = other;
    for (int i = 0; i < BUCKETS; i++)
        for (struct block *b = bucket[i]; b; b = b->next) {
            before = b->seen;
            b->seen = sum(b);
            if (b->seen != before)
                fprintf(out, "b %" PRIx64 " %u %" PRIu64 "\n", b->address, b->instructions,
                        b->seen - before);
        }
    fflush(out);
    pthread_mutex_unlock(&lock);
}

/* An instruction of a block; 0, which is none, if it cannot be had. */
static uint32_t insn_of(const struct qemu_plugin_tb *tb, size_t index)
{
    uint32_t insn;

    if (qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, index), &insn, sizeof(insn)) !=
        sizeof(insn))
        return 0;
    return insn;
}

/* The record of a block, which outlives its translation: QEMU drops and repeats those. */
static struct block *block_of(const struct qemu_plugin_tb *tb, uint64_t address, size_t n)
{
    struct block **head = &bucket[address / 4 % BUCKETS], *b;
    int event;

    pthread_mutex_lock(&lock);
    for (b = *head; b; b = b->next)
        if (b->address == address && b->instructions == n)
            break;
    if (!b) {
        b = calloc(1, sizeof(*b));
        if (!b)
            abort();
        b->address = address;
        b->instructions = (uint32_t)n;
        for (size_t i = 0; i < n; i++) {
            event = event_of(insn_of(tb, i));
            if (event >= 0)
                b->events[event]++;
        }
        b->next = *head;
        *head = b;
    }
    pthread_mutex_unlock(&lock);
    return b;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint32_t insn;

    (void)id;
    if (address >= XEN_BEGIN && address < XEN_END) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, enter_xen, QEMU_PLUGIN_CB_NO_REGS,
                                             block_of(tb, address, n));
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, enter_other, QEMU_PLUGIN_CB_NO_REGS, (void *)n);
    for (size_t i = 0; i < n; i++) {
        insn = insn_of(tb, i);
        if (insn == MARK || insn == LINE)
            qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), on_mark,
                                                   QEMU_PLUGIN_CB_NO_REGS,
                                                   insn == MARK ? "mark" : "line");
    }
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv)
{
    if (!info->system_emulation || strcmp(info->target_name, "aarch64") ||
        info->system.max_vcpus > MAX_CPUS) {
        fprintf(stderr, "xen-instructions: for qemu-system-aarch64 with up to %d CPUs\n", MAX_CPUS);
        return -1;
    }
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
    if (!out) {
        fprintf(stderr, "xen-instructions: needs out=FILE, a file that can be written\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}

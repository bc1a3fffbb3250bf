// SPDX-License-Identifier: MIT
/*
 * A QEMU TCG plugin that counts the instructions which Xen executes, by the addresses they are at:
 * Xen's text is at 0x00000a0000000000 and up, where neither a guest's kernel nor its programs are.
 *
 *   -plugin file=libxen-instructions.so,out=FILE[,cpus=on]
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
 * so that threads take no lock. ERETs are the returns from Xen to a guest, so one per trap or
 * interrupt.
 *
 * Where one thread emulates all CPUs, QEMU tells a callback the CPU that the block was translated
 * for, and Xen's blocks serve all of them. With cpus=on the CPU is looked up in TPIDR_EL2, where
 * Xen has what tells its CPUs apart (0 on CPU 0), from the first "line" on, and the mode in the
 * exception level, once for each translation. Then a snapshot also has
 *
 *   mark ... switches=S misplaced=N        how often another CPU went on; blocks at Xen's addresses
 *                                          that were not at EL2, or at EL2 elsewhere: none, or what
 *                                          is called Xen here is not all of it
 *   cpu N XEN KERNEL USER                  for each CPU: instructions at EL2, EL1, EL0
 *   b ADDRESS INSTRUCTIONS EXECUTIONS PER-CPU...
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
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
    uint64_t seen[MAX_CPUS]; /* at the last mark */
};

enum mode { XEN, KERNEL, USER, MODES };

/* A translation of a block; those of Xen's share what is counted of it. */
struct translation {
    struct block *block; /* if it is at Xen's addresses */
    uint32_t instructions;
    bool known;
    enum mode mode;
};

/* Separate lines: CPUs do not take each other's. */
struct cpu {
    uint64_t count[MODES], seen[MODES];
    char pad[80];
};

static struct block *bucket[BUCKETS];
static struct cpu cpus[MAX_CPUS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;

/* With cpus=on: one thread runs all CPUs, and nothing of this is shared. */
static bool by_cpu, armed;
static struct qemu_plugin_register *tpidr_el2, *cpsr;
static GByteArray *bytes;
static uint64_t tpidr_of[MAX_CPUS]; /* CPU 0 has 0 */
static unsigned int known_cpus = 1, last_cpu;
static uint64_t switches, misplaced;

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

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "xen-instructions: %s\n", why);
    abort();
}

static uint64_t read_register(struct qemu_plugin_register *which)
{
    uint64_t value = 0;

    g_byte_array_set_size(bytes, 0);
    if (qemu_plugin_read_register(which, bytes) < 1)
        fail("a register cannot be read");
    memcpy(&value, bytes->data, bytes->len < sizeof(value) ? bytes->len : sizeof(value));
    return value;
}

/* The CPU that runs, by what Xen has in its TPIDR_EL2. */
static unsigned int running_cpu(void)
{
    uint64_t tpidr = read_register(tpidr_el2);
    unsigned int cpu;

    for (cpu = 0; cpu < known_cpus; cpu++)
        if (tpidr_of[cpu] == tpidr)
            break;
    if (cpu == MAX_CPUS)
        fail("more values of TPIDR_EL2 than CPUs");
    if (cpu == known_cpus)
        tpidr_of[known_cpus++] = tpidr;
    switches += cpu != last_cpu;
    last_cpu = cpu;
    return cpu;
}

static enum mode running_mode(void)
{
    switch (read_register(cpsr) >> 2 & 3) {
    case 2:
        return XEN;
    case 1:
        return KERNEL;
    case 0:
        return USER;
    default:
        fail("EL3 is not expected");
    }
}

/* By the address, where the exception level is not looked at. */
static enum mode mode_of(const struct translation *t, uint64_t address)
{
    return t->block ? XEN : address >> 63 ? KERNEL : USER;
}

static void enter(unsigned int cpu, void *data)
{
    struct translation *t = data;

    if (by_cpu) {
        if (armed)
            cpu = running_cpu();
        /* A block is translated for one exception level. */
        if (!t->known) {
            t->mode = running_mode();
            t->known = true;
        }
        misplaced += armed && (t->mode == XEN) != (t->block != NULL);
    }
    if (cpu >= MAX_CPUS)
        fail("a CPU has a number that is not expected");
    cpus[cpu].count[t->mode] += t->instructions;
    if (t->block)
        t->block->count[cpu]++;
}

static uint64_t total_of(const uint64_t count[MAX_CPUS])
{
    uint64_t total = 0;

    for (int cpu = 0; cpu < MAX_CPUS; cpu++)
        total += count[cpu];
    return total;
}

static uint64_t sum(const struct block *b)
{
    return total_of(b->count);
}

static uint64_t sum_seen(const struct block *b)
{
    return total_of(b->seen);
}

/* What was executed outside of Xen since the last mark. */
static uint64_t others(void)
{
    uint64_t total = 0;

    for (int cpu = 0; cpu < MAX_CPUS; cpu++)
        for (int mode = KERNEL; mode < MODES; mode++)
            total += cpus[cpu].count[mode] - cpus[cpu].seen[mode];
    return total;
}

static void write_cpus(void)
{
    struct cpu *c;

    for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++) {
        c = &cpus[cpu];
        if (by_cpu && cpu < known_cpus)
            fprintf(out, "cpu %u %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", cpu,
                    c->count[XEN] - c->seen[XEN], c->count[KERNEL] - c->seen[KERNEL],
                    c->count[USER] - c->seen[USER]);
        memcpy(c->seen, c->count, sizeof(c->seen));
    }
    switches = 0;
    misplaced = 0;
}

static void write_block(struct block *b)
{
    uint64_t now = sum(b);

    if (now == sum_seen(b))
        return;
    fprintf(out, "b %" PRIx64 " %u %" PRIu64, b->address, b->instructions, now - sum_seen(b));
    for (unsigned int cpu = 0; by_cpu && cpu < known_cpus; cpu++)
        fprintf(out, " %" PRIu64, b->count[cpu] - b->seen[cpu]);
    fputc('\n', out);
    memcpy(b->seen, b->count, sizeof(b->seen));
}

static void on_mark(unsigned int cpu, void *data)
{
    uint64_t xen = 0, now, events[EVENTS] = {0};

    (void)cpu;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < BUCKETS; i++)
        for (struct block *b = bucket[i]; b; b = b->next) {
            now = sum(b) - sum_seen(b);
            xen += now * b->instructions;
            for (int e = 0; e < EVENTS; e++)
                events[e] += now * b->events[e];
        }
    fprintf(out, "%s xen=%" PRIu64 " other=%" PRIu64, (const char *)data, xen, others());
    for (int e = 0; e < EVENTS; e++)
        fprintf(out, " %s=%" PRIu64, event_names[e], events[e]);
    if (by_cpu)
        fprintf(out, " switches=%" PRIu64 " misplaced=%" PRIu64, switches, misplaced);
    fputc('\n', out);
    write_cpus();
    for (int i = 0; i < BUCKETS; i++)
        for (struct block *b = bucket[i]; b; b = b->next)
            write_block(b);
    fflush(out);
    if (!strcmp(data, "line"))
        armed = true;
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
    /* QEMU does not tell when one is dropped: it stays. */
    struct translation *t = calloc(1, sizeof(*t));
    uint32_t insn;

    (void)id;
    if (!t)
        fail("no memory");
    if (address >= XEN_BEGIN && address < XEN_END)
        t->block = block_of(tb, address, n);
    t->instructions = (uint32_t)n;
    t->mode = mode_of(t, address);
    qemu_plugin_register_vcpu_tb_exec_cb(
        tb, enter, by_cpu ? QEMU_PLUGIN_CB_R_REGS : QEMU_PLUGIN_CB_NO_REGS, t);
    if (t->block)
        return;
    for (size_t i = 0; i < n; i++) {
        insn = insn_of(tb, i);
        if (insn == MARK || insn == LINE)
            qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), on_mark,
                                                   QEMU_PLUGIN_CB_NO_REGS,
                                                   insn == MARK ? "mark" : "line");
    }
}

/* Each CPU has the same registers, by the same handles. */
static void on_cpu(qemu_plugin_id_t id, unsigned int cpu)
{
    GArray *registers;

    (void)id;
    if (cpu)
        return;
    registers = qemu_plugin_get_registers();
    for (unsigned int i = 0; i < registers->len; i++) {
        const qemu_plugin_reg_descriptor *r = (qemu_plugin_reg_descriptor *)registers->data + i;

        if (!strcmp(r->name, "TPIDR_EL2"))
            tpidr_el2 = r->handle;
        else if (!strcmp(r->name, "cpsr"))
            cpsr = r->handle;
    }
    bytes = g_byte_array_new();
    if (!tpidr_el2 || !cpsr)
        fail("QEMU shows no TPIDR_EL2, or no cpsr");
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
        else if (!strcmp(argv[i], "cpus=on"))
            by_cpu = true;
    }
    /* With cpus=on those count that Xen uses. */
    if (!info->system_emulation || strcmp(info->target_name, "aarch64") ||
        (!by_cpu && info->system.max_vcpus > MAX_CPUS)) {
        fprintf(stderr, "xen-instructions: for qemu-system-aarch64 with up to %d CPUs\n", MAX_CPUS);
        return -1;
    }
    if (!out) {
        fprintf(stderr, "xen-instructions: needs out=FILE, a file that can be written\n");
        return -1;
    }
    if (by_cpu)
        qemu_plugin_register_vcpu_init_cb(id, on_cpu);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}

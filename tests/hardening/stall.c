// SPDX-License-Identifier: MIT
/*
 * A QEMU TCG plugin that widens a race in Xen: whoever is about to take a reference on a page stops
 * there for a while, twice: up to when TLB maintenance of another CPU has got its turn, and then
 * until that CPU has long gone on.
 *
 *   -plugin file=libstall.so,get=ADDRESS,in=BEGIN-END[,in=BEGIN-END]
 *
 * get is where get_page() is, in where functions are that are to stop as they call it. A guest says
 * when: "hint #113" before a hypercall, "hint #114" after it (NOPs to the processor), and for no
 * more stops than one takes: other domains, of which there is always something to be done, would
 * not get on. The number of stops is the last line on standard error.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_plugin_api.h"

#define HINT(n) (0xd503201fu | (uint32_t)(n) << 5)
#define BEGIN HINT(113)
#define END HINT(114)
#define MAX_CPUS 8
#define MAX_RANGES 4

#define FIRST_US 2000
#define SECOND_US 20000
#define STOPS 4

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_INTERFACE_VERSION;

static uint64_t get, begin[MAX_RANGES], end[MAX_RANGES];
static unsigned int ranges;
static atomic_uint stops;
/* Each CPU's own: how often it is still to stop, and that it is about to for the second time. */
static unsigned int left[MAX_CPUS];
static bool stopping[MAX_CPUS];

static void at_hint(unsigned int cpu, void *data)
{
    if (cpu < MAX_CPUS)
        left[cpu] = data ? STOPS : 0;
}

static void at_call(unsigned int cpu, void *data)
{
    (void)data;
    if (cpu >= MAX_CPUS || !left[cpu])
        return;
    left[cpu]--;
    stops++;
    stopping[cpu] = true;
    usleep(FIRST_US);
}

/* Another block of translated code: work that waited for all CPUs is done. */
static void at_get(unsigned int cpu, void *data)
{
    (void)data;
    if (cpu >= MAX_CPUS || !stopping[cpu])
        return;
    stopping[cpu] = false;
    usleep(SECOND_US);
}

/* Where a direct branch, with or without link, leads to; 0 for any other instruction. */
static uint64_t target_of(uint64_t address, uint32_t insn)
{
    if ((insn & 0x7c000000) != 0x14000000)
        return 0;
    return address + (uint64_t)((int64_t)((uint64_t)insn << 38) >> 36);
}

static bool in_range(uint64_t address)
{
    for (unsigned int i = 0; i < ranges; i++)
        if (address >= begin[i] && address < end[i])
            return true;
    return false;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_tb_vaddr(tb) + 4 * i;
        qemu_plugin_vcpu_udata_cb_t cb = NULL;
        void *data = NULL;
        uint32_t insn;

        if (qemu_plugin_insn_data(in, &insn, sizeof(insn)) != sizeof(insn))
            continue;
        if (insn == BEGIN || insn == END) {
            cb = at_hint;
            data = insn == BEGIN ? left : NULL;
        } else if (address == get) {
            cb = at_get;
        } else if (in_range(address) && target_of(address, insn) == get) {
            cb = at_call;
        }
        if (cb)
            qemu_plugin_register_vcpu_insn_exec_cb(in, cb, QEMU_PLUGIN_CB_NO_REGS, data);
    }
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fprintf(stderr, "stall: stopped %u times\n", stops);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv)
{
    if (!info->system_emulation || strcmp(info->target_name, "aarch64"))
        return -1;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "get=", 4))
            get = strtoull(argv[i] + 4, NULL, 16);
        else if (ranges < MAX_RANGES &&
                 sscanf(argv[i], "in=%" SCNx64 "-%" SCNx64, &begin[ranges], &end[ranges]) == 2)
            ranges++;
    }
    if (!get || !ranges) {
        fprintf(stderr, "stall: needs get=ADDRESS,in=BEGIN-END\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}

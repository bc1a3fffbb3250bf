// SPDX-License-Identifier: MIT
#include "guest.h"

/* ---- C ---- */

void *memset(void *to, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = (uint8_t)c;
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

/* ---- time ---- */

uint64_t now_ms(void)
{
    uint64_t count, freq;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(count));
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(freq));
    return count / (freq / 1000);
}

#define HYPERCALL_SCHED 29
#define SCHED_YIELD 0

void yield(void)
{
    hypercall(HYPERCALL_SCHED, SCHED_YIELD, 0, 0, 0, 0);
}

void wait_ms(unsigned int ms)
{
    uint64_t end = now_ms() + ms;

    while (now_ms() < end)
        yield();
}

/* ---- aborts ---- */

static volatile unsigned int aborts[2];
static volatile bool armed[2];

static unsigned int this_vcpu(void)
{
    uint64_t mpidr;

    __asm__ volatile("mrs %0, mpidr_el1" : "=r"(mpidr));
    return mpidr & 1;
}

/* Called by the vector. Anything but a data abort that a write took is an error of the guest. */
void aborted(uint64_t esr, uint64_t far, uint64_t elr)
{
    if (esr >> 26 != 0x25 || !armed[this_vcpu()]) {
        print("guest: stuck at %x: esr %x, far %x\n", elr, esr, far);
        for (;;)
            yield();
    }
    aborts[this_vcpu()]++;
}

bool write_u16(volatile uint16_t *to, uint16_t val)
{
    unsigned int me = this_vcpu(), before = aborts[me];

    armed[me] = true;
    __asm__ volatile("strh %w1, [%0]; dsb sy; isb" : : "r"(to), "r"(val) : "memory");
    armed[me] = false;
    return aborts[me] == before;
}

/* ---- the second vCPU ---- */

#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_CPU_OFF 0x84000002ul

long psci(unsigned long function, unsigned long a, unsigned long b, unsigned long c);
void second_boot(void);

static void (*volatile job)(void);
static volatile bool busy;

/* It is on for a job only: the machine's CPUs are few. */
void second_main(void)
{
    void (*work)(void);

    busy = true;
    while ((work = job))
        work();
    busy = false;
    psci(PSCI_CPU_OFF, 0, 0, 0);
}

void beside_start(void (*work)(void))
{
    job = work;
    /* Refused for as long as it is not quite off. */
    while (psci(PSCI_CPU_ON, 1, (unsigned long)second_boot, 0))
        yield();
    while (!busy)
        yield();
}

void beside_stop(void)
{
    job = NULL;
    while (busy)
        yield();
}

/* ---- suspend ---- */

#define PSCI_FEATURES 0x8400000aul
#define PSCI_SYSTEM_SUSPEND 0xc400000eul

long system_suspend(void);

bool can_sleep(void)
{
    return (int32_t)psci(PSCI_FEATURES, PSCI_SYSTEM_SUSPEND, 0, 0) == 0;
}

bool sleep_well(void)
{
    return (int32_t)system_suspend() == 0;
}

/* ---- console ---- */

#define HYPERCALL_EVENT 32
#define HYPERCALL_HVM 34

#define EVENT_SEND 4
#define HVM_GET_PARAM 1
#define PARAM_CONSOLE_PFN 17
#define PARAM_CONSOLE_PORT 18

#define DOMID_SELF 0x7ff0u

struct console {
    char in[1024];
    char out[2048];
    volatile uint32_t in_cons, in_prod, out_cons, out_prod;
};

static struct console *console;
static uint32_t console_port;

static uint64_t hvm_param(uint32_t index)
{
    struct {
        uint16_t domid, pad;
        uint32_t index;
        uint64_t value;
    } p = {.domid = DOMID_SELF, .index = index};

    hypercall(HYPERCALL_HVM, HVM_GET_PARAM, (unsigned long)&p, 0, 0, 0);
    return p.value;
}

static void console_notify(void)
{
    uint32_t port = console_port;

    hypercall(HYPERCALL_EVENT, EVENT_SEND, (unsigned long)&port, 0, 0, 0);
}

/* What Xen shares with a guest: the ports that are pending are bits of it. */
static volatile uint8_t *const shared = (void *)0x38100000ul;

#define SHARED_UPCALL 0
#define SHARED_PENDING 48

#define HYPERCALL_MEMORY 12
#define MEMORY_ADD_TO_PHYSMAP 7
#define SCHED_POLL 3

static void shared_map(void)
{
    struct {
        uint16_t domid, size;
        uint32_t space;
        unsigned long idx, gpfn;
    } add = {.domid = DOMID_SELF, .gpfn = (unsigned long)shared / PAGE};

    hypercall(HYPERCALL_MEMORY, MEMORY_ADD_TO_PHYSMAP, (unsigned long)&add, 0, 0, 0);
}

static void console_event_clear(void)
{
    __atomic_store_n(&shared[SHARED_UPCALL], 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&shared[SHARED_PENDING + console_port / 8],
                       (uint8_t) ~(1u << console_port % 8), __ATOMIC_SEQ_CST);
}

static void console_event_wait(void)
{
    struct {
        uint32_t *ports;
        unsigned int nr;
        uint64_t timeout;
    } poll = {.ports = &console_port, .nr = 1};

    hypercall(HYPERCALL_SCHED, SCHED_POLL, (unsigned long)&poll, 0, 0, 0);
}

static void console_open(void)
{
    shared_map();
    console = (struct console *)(hvm_param(PARAM_CONSOLE_PFN) * PAGE);
    console_port = (uint32_t)hvm_param(PARAM_CONSOLE_PORT);
}

static void put(char c)
{
    if (!console)
        console_open();
    while (console->out_prod - console->out_cons >= sizeof(console->out)) {
        console_notify();
        yield();
    }
    console->out[console->out_prod % sizeof(console->out)] = c;
    __sync_synchronize();
    console->out_prod++;
    if (c == '\n')
        console_notify();
}

static void put_number(uint64_t n, unsigned int base)
{
    char digits[20];
    unsigned int i = 0;

    do {
        digits[i++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    while (i)
        put(digits[--i]);
}

/* Numbers are taken as 64 bits: on arm64 each argument has a register of that. */
void print(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put(*s);
            break;
        case 'u':
            put_number(va_arg(ap, unsigned int), 10);
            break;
        case 'x':
            put_number(va_arg(ap, uint64_t), 16);
            break;
        default:
            put(*format);
            break;
        }
    }
    va_end(ap);
}

void read_line(char *line, unsigned int size)
{
    unsigned int n = 0;

    for (;;) {
        char c;

        for (;;) {
            console_event_clear();
            if (console->in_cons != console->in_prod)
                break;
            console_event_wait();
        }
        __sync_synchronize();
        c = console->in[console->in_cons % sizeof(console->in)];
        __sync_synchronize();
        console->in_cons++;
        console_notify();
        if (c == '\n' || c == '\r') {
            line[n] = '\0';
            return;
        }
        if (n + 1 < size)
            line[n++] = c;
    }
}

// SPDX-License-Identifier: MIT
/*
 * Runs commands in domains, in dom0, and records what each took:
 *
 *   bench-drive [-u UPTIME] PLAN OUT NAME=DOMID=TTY...
 *
 * A line of PLAN is ID, targets, seconds and command, apart by tabs. Targets are names of domains,
 * apart by commas, that run the command at the same time (guest/serve answers on their consoles),
 * or dom0. OUT is a file or a drive, and is written to its medium after each line, of which it
 * gets:
 *
 *   @cell ID
 *   @time NANOSECONDS
 *   @cpu NAME=NANOSECONDS ... idle=NANOSECONDS
 *   @out NAME STATUS
 *   | a line of output
 *
 * and "@end" after the last one. A command that does not end in time is the last one, since its
 * domain can be asked nothing more: "@hung", status 3. No line is begun later than UPTIME seconds
 * after this kernel has started: "@late", status 0.
 *
 * It waits in poll(2) meanwhile: dom0 has to leave the CPUs to those who are measured. The shell's
 * way, looking again and again, would not.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

#include "mark.h"

#define MAX_TARGETS 8
#define MAX_DOMAINS 64
#define MAX_CPUS 16
#define TIMED_OUT 124
#define HUNG 3
#define PROGRESS_NS 15000000000ull

struct target {
    const char *name;
    uint32_t domid;
    int fd;
    char *text;
    size_t length, room;
    bool waiting;
    int status;
};

/* CPU time that domains and idle CPUs have had. */
struct sample {
    int domains;
    xc_domaininfo_t domain[MAX_DOMAINS];
    uint64_t idle, wall;
};

static struct target target[MAX_TARGETS];
static unsigned int targets;
static xc_interface *xch;
static FILE *out;
static unsigned int sequence = 1000000;

static _Noreturn void fail(const char *what, const char *which)
{
    fprintf(stderr, "bench-drive: %s %s: %s\n", what, which, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void take(struct sample *s)
{
    xc_cpuinfo_t cpu[MAX_CPUS];
    int cpus = 0;

    s->domains = xc_domain_getinfolist(xch, 0, MAX_DOMAINS, s->domain);
    if (s->domains < 0 || xc_getcpuinfo(xch, MAX_CPUS, cpu, &cpus))
        fail("no CPU times from", "Xen");
    s->idle = 0;
    for (int i = 0; i < cpus; i++)
        s->idle += cpu[i].idletime;
    s->wall = now_ns();
}

static const char *name_of(uint32_t domid, char buffer[16])
{
    for (unsigned int i = 0; i < targets; i++)
        if (target[i].domid == domid)
            return target[i].name;
    snprintf(buffer, 16, "dom%" PRIu32, domid);
    return buffer;
}

static void report_cpu(const struct sample *a, const struct sample *b)
{
    char buffer[16];

    fprintf(out, "@time %" PRIu64 "\n@cpu", b->wall - a->wall);
    for (int i = 0; i < b->domains; i++)
        for (int j = 0; j < a->domains; j++)
            if (a->domain[j].domain == b->domain[i].domain)
                fprintf(out, " %s=%" PRIu64, name_of(b->domain[i].domain, buffer),
                        b->domain[i].cpu_time - a->domain[j].cpu_time);
    fprintf(out, " idle=%" PRIu64 "\n", b->idle - a->idle);
}

static void report_text(const char *name, int status, char *text)
{
    char *line, *rest = text;

    fprintf(out, "@out %s %d\n", name, status);
    while ((line = strsep(&rest, "\n")) != NULL) {
        size_t n = strcspn(line, "\r");

        line[n] = 0;
        if (n)
            fprintf(out, "| %s\n", line);
    }
}

static struct target *find(const char *name)
{
    for (unsigned int i = 0; i < targets; i++)
        if (!strcmp(target[i].name, name))
            return &target[i];
    errno = ENOENT;
    fail("no domain called", name);
}

static void send_command(struct target *t, const char *command)
{
    char line[4096];
    int n = snprintf(line, sizeof(line), "%u %s\n", sequence, command);

    if (n < 0 || (size_t)n >= sizeof(line)) {
        errno = E2BIG;
        fail("command too long for", t->name);
    }
    t->length = 0;
    t->waiting = true;
    t->status = TIMED_OUT;
    for (int done = 0, w; done < n; done += w) {
        w = (int)write(t->fd, line + done, (size_t)(n - done));
        if (w <= 0)
            fail("cannot write to the console of", t->name);
    }
}

/* Its console said something: is the command done? */
static void receive(struct target *t)
{
    char mark[32], *at;
    ssize_t n;

    if (t->length + 65536 > t->room) {
        t->room = t->length + 131072;
        t->text = realloc(t->text, t->room);
        if (!t->text)
            fail("no memory for the output of", t->name);
    }
    n = read(t->fd, t->text + t->length, t->room - t->length - 1);
    if (n <= 0)
        fail("cannot read the console of", t->name);
    t->length += (size_t)n;
    t->text[t->length] = 0;
    snprintf(mark, sizeof(mark), "@@DONE %u ", sequence);
    at = strstr(t->text, mark);
    if (!at || !strchr(at, '\n'))
        return;
    t->status = atoi(at + strlen(mark));
    t->waiting = false;
    *at = 0;
    snprintf(mark, sizeof(mark), "@@BEGIN %u@", sequence);
    at = strstr(t->text, mark);
    if (at) {
        at += strlen(mark);
        memmove(t->text, at, strlen(at) + 1);
    }
}

/* Whether all of them have come to an end. */
static bool in_domains(char *names, unsigned int seconds, const char *command)
{
    struct target *used[MAX_TARGETS];
    struct pollfd fds[MAX_TARGETS];
    unsigned int n = 0, waiting;
    struct sample before, after;
    uint64_t limit;
    char *name;

    while ((name = strsep(&names, ",")) != NULL && n < MAX_TARGETS)
        used[n++] = find(name);
    sequence++;
    mark_line();
    take(&before);
    limit = before.wall + (uint64_t)seconds * 1000000000;
    for (unsigned int i = 0; i < n; i++)
        send_command(used[i], command);
    for (;;) {
        uint64_t now = now_ns();

        waiting = 0;
        for (unsigned int i = 0; i < n; i++) {
            fds[i] = (struct pollfd){.fd = used[i]->waiting ? used[i]->fd : -1, .events = POLLIN};
            waiting += used[i]->waiting;
        }
        if (!waiting || now >= limit)
            break;
        if (poll(fds, n, (int)((limit - now) / 1000000 + 1)) < 0 && errno != EINTR)
            fail("cannot wait for", used[0]->name);
        for (unsigned int i = 0; i < n; i++)
            if (fds[i].revents)
                receive(used[i]);
    }
    take(&after);
    mark_line();
    report_cpu(&before, &after);
    for (unsigned int i = 0; i < n; i++)
        report_text(used[i]->name, used[i]->status, used[i]->length ? used[i]->text : (char[]){0});
    return !waiting;
}

static void in_dom0(const char *command)
{
    FILE *p = popen(command, "r");
    char *text = malloc(1 << 20);
    size_t n;

    if (!p || !text)
        fail("cannot run", command);
    n = fread(text, 1, (1 << 20) - 1, p);
    text[n] = 0;
    report_text("dom0", pclose(p), text);
    free(text);
}

static void add_target(char *argument)
{
    struct target *t = &target[targets];
    struct termios raw;
    char *domid, *tty;

    t->name = strsep(&argument, "=");
    domid = strsep(&argument, "=");
    tty = argument;
    if (!tty || targets == MAX_TARGETS) {
        errno = EINVAL;
        fail("wrong or too many arguments:", t->name);
    }
    t->domid = (uint32_t)atoi(domid);
    t->fd = open(tty, O_RDWR | O_NOCTTY);
    if (t->fd < 0 || tcgetattr(t->fd, &raw))
        fail("cannot open", tty);
    cfmakeraw(&raw);
    tcsetattr(t->fd, TCSANOW, &raw);
    tcflush(t->fd, TCIFLUSH);
    targets++;
}

/* How many lines are about domains; the others take no time worth mentioning. */
static unsigned int count_lines(FILE *plan)
{
    unsigned int n = 0;
    char line[8192];

    while (fgets(line, sizeof(line), plan))
        n += !strstr(line, "\tdom0\t");
    rewind(plan);
    return n;
}

static uint64_t uptime_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec;
}

/* The host passes on to the user what begins like this. */
static void report_progress(FILE *console, unsigned int done, unsigned int of, uint64_t begin)
{
    uint64_t took = (now_ns() - begin) / 1000000000;

    fprintf(console, "dom0: [%" PRIu64 "] %u of %u, about %" PRIu64 " s left\n", uptime_s(), done,
            of, done ? took * (of - done) / done : 0);
    fflush(console);
}

/* What was said so far outlives this machine. */
static void save(void)
{
    if (fflush(out) || (fsync(fileno(out)) && errno != EINVAL))
        fail("cannot write", "what was recorded");
}

static void drive(FILE *plan, FILE *console, uint64_t until)
{
    unsigned int of = count_lines(plan), done = 0;
    uint64_t begin = now_ns(), said = begin;
    char line[8192];

    while (fgets(line, sizeof(line), plan)) {
        char *rest = line, *id, *names, *seconds;
        bool ended = true;

        line[strcspn(line, "\n")] = 0;
        id = strsep(&rest, "\t");
        names = strsep(&rest, "\t");
        seconds = strsep(&rest, "\t");
        if (!rest) {
            errno = EINVAL;
            fail("not a line of a plan:", id);
        }
        if (until && uptime_s() > until) {
            fprintf(out, "@late\n");
            save();
            return;
        }
        fprintf(out, "@cell %s\n", id);
        if (!strcmp(names, "dom0")) {
            in_dom0(rest);
        } else {
            ended = in_domains(names, (unsigned int)atoi(seconds), rest);
            done++;
        }
        if (!ended) {
            fprintf(out, "@hung\n");
            save();
            fprintf(stderr, "bench-drive: %s: no answer\n", id);
            exit(HUNG);
        }
        save();
        if (console && now_ns() - said > PROGRESS_NS) {
            said = now_ns();
            report_progress(console, done, of, begin);
        }
    }
    fprintf(out, "@end\n");
    save();
}

int main(int argc, char **argv)
{
    uint64_t until = 0;
    FILE *plan;
    int option;

    while ((option = getopt(argc, argv, "u:")) != -1) {
        if (option != 'u')
            return 2;
        until = strtoull(optarg, NULL, 0);
    }
    argv += optind;
    argc -= optind;
    if (argc < 2) {
        fprintf(stderr, "usage: bench-drive [-u UPTIME] PLAN OUT NAME=DOMID=TTY...\n");
        return 2;
    }
    plan = fopen(argv[0], "r");
    if (!plan)
        fail("cannot open", argv[0]);
    out = fopen(argv[1], "w");
    if (!out)
        fail("cannot open", argv[1]);
    for (int i = 2; i < argc; i++)
        add_target(argv[i]);
    xch = xc_interface_open(NULL, NULL, 0);
    if (!xch)
        fail("cannot reach", "Xen");
    drive(plan, fopen("/dev/console", "w"), until);
    return 0;
}

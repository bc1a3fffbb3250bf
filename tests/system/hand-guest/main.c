// SPDX-License-Identifier: MIT
/*
 * A guest without an operating system that drives its virtio block devices by hand,
 * case by case, as dom0 says over the console (tests/system/hand-guest.sh):
 *
 *   list        all cases, a line each: number|around|expected|expected after|counters|name
 *   backend D   the domain to grant pages to
 *   measure     what tables cost (measure.c)
 *   sleeps      can this Xen suspend a guest?
 *   sleep       until dom0 resumes it
 *   ready N, before N, run N, after N
 *
 * The console's protocol is that of the other guests (testbed/guest/serve).
 */
#include "cases.h"
#include "measure.h"
#include "pages.h"

static const struct case_list *const lists[] = {&ring_cases,   &setup_cases,   &table_cases,
                                                &packed_cases, &feature_cases, &page_cases,
                                                &race_cases};

static const struct hand_case *find(unsigned int n)
{
    for (unsigned int l = 0; l < sizeof(lists) / sizeof(*lists); l++) {
        if (n < lists[l]->nr)
            return &lists[l]->cases[n];
        n -= lists[l]->nr;
    }
    return NULL;
}

static void counter(const char *name, int by)
{
    if (by != ANY)
        print(" %s=%u", name, (unsigned int)by);
}

static int list(void)
{
    static const char *const around[] = {"alone", "held", "shared", "tried", "asleep", "keyed"};

    for (unsigned int n = 0; find(n); n++) {
        const struct hand_case *c = find(n);

        print("%u|%s|%s|%s|", n, around[c->around], c->expect, c->expect_after ?: "");
        counter("failures", c->failures);
        counter("copied", c->copied);
        counter("in_place", c->in_place);
        print("|%s\n", c->name);
    }
    return 0;
}

/* A device that works, with the features of the case. */
static const char *ready(const struct hand_case *c)
{
    uint64_t wanted = c->features | F(SVQ_F_VERSION_1);

    use_device(c->device);
    if ((offered() & wanted) != wanted)
        return "not offered";
    return start(c->features) ? "ready" : "does not work to begin with";
}

/* Where the device process is held, it was made ready before. */
static const char *run(const struct hand_case *c)
{
    if (c->around == ALONE || c->around == SHARED) {
        const char *said = ready(c);

        if (strcmp(said, "ready"))
            return said;
    }
    return c->run();
}

static unsigned int number(const char *s)
{
    unsigned int n = 0;

    while (*s >= '0' && *s <= '9')
        n = n * 10 + (unsigned int)(*s++ - '0');
    return n;
}

static int say(const char *what)
{
    print("%s\n", what);
    return 0;
}

static int command(const char *word, const char *rest)
{
    unsigned int n = number(rest);
    const struct hand_case *c = find(n);

    if (!strcmp(word, "list"))
        return list();
    if (!strcmp(word, "measure")) {
        measure();
        return 0;
    }
    if (!strcmp(word, "sleeps"))
        return say(can_sleep() ? "yes" : "no");
    if (!strcmp(word, "sleep"))
        return say(sleep_well() ? "slept" : "was not suspended");
    if (!strcmp(word, "backend")) {
        backend_domain = n;
        return 0;
    }
    if (!c)
        return say("there is no such case") + 2;
    if (!strcmp(word, "before")) {
        if (c->before)
            c->before();
        print("%u\n", GRANT_REF);
        return 0;
    }
    if (!strcmp(word, "ready"))
        return say(ready(c));
    if (!strcmp(word, "run"))
        return say(run(c));
    if (!strcmp(word, "after") && c->after)
        return say(c->after());
    return say("there is no such command") + 2;
}

void hand_main(void)
{
    char line[128];

    print("guest: by hand\n");
    grant_table_init();
    print("@@READY by hand\n");
    for (;;) {
        char *word = line, *rest;
        unsigned int seq;
        int status;

        read_line(line, sizeof(line));
        seq = number(line);
        while (*word && *word != ' ')
            word++;
        if (!*word)
            continue;
        for (rest = ++word; *rest && *rest != ' '; rest++)
            ;
        if (*rest)
            *rest++ = '\0';
        print("@@BEGIN %u@\n", seq);
        status = command(word, rest);
        print("\n@@DONE %u %u\n", seq, (unsigned int)status);
    }
}

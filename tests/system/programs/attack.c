// SPDX-License-Identifier: MIT
/* Attacks, as lines on the console: attack.h. */
#include "attack.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dom0 answers within a second; it may have a lot to do. */
#define GO_MS 60000

unsigned int attacks_passed, attacks_failed;

static char saw[512];
static int class; /* 0: none */

void attack_class(int number)
{
    class = number;
}

/* As xl has them. */
static const char *const error_name[SVQ_ERR_COUNT] = {
    [SVQ_ERR_NONE] = "none",
    [SVQ_ERR_AVAIL_IDX] = "avail_idx",
    [SVQ_ERR_HEAD] = "head",
    [SVQ_ERR_HEAD_BUSY] = "head_busy",
    [SVQ_ERR_NEXT] = "next",
    [SVQ_ERR_CHAIN_LONG] = "chain_long",
    [SVQ_ERR_CHAIN_BYTES] = "chain_bytes",
    [SVQ_ERR_CHAIN_PAGES] = "chain_pages",
    [SVQ_ERR_ORDER] = "order",
    [SVQ_ERR_INDIRECT] = "indirect",
    [SVQ_ERR_TABLE] = "table",
    [SVQ_ERR_TABLE_LINK] = "table_link",
    [SVQ_ERR_TABLE_PAGE] = "table_page",
    [SVQ_ERR_TABLE_WRITE] = "table_write",
    [SVQ_ERR_CHAIN_PART] = "chain_part",
    [SVQ_ERR_FLAGS] = "flags",
    [SVQ_ERR_LEN] = "len",
    [SVQ_ERR_ADDR] = "addr",
    [SVQ_ERR_OVERCOMMIT] = "overcommit",
    [SVQ_ERR_PAGE] = "page",
    [SVQ_ERR_BOUNCE] = "bounce",
    [SVQ_ERR_RING] = "ring",
    [SVQ_ERR_STATUS] = "status",
    [SVQ_ERR_USED_IDX] = "used_idx",
    [SVQ_ERR_USED_ID] = "used_id",
    [SVQ_ERR_APERTURE] = "aperture",
    [SVQ_ERR_BACKEND_MEM] = "backend_mem",
    [SVQ_ERR_BACKEND_GONE] = "backend_gone",
    [SVQ_ERR_REVOKED] = "revoked",
};

void attack_saw(const char *fmt, ...)
{
    size_t len = strlen(saw);
    va_list ap;

    if (len && len + 3 < sizeof(saw)) {
        strcpy(saw + len, "; ");
        len += 2;
    }
    va_start(ap, fmt);
    vsnprintf(saw + len, sizeof(saw) - len, fmt, ap);
    va_end(ap);
}

/* The console takes commands: any line means that dom0 has looked. */
static void wait_for_dom0(void)
{
    static int tty = -1;
    struct pollfd p;
    char line[128];

    if (!getenv("ATTACK_WAIT"))
        return;
    if (tty < 0)
        tty = open("/dev/tty", O_RDONLY | O_CLOEXEC);
    if (tty < 0)
        err(2, "/dev/tty");
    p = (struct pollfd){.fd = tty, .events = POLLIN};
    if (poll(&p, 1, GO_MS) != 1 || read(tty, line, sizeof(line)) <= 0)
        errx(2, "dom0 does not answer");
}

void attack_watch(const char *part)
{
    printf("\n@@WATCH %s|@@\n", part);
    fflush(stdout);
    wait_for_dom0();
}

void attack_end(const struct attack *a, const char *why)
{
    char line[1024], failures[16] = "*", text[96] = "";
    const char *error = "*";
    int len;

    if (a->failures != ATTACK_ANY)
        snprintf(failures, sizeof(failures), "%d", a->failures);
    if (a->failures && a->error != ATTACK_ANY) {
        error = error_name[a->error];
        snprintf(text, sizeof(text), "%s", svq_error_text((enum svq_error)a->error));
    }
    if (why)
        attacks_failed++;
    else
        attacks_passed++;

    /* In one piece, on a line of its own, whatever else writes to the console. */
    len = snprintf(line, sizeof(line), "\n@@ATTACK %s|%s|%s|%s|%s|%s|%s|%s|%d|@@\n", a->side,
                   a->name, a->expected, saw, why ? why : "", failures, error, text, class);
    fflush(stdout);
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        err(2, "console");
    saw[0] = 0;
    class = 0;
    wait_for_dom0();
}

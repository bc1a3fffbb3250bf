// SPDX-License-Identifier: MIT
#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Counts in the first pass, when to is NULL, and writes in the second. */
struct out {
    char *to;
    size_t len;
};

static void put(struct out *o, char c)
{
    if (o->to) {
        o->to[o->len] = c;
    }
    o->len++;
}

static const char *lookup(const struct process_var *vars, char letter)
{
    for (; vars->letter; vars++) {
        if (vars->letter == letter) {
            return vars->value;
        }
    }
    return NULL;
}

static bool expand(struct out *o, char letter, const struct process_var *vars)
{
    const char *value = lookup(vars, (char)tolower((unsigned char)letter));
    bool doubled = isupper((unsigned char)letter);

    if (letter == '%') {
        put(o, '%');
        return true;
    }
    if (!value) {
        return false;
    }
    for (; *value; value++) {
        if (doubled && *value == ',') {
            put(o, ',');
        }
        put(o, *value);
    }
    return true;
}

/* One pass: the words' bytes, each word with its NUL. The number of words, or -1. */
static int pass(struct out *o, char **argv, const char *template, const struct process_var *vars,
                char error[128])
{
    int words = 0;

    for (const char *p = template; *p;) {
        if (isspace((unsigned char)*p)) {
            p++;
            continue;
        }
        if (argv) {
            argv[words] = o->to + o->len;
        }
        words++;
        for (; *p && !isspace((unsigned char)*p); p++) {
            if (*p != '%') {
                put(o, *p);
            } else if (!expand(o, *++p, vars)) {
                snprintf(error, 128, "%%%c in the device command means nothing", *p ? *p : ' ');
                return -1;
            }
        }
        put(o, '\0');
    }
    if (!words) {
        snprintf(error, 128, "the device command is empty");
        return -1;
    }
    return words;
}

char **process_arguments(const char *template, const struct process_var *vars, char error[128])
{
    struct out o = {0};
    int words = pass(&o, NULL, template, vars, error);
    size_t table;
    char **argv;

    if (words < 0) {
        return NULL;
    }
    table = ((size_t)words + 1) * sizeof(*argv);
    argv = malloc(table + o.len);
    if (!argv) {
        snprintf(error, 128, "no memory");
        return NULL;
    }
    o = (struct out){.to = (char *)argv + table};
    pass(&o, argv, template, vars, error);
    argv[words] = NULL;
    return argv;
}

_Noreturn static void child(char *const argv[], pid_t parent)
{
    sigset_t none;
    int null;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(127);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "virtio-shadowd: error: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

pid_t process_start(char *const argv[])
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        child(argv, parent);
    }
    return pid < 0 ? -errno : pid;
}

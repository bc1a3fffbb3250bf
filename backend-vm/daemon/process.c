// SPDX-License-Identifier: MIT
#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

_Noreturn static void give_up(const char *what)
{
    dprintf(STDERR_FILENO, "virtio-shadowd: error: cannot %s: %s\n", what, strerror(errno));
    _exit(127);
}

/* Capabilities go with the user, if that is not root. */
static void become(uid_t user)
{
    for (int cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++) {
    }
    if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)) {
        give_up("change the user of a device process");
    }
}

/* A kernel before 5.9 does not know close_range(). */
static void close_others(void)
{
    long max = sysconf(_SC_OPEN_MAX);

    if (!close_range(STDERR_FILENO + 1, ~0u, 0)) {
        return;
    }
    for (int fd = STDERR_FILENO + 1; fd < (max < 0 || max > 65536 ? 65536 : (int)max); fd++) {
        close(fd);
    }
}

_Noreturn static void child(char *const argv[], const struct process_setup *setup, pid_t parent)
{
    const struct rlimit no_core = {0, 0};
    sigset_t none;
    int null, status;

    close_others();
    if (setup->user) {
        become(setup->user);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        give_up("keep a device process from getting privileges");
    }
    /* It would hold what guests have written, and be larger than the file system. */
    setrlimit(RLIMIT_CORE, &no_core);
    umask(077);
    /* After the change of users, which forgets it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(127);
    }
    status = setup->check ? setup->check(setup->arg) : 0;
    if (status) {
        _exit(status);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "virtio-shadowd: error: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

pid_t process_start(char *const argv[], const struct process_setup *setup)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        child(argv, setup, parent);
    }
    return pid < 0 ? -errno : pid;
}

/* SPDX-License-Identifier: MIT */
/* Device processes. */
#ifndef VSHD_PROCESS_H
#define VSHD_PROCESS_H

#include <sys/types.h>

/* What a %-sequence in a command template stands for. */
struct process_var {
    char letter;
    const char *value;
};

/*
 * The arguments that a template stands for: words apart by blanks, no quoting,
 * no shell. %x is the value of variable x; %X, in upper case, is the same with
 * every comma doubled, as QEMU's options want it; %% is a percent sign. NULL,
 * with a message in error, if the template is wrong. One free() frees it all.
 */
char **process_arguments(const char *template, const struct process_var *vars, char error[128]);

/* What a process is not told, and a program that was not started cannot say. */
struct process_setup {
    uid_t user; /* and group; 0: those that this process has */
    int (*check)(
        void *arg); /* not NULL: called by it, before the program; not 0: its exit status */
    void *arg;
};

/*
 * Starts it with stdin from /dev/null, without any other descriptor but stdout and
 * stderr, and without a way to more privileges than its user has. It gets SIGTERM
 * when this process ends, whatever the reason. The process id, or -errno.
 */
pid_t process_start(char *const argv[], const struct process_setup *setup);

#endif

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

/*
 * Starts it with stdin from /dev/null. It gets SIGTERM when this process ends,
 * whatever the reason. The process id, or -errno.
 */
pid_t process_start(char *const argv[]);

#endif

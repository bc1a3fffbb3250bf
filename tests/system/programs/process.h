/* SPDX-License-Identifier: MIT */
/* Processes by name. */
#ifndef PROCESS_H
#define PROCESS_H

#include <dirent.h>

/* The next one with this name, of up to 15 characters, in /proc, which is open; 0: no more. */
int process_next(DIR *proc, const char *name);

#endif

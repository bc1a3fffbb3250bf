// SPDX-License-Identifier: MIT
/* Processes by name: process.h. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int process_next(DIR *proc, const char *name)
{
    struct dirent *e;

    while ((e = readdir(proc))) {
        char path[64], comm[32] = "";
        FILE *f;

        if (e->d_name[0] < '0' || e->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%.10s/comm", e->d_name);
        f = fopen(path, "re");
        if (!f)
            continue;
        if (!fgets(comm, sizeof(comm), f))
            comm[0] = 0;
        fclose(f);
        comm[strcspn(comm, "\n")] = 0;
        if (!strcmp(comm, name))
            return atoi(e->d_name);
    }
    return 0;
}

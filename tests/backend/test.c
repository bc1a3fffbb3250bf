// SPDX-License-Identifier: MIT
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}

static char dir[64];
static pid_t owner;

static void remove_dir(void)
{
    char path[400];
    struct dirent *e;
    DIR *d;

    if (getpid() != owner || !(d = opendir(dir))) {
        return;
    }
    while ((e = readdir(d))) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
            unlink(path);
        }
    }
    closedir(d);
    rmdir(dir);
}

const char *scratch_dir(void)
{
    if (!dir[0]) {
        const char *tmp = getenv("TMPDIR");

        snprintf(dir, sizeof(dir), "%.40s/vshd-XXXXXX", tmp ? tmp : "/tmp");
        assert_non_null(mkdtemp(dir));
        owner = getpid();
        atexit(remove_dir);
    }
    return dir;
}

void scratch_path(char *path, size_t size, const char *name)
{
    assert_true((size_t)snprintf(path, size, "%s/%s", scratch_dir(), name) < size);
}

// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static enum log_level threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char text[512];
    va_list ap;

    if (level > threshold) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    /* Part of it may come from another process: keep the log one line per event. */
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ') {
            *p = '?';
        }
    }
    fprintf(stderr, "virtio-shadowd: %s: %s\n", names[level], text);
}

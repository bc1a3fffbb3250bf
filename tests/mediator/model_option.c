/* SPDX-License-Identifier: MIT */
/* What Xen has for parsing its command line. */
#include <stdlib.h>

#include "model.h"

int parse_bool(const char *s, const char *end)
{
    static const struct {
        const char *word;
        int value;
    } words[] = {{"1", 1}, {"on", 1},  {"yes", 1}, {"true", 1},  {"enable", 1},
                 {"0", 0}, {"off", 0}, {"no", 0},  {"false", 0}, {"disable", 0}};
    size_t len = end ? (size_t)(end - s) : strlen(s);
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(words); i++) {
        if (strlen(words[i].word) == len && !strncmp(words[i].word, s, len)) {
            return words[i].value;
        }
    }

    return -1;
}

unsigned long long parse_size_and_unit(const char *s, const char **ps)
{
    static const char units[] = "bkmgt";
    char *end;
    unsigned long long size = strtoull(s, &end, 0);
    const char *unit = *end ? strchr(units, *end | 0x20) : NULL;

    *ps = unit ? end + 1 : end;

    return size << 10 * (unit ? unit - units : 1);
}

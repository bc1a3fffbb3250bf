/* SPDX-License-Identifier: MIT */
/* Stand-in: the tests look at the option's name, and call what parses it. */
#define custom_param(name, parse)                                                                  \
    const char model_option_name[] = name;                                                         \
    int (*const model_option)(const char *) = parse

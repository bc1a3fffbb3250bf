/* SPDX-License-Identifier: MIT */
/* Stand-in: helpers that all of Xen has, and assertions which fail the test. */
#ifndef STAND_IN_XEN_LIB_H
#define STAND_IN_XEN_LIB_H

#include <stdio.h>

#include <xen/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define ROUNDUP(x, a) (((x) + (a)-1) & ~((a)-1))
#define ROUNDDOWN(x, a) ((x) & ~((a)-1))

#define container_of(p, type, member)                                                              \
    ({                                                                                             \
        typeof(((type *)0)->member) *p_ = (p);                                                     \
        (type *)((char *)p_ - offsetof(type, member));                                             \
    })

/* As in Xen, both of the same type. */
#define min(a, b)                                                                                  \
    ({                                                                                             \
        typeof(a) a_ = (a);                                                                        \
        typeof(b) b_ = (b);                                                                        \
        (void)(&a_ == &b_);                                                                        \
        a_ < b_ ? a_ : b_;                                                                         \
    })
#define min_t(type, a, b)                                                                          \
    ({                                                                                             \
        type a_ = (a);                                                                             \
        type b_ = (b);                                                                             \
        a_ < b_ ? a_ : b_;                                                                         \
    })

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        typeof(a) t_ = (a);                                                                        \
        (a) = (b);                                                                                 \
        (b) = t_;                                                                                  \
    } while (0)

#define ACCESS_ONCE(x) (*(volatile typeof(x) *)&(x))
#define cf_check

void model_failed(const char *file, int line, const char *what) __attribute__((noreturn));

#define ASSERT(c) ((c) ? (void)0 : model_failed(__FILE__, __LINE__, "ASSERT(" #c ")"))
#define BUG_ON(c) ((c) ? model_failed(__FILE__, __LINE__, "BUG_ON(" #c ")") : (void)0)
#define ASSERT_UNREACHABLE() model_failed(__FILE__, __LINE__, "ASSERT_UNREACHABLE()")

/* What is up to end, or to the end of s: 1, 0, or -1 for what is neither. */
int parse_bool(const char *s, const char *end);

/* Without a unit, KiB.  *ps is what comes after it. */
unsigned long long parse_size_and_unit(const char *s, const char **ps);

/* Understands %pd, %u, %d and %s. */
#define XENLOG_G_WARNING "<g>"
#define XENLOG_G_DEBUG "<g>"
void printk(const char *fmt, ...);
int printk_ratelimit(void);

#endif

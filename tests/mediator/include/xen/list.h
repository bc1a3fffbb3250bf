/* SPDX-License-Identifier: MIT */
/* Stand-in: doubly linked lists. */
#ifndef STAND_IN_XEN_LIST_H
#define STAND_IN_XEN_LIST_H

#include <xen/lib.h>

struct list_head {
    struct list_head *next, *prev;
};

extern unsigned int model_list_steps; /* entries that were looked at */

static inline void INIT_LIST_HEAD(struct list_head *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
    return l->next == l;
}

static inline void list_add_tail(struct list_head *e, struct list_head *l)
{
    e->prev = l->prev;
    e->next = l;
    l->prev->next = e;
    l->prev = e;
}

static inline void list_del_init(struct list_head *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    INIT_LIST_HEAD(e);
}

static inline void list_move_tail(struct list_head *e, struct list_head *l)
{
    list_del_init(e);
    list_add_tail(e, l);
}

#define list_entry(p, type, member) container_of(p, type, member)

#define list_first_entry_or_null(l, type, member)                                                  \
    (model_list_steps++, list_empty(l) ? NULL : list_entry((l)->next, type, member))

#define list_for_each_entry(e, l, member)                                                          \
    for ((e) = list_entry((l)->next, typeof(*(e)), member); &(e)->member != (l);                   \
         (e) = list_entry((model_list_steps++, (e)->member.next), typeof(*(e)), member))

#endif

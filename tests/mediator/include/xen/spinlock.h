/* SPDX-License-Identifier: MIT */
/* Stand-in: locks that know their place in the order, and are one CPU's. */
#ifndef STAND_IN_XEN_SPINLOCK_H
#define STAND_IN_XEN_SPINLOCK_H

#include <xen/types.h>

typedef struct {
    const char *name;
    unsigned int rank;
    bool held;
} spinlock_t;

/* The expression says which kind of lock it is. */
void model_lock_init(spinlock_t *lock, const char *expression);
#define spin_lock_init(lock) model_lock_init(lock, #lock)

void spin_lock(spinlock_t *lock);
bool spin_trylock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);

#endif

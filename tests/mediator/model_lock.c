/* SPDX-License-Identifier: MIT */
/*
 * Locks.  There is one CPU that takes them, so a lock that is held already is a
 * deadlock.  Where it holds none, others get their chance: model.elsewhere.
 */
#include <vsh.h>

#include "model.h"

static const char *held[16];
static unsigned int ranks[16], nr_held;
static bool is_elsewhere;

static void occasion(void)
{
    struct vcpu *me = current;

    if (!model.elsewhere || is_elsewhere || nr_held) {
        return;
    }

    is_elsewhere = true;
    model.elsewhere(++model.occasions);
    is_elsewhere = false;
    current = me;
}

bool model_locked(void)
{
    return nr_held;
}

void model_lock(const char *name, unsigned int rank)
{
    occasion();

    if (nr_held && ranks[nr_held - 1] >= rank) {
        fail_msg("lock %s (%u) taken with %s (%u) held", name, rank, held[nr_held - 1],
                 ranks[nr_held - 1]);
    }
    assert_true(nr_held < ARRAY_SIZE(held));

    held[nr_held] = name;
    ranks[nr_held++] = rank;
}

void model_unlock(const char *name)
{
    unsigned int i;

    for (i = nr_held; i-- > 0;) {
        if (held[i] != name) {
            continue;
        }
        nr_held--;
        for (; i < nr_held; i++) {
            held[i] = held[i + 1];
            ranks[i] = ranks[i + 1];
        }
        occasion();
        return;
    }

    fail_msg("lock %s dropped, which is not held", name);
}

void model_lock_init(spinlock_t *lock, const char *expression)
{
    static const struct {
        const char *expression, *name;
        unsigned int rank;
    } kinds[] = {
        {"&d->domain_lock", "domain", RANK_DOMAIN},
        {"&s->queue[i].lock", "vsh_queue", RANK_QUEUE},
        {"&vs->lock", "virtio_shadow", RANK_BACKEND},
    };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!strcmp(expression, kinds[i].expression)) {
            *lock = (spinlock_t){.name = kinds[i].name, .rank = kinds[i].rank};
            return;
        }
    }

    fail_msg("%s: where is this lock in the order?  Add it to %s", expression, __FILE__);
}

/* Those of the queues of a device have an order among themselves. */
static unsigned int rank_of(spinlock_t *lock)
{
    const struct vsh_queue *vq = container_of(lock, struct vsh_queue, lock);

    return lock->rank == RANK_QUEUE ? RANK_QUEUE + (unsigned int)(vq - vq->device->queue)
                                    : lock->rank;
}

void spin_lock(spinlock_t *lock)
{
    if (!lock->name) {
        fail_msg("a lock is taken that was not initialised");
    }
    if (lock->held) {
        fail_msg("deadlock: lock %s is held already", lock->name);
    }
    model_lock(lock->name, rank_of(lock));
    lock->held = true;
}

/* Never waits, so it may be taken in any order; another CPU may have it. */
bool spin_trylock(spinlock_t *lock)
{
    assert_non_null(lock->name);
    if (lock->held || model.trylock_fails) {
        return false;
    }
    assert_true(nr_held < ARRAY_SIZE(held));
    held[nr_held] = lock->name;
    ranks[nr_held] =
        nr_held && ranks[nr_held - 1] > rank_of(lock) ? ranks[nr_held - 1] : rank_of(lock);
    nr_held++;
    lock->held = true;

    return true;
}

void spin_unlock(spinlock_t *lock)
{
    assert_true(lock->held);
    lock->held = false;
    model_unlock(lock->name);
}

bool hypercall_preempt_check(void)
{
    if (nr_held) {
        fail_msg("time for others, with lock %s held", held[0]);
    }
    model.preempt_checks++;
    occasion();

    return model.preempt && model.preempt();
}

bool softirq_pending(unsigned int cpu)
{
    (void)cpu;

    return model.softirqs && model.softirqs();
}

void model_locks_start(void)
{
    nr_held = 0;
    is_elsewhere = false;
}

/* SPDX-License-Identifier: MIT */
/* Time and timers.  They expire in a softirq, on a CPU that may be anybody's. */
#include "model.h"

static struct timer *timers;
static s_time_t now;
unsigned int model_cpu;

s_time_t NOW(void)
{
    return now;
}

static struct timer **find(struct timer *timer)
{
    struct timer **link;

    for (link = &timers; *link && *link != timer; link = &(*link)->next)
        continue;
    return link;
}

void init_timer(struct timer *timer, void (*function)(void *data), void *data, unsigned int cpu)
{
    assert_null(*find(timer));
    *timer = (struct timer){.function = function, .data = data, .cpu = cpu, .next = timers};
    timers = timer;
}

void migrate_timer(struct timer *timer, unsigned int new_cpu)
{
    model_lock("timer", RANK_LEAF);
    assert_non_null(*find(timer));
    timer->cpu = new_cpu;
    model_unlock("timer");
}

void set_timer(struct timer *timer, s_time_t expires)
{
    model_lock("timer", RANK_LEAF);
    assert_non_null(*find(timer));
    timer->expires = expires;
    timer->active = true;
    model_unlock("timer");
}

void stop_timer(struct timer *timer)
{
    model_lock("timer", RANK_LEAF);
    assert_non_null(*find(timer));
    timer->active = false;
    model_unlock("timer");
}

void kill_timer(struct timer *timer)
{
    struct timer **link = find(timer);

    /* Twice is fine. */
    assert_true(*link || timer->killed);
    if (*link) {
        *link = timer->next;
    }
    timer->active = false;
    timer->killed = true;
}

static void one_step(void)
{
    now += model.step_takes;
    if (current) {
        current->domain->model->steps++;
    }
}

bool __real_svq_dev_run(struct svq_dev *dev);
bool __wrap_svq_dev_run(struct svq_dev *dev);
enum svq_run __real_svq_queue_run(struct svq_dev *dev, unsigned int q);
enum svq_run __wrap_svq_queue_run(struct svq_dev *dev, unsigned int q);

bool __wrap_svq_dev_run(struct svq_dev *dev)
{
    one_step();
    return __real_svq_dev_run(dev);
}

enum svq_run __wrap_svq_queue_run(struct svq_dev *dev, unsigned int q)
{
    one_step();
    return __real_svq_queue_run(dev, q);
}

void model_time_start(void)
{
    timers = NULL;
    now = 1;
    model_cpu = 0;
}

void model_time_passes(s_time_t ns)
{
    struct vcpu *before = current;
    struct timer *timer;

    now += ns;
    do {
        for (timer = timers; timer && !(timer->active && timer->expires <= now);
             timer = timer->next)
            continue;
        if (timer) {
            timer->active = false;
            /* Whoever runs there has nothing to do with it. */
            current = NULL;
            timer->function(timer->data);
            assert_false(model_locked());
        }
    } while (timer);
    current = before;
}

unsigned int model_timers(void)
{
    const struct timer *timer;
    unsigned int nr = 0;

    for (timer = timers; timer; timer = timer->next)
        nr++;
    return nr;
}

unsigned int model_timers_active(void)
{
    const struct timer *timer;
    unsigned int nr = 0;

    for (timer = timers; timer; timer = timer->next)
        nr += timer->active;
    return nr;
}

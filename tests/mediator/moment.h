/* SPDX-License-Identifier: MIT */
/*
 * One thing happens on this CPU, another at a moment of its own on another CPU: the
 * moments are those when no lock is held, and are counted by the model.  And what
 * happens more often than in one place.
 */
#ifndef MEDIATOR_MOMENT_H
#define MEDIATOR_MOMENT_H

#include "rig.h"

static struct rig world;
static unsigned int at;
static bool happened;
static void (*what)(struct rig *r);

static void elsewhere(unsigned int occasion)
{
    if (occasion == at) {
        happened = true;
        world.cpu = 1;
        what(&world);
        world.cpu = 0;
    }
}

static void kill_frontend(struct rig *r)
{
    if (!r->fe->model->freed) {
        model_kill_wholly(r->fe);
    }
}

static void kill_backend(struct rig *r)
{
    if (!r->be->model->freed) {
        model_kill_wholly(r->be);
    }
}

static void driver_resets(struct rig *r)
{
    if (!r->fe->is_dying) {
        rig_write(r, SVQ_MMIO_STATUS, 0);
    }
}

#endif /* MEDIATOR_MOMENT_H */

/* SPDX-License-Identifier: MIT */
/* What the parts of the environment share with each other. */
#ifndef UNIT_ENV_INTERNAL_H
#define UNIT_ENV_INTERNAL_H

#include "env.h"

/* A broken promise of the core (or a wrong test): fails the test that runs. */
#define ENV_CHECK(cond, ...)                                                                       \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            /* Not in the format: a condition may have a % in it. */                               \
            print_error("broken: %s\n", #cond);                                                    \
            fail_msg(__VA_ARGS__);                                                                 \
        }                                                                                          \
    } while (0)

struct env_frame *env_frame(uint64_t frame);
uint64_t env_frame_of(struct env_page *pg);
uint8_t *env_frame_data(uint64_t frame);
void env_put(uint64_t frame);

/* The place in the aperture for a gfn, NULL outside of the banks. */
struct env_place *env_place(uint64_t gfn, unsigned int *bank, uint64_t *index);
void env_list(struct env_place *place);

/* A table in place can be written by nobody, and nothing else is read-only for the guest. */
void env_check_tables(const char *when);

/* Everything that the backend can reach is covered by a buffer in flight. */
void env_check_visible(const char *when);

/* Is the driver waiting for another backend, with what it has in flight? */
bool env_is_kept(void);

/* What the core has taken from the driver, and left before it was published ... */
void env_note_late(void);
/* ... is on its way to another backend, or about to be taken away. */
bool env_has_late(void);

/* There is nothing in outgoing bounce pages but what was to be read there. */
void env_check_bounce(void);

void env_drop_flights(void);
void env_drop_flights_of(unsigned int queue);
/* Of queues that are not live, and whose pages have been taken away. */
void env_drop_reset_flights(void);
void env_published(unsigned int queue, uint16_t from, uint16_t to);
void env_returned(unsigned int queue, uint16_t from, uint16_t to);

#endif /* UNIT_ENV_INTERNAL_H */

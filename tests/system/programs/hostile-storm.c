// SPDX-License-Identifier: MIT
/*
 * A hostile backend: requests by mailbox, one upon the other, as fast as they are answered. How
 * the guest's other disk, whose backend is not hostile, fares meanwhile is for dom0 to see.
 */
#include <string.h>

#include "hostile.h"

#define STORM_MS 3000u
/* mediator/common/control.c: so many at once, then one each 50 ms; and the time they take. */
#define MOST (16 + STORM_MS / 50 + 10)

#define HELD_BACK "no more than the limit are carried out, the device works afterwards"

static uint64_t sent, failed;

/* The next one: what the device can be asked for as it is, or news of its configuration. */
static int next_request(bool config)
{
    static bool attached;
    static uint8_t flips;
    struct vsh_mailbox m = h_description();

    if (config) {
        m.request = VSH_REQ_CONFIG;
        m.config[8] = flips ^= 1;
        return h_mailbox_request(&m);
    }
    attached = !attached;
    return attached ? h_attach() : h_detach();
}

static void storm(bool config)
{
    uint64_t end = h_milliseconds() + STORM_MS;

    sent = failed = 0;
    /* In pairs: it ends as it began. */
    while (h_milliseconds() < end) {
        for (unsigned int i = 0; i < 2; i++) {
            failed += next_request(config) != 0;
            sent++;
        }
    }
}

static const char *watched_storm(bool config)
{
    attack_class(4);
    attack_watch("quiet");
    h_pause_ms(STORM_MS);
    attack_watch("storm");
    storm(config);
    attack_watch("end");
    attack_saw("%u requests in %u ms, %u of them refused", (unsigned int)sent, STORM_MS,
               (unsigned int)failed);
    return sent > MOST ? "more were carried out than the limit lets through" : NULL;
}

static const char *detach_storm(const struct hostile_attack *a, struct request *r)
{
    const char *why, *then;

    (void)a;
    (void)r;
    if (h_detach() || !h_wait_state(VSH_STATE_IDLE))
        return "the device does not become idle";
    why = watched_storm(false);
    if (!why && failed)
        why = "a good request was refused";
    then = h_attach() ? "a good description is refused" : NULL;
    if (!then && !h_exchange(&(struct peer_order){.kind = PEER_NOTHING}))
        then = "the device does not work afterwards";
    if (!then)
        then = h_seen_untouched();
    return why ? why : then;
}

static const char *config_storm(const struct hostile_attack *a, struct request *r)
{
    const char *why = watched_storm(true), *then;

    (void)a;
    if (!why && failed)
        why = "a good request was refused";
    then = h_finish(r);
    return why ? why : then;
}

static const struct hostile_attack attacks[] = {
    H_FAILING("storm: attaches and detaches as fast as it can", HELD_BACK, 1, SVQ_ERR_BACKEND_GONE,
              H_WAIT(20000), detach_storm, 0),
    H_HARMLESS("storm: changes the configuration as fast as it can", HELD_BACK, H_READS(1),
               config_storm, 0),
};

void hostile_storm(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}

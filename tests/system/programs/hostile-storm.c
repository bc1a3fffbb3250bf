// SPDX-License-Identifier: MIT
/*
 * A hostile backend: requests by mailbox, one upon the other, as fast as they are answered. How
 * the guest's other disk, whose backend is not hostile, fares meanwhile is for dom0 to see.
 */
#include <string.h>

#include "hostile.h"

#define STORM_MS 3000u
/* mediator/common/control.c: so many at once, then one each 50 ms; and the time they take. */
#define REQUESTS 16u
#define MOST (REQUESTS + STORM_MS / 50 + 10)

#define HELD_BACK                                                                                  \
    "no more than the limit are carried out, late but all; the device works afterwards"

static unsigned int sent, early, wrong;

static void attach_or_detach(void)
{
    static bool attached;
    int error;

    attached = !attached;
    error = attached ? h_attach() : h_detach();
    /* The driver may not have reset the device yet. */
    if (attached && error == VSH_ERR_STATE)
        early++;
    else
        wrong += error != 0;
    sent++;
}

static void change_config(void)
{
    static uint8_t flips;
    struct vsh_mailbox m = h_description();

    m.request = VSH_REQ_CONFIG;
    m.config[8] = flips ^= 1;
    wrong += h_mailbox_request(&m) != 0;
    sent++;
}

static const char *storm(void (*request)(void))
{
    uint64_t end;

    sent = early = wrong = 0;
    attack_class(4);
    attack_watch("quiet");
    h_pause_ms(STORM_MS);
    attack_watch("storm");
    end = h_milliseconds() + STORM_MS;
    /* In pairs: it ends as it began. */
    while (h_milliseconds() < end && !wrong) {
        request();
        request();
    }
    attack_watch("end");
    attack_saw("%u requests in %u ms, %u of them before the driver's reset", sent, STORM_MS, early);
    if (wrong)
        return "a good request was refused, or never answered";
    if (sent <= REQUESTS)
        return "it was no storm";
    return sent > MOST ? "more were carried out than the limit lets through" : NULL;
}

static const char *detach_storm(const struct hostile_attack *a, struct request *r)
{
    const char *why, *then;

    (void)a;
    (void)r;
    if (h_detach() || !h_wait_state(VSH_STATE_IDLE))
        return "the device does not become idle";
    why = storm(attach_or_detach);
    if (!h_wait_state(VSH_STATE_IDLE))
        then = "the device does not become idle afterwards";
    else if (h_attach())
        then = "a good description is refused";
    else if (!h_exchange(&(struct peer_order){.kind = PEER_NOTHING}))
        then = "the device does not work afterwards";
    else
        then = h_seen_untouched();
    return why ? why : then;
}

static const char *config_storm(const struct hostile_attack *a, struct request *r)
{
    const char *why = storm(change_config), *then;

    (void)a;
    then = h_finish(r);
    return why ? why : then;
}

static const struct hostile_attack attacks[] = {
    H_FAILING("storm: attaches and detaches as fast as it can", HELD_BACK, ATTACK_ANY,
              SVQ_ERR_BACKEND_GONE, H_WAIT(20000), detach_storm, 0),
    H_HARMLESS("storm: changes the configuration as fast as it can", HELD_BACK, H_READS(1),
               config_storm, 0),
};

void hostile_storm(void)
{
    h_attacks(attacks, H_COUNT(attacks));
}

// SPDX-License-Identifier: MIT
/*
 * Tables in place, in pages that somebody else can get at, before or meanwhile. Each
 * case has a page of its own.
 */
#include "cases.h"
#include "pages.h"

#define ALIGNED __attribute__((aligned(PAGE)))

typedef struct svq_desc table_page[PAGE / 16] ALIGNED;

unsigned int backend_domain;

static table_page written, shut, addressed, taken_back, shared, granted, ballooned, registered;

/* The table is in place as soon as the kick is over. */
static void leave_in_flight(struct svq_desc *t)
{
    point_to(t);
    offer(0);
    kick();
}

static const char *comes_back(void)
{
    const char *said = outcome(avail_idx);

    return strcmp(said, "served") || read_done(0) ? said : "served, with wrong data";
}

/* ---- this vCPU ---- */

static const char *write_in_flight(void)
{
    leave_in_flight(written);
    if (write_u16(&written[1].flags, 0))
        return "written";
    return wait_status(SVQ_STATUS_NEEDS_RESET, 0) ? "aborted, needs reset" : "aborted";
}

static const char *works_again(void)
{
    if (!start(INDIRECT | PAGES))
        return "does not work again";
    return write_u16(&written[1].flags, 0) ? "works again, page is writable"
                                           : "works again, page is not writable";
}

static const char *write_after_return(void)
{
    const char *said;

    leave_in_flight(written);
    said = comes_back();
    return write_u16(&written[1].flags, 0) ? said : "page is not writable";
}

/* The device process, which is stopped, has both requests; it gets to them when they are gone. */
static const char *device_reset_in_flight(void)
{
    leave_in_flight(taken_back);
    read_desc(3, 1);
    offer(3);
    kick();
    wr(SVQ_MMIO_STATUS, 0);
    if (!wait_status(0, 0xff))
        return "not reset";
    return write_u16(&taken_back[1].flags, 0) ? "reset, page is writable"
                                              : "reset, page is not writable";
}

static const char *device_reset_is_over(void)
{
    if (!start(INDIRECT | PAGES))
        return "does not work again";
    for (unsigned int i = 0; i < 2; i++)
        if (buf[i][STATUS_OFF] != 0xff || buf[i][DATA_OFF + 511])
            return "a buffer was written to";
    return "works again";
}

/* ---- Xen, on behalf of the guest ---- */

static const char *other_ways(void)
{
    struct svq_desc was[3];

    leave_in_flight(shut);
    memcpy(was, shut, sizeof(was));
    if (!grant_copy_to(buf[1], shut))
        return "open to grant copies";
    if (!register_vcpu_info(0, shut))
        return "open as vcpu_info";
    if (!event_fifo_at(shut))
        return "open to event channels";
    for (unsigned int i = 0; i < 3; i++)
        if (shut[i].addr != was[i].addr || shut[i].len != was[i].len)
            return "changed";
    return "shut";
}

/* After it is back, all of that is as it ever was. */
static const char *ways_are_open_again(void)
{
    const char *said = comes_back();

    return grant_copy_to(buf[1], shut) ? "still shut to grant copies" : said;
}

static const char *in_vcpu_info(void)
{
    if (register_vcpu_info(0, registered))
        return "cannot register vcpu_info";
    leave_in_flight(registered + 8);
    comes_back();
    leave_in_flight(registered);
    return comes_back();
}

static const char *balloon_in_flight(void)
{
    leave_in_flight(ballooned);
    return balloon_out(ballooned) == 1 ? "given back" : "refused";
}

static const char *leave_addressed(void)
{
    leave_in_flight(addressed);
    return "in flight";
}

/* ---- another domain ---- */

static void grant_shared(void)
{
    grant(GRANT_REF, backend_domain, shared);
}

static const char *with_a_mapping(void)
{
    leave_in_flight(shared);
    return comes_back();
}

static const char *without_a_mapping(void)
{
    if (!grant_end(GRANT_REF))
        return "is still mapped";
    leave_in_flight(shared);
    return comes_back();
}

static void grant_granted(void)
{
    grant(GRANT_REF, backend_domain, granted);
}

static const char *granted_in_flight(void)
{
    leave_in_flight(granted);
    return "in flight";
}

static const char *granted_back(void)
{
    const char *said = comes_back();

    return grant_end(GRANT_REF) ? said : "is mapped";
}

#define HERE INDIRECT | PAGES

static const struct hand_case pages[] = {
    {"table is written to when its request is back", 0, HERE, ALONE, "served", 0, 0, 0, 1, 0,
     write_after_return, 0},
    {"table in flight is written to by its vCPU", 0, HERE, HELD, "aborted, needs reset",
     "works again, page is writable", 1, 0, 1, 0, write_in_flight, works_again},
    {"device is reset with requests in flight", 0, HERE, HELD, "reset, page is writable",
     "works again", 0, 0, 1, 0, device_reset_in_flight, device_reset_is_over},
    {"table in flight is written to by Xen", 0, HERE, HELD, "shut", "served", 0, 0, 1, 0,
     other_ways, ways_are_open_again},
    {"table in flight is written to by guest-physical address", 0, HERE, KEYED, "in flight",
     "served", 0, 0, 1, 0, leave_addressed, comes_back},
    {"table in flight is given back to Xen", 0, HERE, HELD, "given back", "served", 0, 0, 1, 0,
     balloon_in_flight, comes_back},
    {"table in a page that another domain has mapped", 0, HERE, SHARED, "served", "served", 0, 1, 1,
     grant_shared, with_a_mapping, without_a_mapping},
    {"table in flight in a page that is granted is mapped", 0, HERE, TRIED, "in flight", "served",
     0, 0, 1, grant_granted, granted_in_flight, granted_back},
    {"table in a page that is registered as vcpu_info", 0, HERE, ALONE, "served", 0, 0, 2, 0, 0,
     in_vcpu_info, 0},
};

const struct case_list page_cases = LIST(pages);

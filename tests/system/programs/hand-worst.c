// SPDX-License-Identifier: MIT
/*
 * A driver driven by hand: what keeps Xen busy for as long as possible at a time, and what makes it
 * need as many page tables as possible.
 */
#include <string.h>

#include "hand-driver.h"

#define ROUNDS 50u

/* struct virtio_blk_req.type that no device knows: it looks at the header only. */
#define BLK_UNKNOWN 0x77777777u

/*
 * As many pages as a chain may have, in as many buffers as the queue has
 * descriptors, with as much between them as there is room for. The device is to
 * read them, and does not.
 */
static void longest_chain(void)
{
    const unsigned int buffers = QSIZE - 2, pages = (SVQ_CHAIN_PAGES - 2) / buffers;
    const uint64_t apart = (ram_end - ram_start) / buffers & ~(uint64_t)(PAGE - 1);
    struct blk_header h = {.type = BLK_UNKNOWN};

    memcpy(buf + HEADER_OFF, &h, sizeof(h));
    buf[STATUS_OFF] = 0xff;
    set_desc(0, buf_pa + HEADER_OFF, sizeof(h), SVQ_DESC_F_NEXT, 1);
    for (unsigned int i = 0; i < buffers; i++)
        set_desc(1 + i, ram_start + i * apart, pages * PAGE, SVQ_DESC_F_NEXT, 2 + i);
    set_desc(1 + buffers, buf_pa + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
    offer(0);
    kick();
}

/* What a page table of the backend's maps. */
#define BLOCK (2u << 20)

/*
 * A page in each block of RAM, in requests that are too large to be copied: of each the tables of
 * the backend's stage 2 stay.
 */
static const char *all_blocks(void)
{
    const unsigned int buffers = QSIZE - 2, blocks = (unsigned int)((ram_end - ram_start) / BLOCK);
    struct blk_header h = {.type = BLK_UNKNOWN};
    unsigned int block = 0, i;

    attack_class(5);
    while (block < blocks) {
        uint16_t before = used_idx();

        memcpy(buf + HEADER_OFF, &h, sizeof(h));
        buf[STATUS_OFF] = 0xff;
        set_desc(0, buf_pa + HEADER_OFF, sizeof(h), SVQ_DESC_F_NEXT, 1);
        for (i = 0; i < buffers; i++, block++)
            set_desc(1 + i, ram_start + (uint64_t)(block % blocks) * BLOCK, 4 * PAGE,
                     SVQ_DESC_F_NEXT, 2 + i);
        set_desc(1 + buffers, buf_pa + STATUS_OFF, 1, SVQ_DESC_F_WRITE, 0);
        offer(0);
        kick();
        if (!wait_used((uint16_t)(before + 1)))
            return "a request was not served";
    }
    attack_saw("%u blocks", blocks);
    return NULL;
}

static const char *served(void)
{
    unsigned int i;

    for (i = 0; i < ROUNDS; i++) {
        uint16_t before = used_idx();

        longest_chain();
        if (!wait_used((uint16_t)(before + 1)))
            break;
    }
    attack_saw("%u of %u served", i, ROUNDS);
    return i < ROUNDS ? "not all of them were served" : NULL;
}

static const char *reset_under_way(void)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        longest_chain();
        if (!start())
            return "the device does not start again";
    }
    return NULL;
}

static const struct {
    const char *name;
    const char *(*keep_busy)(void);
} worst[] = {
    {"50 chains of as many pages as there may be", served},
    {"50 resets with such a chain under way", reset_under_way},
    {"a page in flight in each block that a page table maps", all_blocks},
};

void attack_worst(void)
{
    for (unsigned int i = 0; i < sizeof(worst) / sizeof(*worst); i++) {
        const struct attack a = {"driver", worst[i].name, "the device works afterwards", 0, 0};
        const char *why;

        if (!start() || !works()) {
            attack_end(&a, "the device does not work to begin with");
            continue;
        }
        why = worst[i].keep_busy();
        attack_end(&a, judge(why ? why : recovers()));
    }
}

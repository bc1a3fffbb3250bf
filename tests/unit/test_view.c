/* SPDX-License-Identifier: MIT */
/* view.h: a reader of the info page believes no count, offset or place that cannot be. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

#include <virtio-shadow/view.h>

#define FRAMES 64u

/* A page of its own, so that whatever is read beyond it is noticed. */
static uint8_t *page;
static unsigned int loads;

static struct vsh_info *head(void)
{
    return (struct vsh_info *)page;
}

static uint32_t load(const uint32_t *word)
{
    loads++;
    assert_true((const uint8_t *)word >= page && (const uint8_t *)word <= page + PAGE - 4);
    return *(const vsh_view_word *)word;
}

static void write_page(uint32_t nr_queues, uint32_t queue_stride, uint32_t nr_banks,
                       uint32_t bank_stride)
{
    uint32_t i;

    free(page);
    page = malloc(PAGE);
    memset(page, 0x5a, PAGE);
    *head() = (struct vsh_info){
        .magic = VSH_MAGIC,
        .version = VSH_ABI_VERSION,
        .seq = 6,
        .nr_frames = FRAMES,
        .window_base = 1ULL << 45,
        .nr_banks = nr_banks,
        .bank_offset = sizeof(struct vsh_info),
        .bank_stride = bank_stride,
        .nr_queues = nr_queues,
        .queue_offset = PAGE - nr_queues * queue_stride,
        .queue_stride = queue_stride,
    };
    for (i = 0; i < nr_banks; i++)
        *(struct vsh_bank *)(page + head()->bank_offset + i * bank_stride) =
            (struct vsh_bank){.base = (i + 1) * 16 * MIB, .size = 4 * MIB};
    for (i = 0; i < nr_queues; i++)
        *(struct vsh_queue_info *)(page + head()->queue_offset + i * queue_stride) =
            (struct vsh_queue_info){.max_size = 16 << i, .table_frame = 5};
}

static void write_usual(void)
{
    write_page(2, sizeof(struct vsh_queue_info), 2, sizeof(struct vsh_bank));
}

static enum vsh_view_result read_page(struct vsh_view *v)
{
    memset(v, 0xcc, sizeof(*v));
    loads = 0;
    return vsh_view_read(v, page, FRAMES, load);
}

static struct vsh_queue_info *queue_at(uint32_t i)
{
    return (struct vsh_queue_info *)(page + head()->queue_offset + i * head()->queue_stride);
}

/* Records can be anywhere in the page, up to its last byte, and longer than they are known to be.
 */
static void records_are_where_the_page_says(void)
{
    const uint32_t queue = sizeof(struct vsh_queue_info), bank = sizeof(struct vsh_bank);
    uint32_t nr, more, i;
    struct vsh_view v;

    for (nr = 0; nr <= VSH_MAX_QUEUES; nr++)
        for (more = 0; more <= 64; more += 8) {
            write_page(nr, queue + more, VSH_MAX_BANKS, bank + more);
            assert_int_equal(read_page(&v), VSH_VIEW_OK);
            for (i = 0; i < nr; i++)
                assert_int_equal(v.queue[i].max_size, 16 << i);
            for (i = 0; i < VSH_MAX_BANKS; i++)
                assert_int_equal(v.bank[i].base, (i + 1) * 16 * MIB);
        }

    /* What a later Xen may have. */
    assert_true(sizeof(struct vsh_info) + 64 * queue + 26 * bank <= PAGE);
    assert_false(sizeof(struct vsh_info) + 64 * queue + 27 * bank <= PAGE);
}

#define BAD(change)                                                                                \
    do {                                                                                           \
        write_usual();                                                                             \
        change;                                                                                    \
        assert_int_equal(read_page(&v), VSH_VIEW_BAD);                                             \
    } while (0)

#define GOOD(change)                                                                               \
    do {                                                                                           \
        write_usual();                                                                             \
        change;                                                                                    \
        assert_int_equal(read_page(&v), VSH_VIEW_OK);                                              \
    } while (0)

static void counts_and_offsets_are_bounded(void)
{
    const uint32_t head_bytes = sizeof(struct vsh_info), queue = sizeof(struct vsh_queue_info),
                   bank = sizeof(struct vsh_bank);
    struct vsh_view v;
    uint32_t bit;

    GOOD((void)0);
    BAD(head()->nr_queues = VSH_MAX_QUEUES + 1);
    BAD(head()->nr_queues = ~0u);
    BAD(head()->nr_queues = 3); /* the last one would end behind the page */
    BAD(head()->nr_banks = VSH_MAX_BANKS + 1);
    BAD(head()->nr_banks = 1u << 28); /* times 16 is 0 */
    GOOD(head()->queue_offset -= 8);
    BAD(head()->queue_offset += 8);
    BAD(head()->queue_offset -= 4);
    BAD(head()->queue_offset = head_bytes - 8);
    BAD(head()->queue_offset = 0);
    BAD(head()->queue_offset = PAGE);
    BAD(head()->queue_offset = PAGE + 8);
    BAD(head()->queue_offset = ~7u);
    BAD(head()->queue_stride = queue - 8);
    BAD(head()->queue_stride = queue + 4);
    BAD(head()->queue_stride = queue + 8);
    BAD(head()->queue_stride = 0);
    BAD(head()->queue_stride = PAGE + 8);
    BAD(head()->queue_stride = 1u << 31); /* times 2 is 0 */
    BAD(head()->queue_stride = ~7u);
    GOOD(head()->bank_offset = PAGE - 2 * bank);
    BAD(head()->bank_offset = PAGE - 2 * bank + 8);
    BAD(head()->bank_stride = bank - 8);
    BAD(head()->bank_stride = 1u << 31);
    for (bit = 12; bit < 32; bit++) {
        BAD(head()->queue_offset += 1u << bit);
        BAD(head()->bank_offset += 1u << bit);
    }
}

static void places_are_in_the_window(void)
{
    struct vsh_view v;

    BAD(head()->nr_frames = FRAMES + 1);
    BAD(head()->nr_frames = VSH_FRAME_FIRST_QUEUE - 1);
    GOOD(head()->nr_frames = FRAMES - 1);
    BAD(head()->window_base += 8);
    BAD(head()->window_base = -(uint64_t)PAGE * FRAMES);
    GOOD(head()->window_base = -(uint64_t)PAGE * (FRAMES + 1));
    GOOD(queue_at(1)->table_frame = FRAMES - 1);
    BAD(queue_at(1)->table_frame = FRAMES);
    BAD(queue_at(1)->table_frame = ~0u);
    GOOD(queue_at(0)->bounce_frames = FRAMES - 8; queue_at(0)->bounce_in_frame = 8);
    BAD(queue_at(0)->bounce_frames = FRAMES - 8; queue_at(0)->bounce_in_frame = 9);
    BAD(queue_at(0)->bounce_frames = FRAMES - 8; queue_at(0)->bounce_out_frame = 9);
    BAD(queue_at(0)->bounce_frames = ~0u; queue_at(0)->bounce_in_frame = 1);
    BAD(queue_at(0)->bounce_out_frame = ~0u);
}

static void other_pages_are_told_apart(void)
{
    struct vsh_view v;

    write_usual();
    head()->seq++;
    assert_int_equal(read_page(&v), VSH_VIEW_BUSY);
    assert_int_equal(loads, 1);

    write_usual();
    head()->version++;
    head()->nr_queues = ~0u; /* means nothing in another version */
    assert_int_equal(read_page(&v), VSH_VIEW_VERSION);
    assert_int_equal(v.info.version, VSH_ABI_VERSION + 1);

    write_usual();
    memset(page, 0, PAGE);
    assert_int_equal(read_page(&v), VSH_VIEW_GONE);
}

static unsigned int change_after;

/* Xen writes to the page while it is read: the offset changes under a seq that is odd in between.
 */
static uint32_t load_meanwhile(const uint32_t *word)
{
    uint32_t val = load(word);

    if (loads == change_after) {
        head()->seq += 2;
        head()->queue_offset = 1u << 20;
        head()->nr_queues = 1u << 20;
    }
    return val;
}

static void changes_meanwhile_are_noticed(void)
{
    unsigned int all;
    struct vsh_view v;

    write_usual();
    assert_int_equal(read_page(&v), VSH_VIEW_OK);
    all = loads;
    for (change_after = 1; change_after < all; change_after++) {
        write_usual();
        loads = 0;
        assert_int_equal(vsh_view_read(&v, page, FRAMES, load_meanwhile), VSH_VIEW_BUSY);
        assert_true(loads <= all);
    }
}

/* load() fails the test if anything is read outside of the page. */
static void nonsense_is_survived(void)
{
    unsigned int i, bad = 0;
    struct vsh_view v;

    srand(1);
    for (i = 0; i < 200000; i++) {
        uint32_t *word;

        write_page((uint32_t)rand() % 4, 56, 2, 16);
        word = (uint32_t *)page + offsetof(struct vsh_info, nr_frames) / 4 +
               (uint32_t)rand() % (sizeof(struct vsh_info) / 4 - 3);
        *word = rand() % 2 ? (uint32_t)rand() * 2 : 1u << rand() % 32;
        if (read_page(&v) == VSH_VIEW_BAD) {
            bad++;
            continue;
        }
        assert_true(v.info.nr_queues <= VSH_MAX_QUEUES && v.info.nr_banks <= VSH_MAX_BANKS);
        assert_true(v.info.nr_frames <= FRAMES);
    }
    assert_in_range(bad, 20000, 180000);
    free(page);
    page = NULL;
}

static const struct CMUnitTest tests[] = {
    TEST(records_are_where_the_page_says), TEST(counts_and_offsets_are_bounded),
    TEST(places_are_in_the_window),        TEST(other_pages_are_told_apart),
    TEST(changes_meanwhile_are_noticed),   TEST(nonsense_is_survived),
};

TEST_MAIN(tests)

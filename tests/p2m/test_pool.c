/* SPDX-License-Identifier: MIT */
/* The pool of page tables: what is set aside of it for a user, and tables that come back. */
#include "rig.h"

#define APERTURE (5UL << 18)
#define RAM (1UL << 18)
#define BLOCK 512UL

static unsigned int pages[1] = {0};
static const bool writable[1] = {true};

static int map(unsigned int user, unsigned int place)
{
    int error;

    rig_map(user, &place, pages, writable, 1, false, &error);
    return error;
}

static unsigned long tables_of(unsigned long first, unsigned long nr)
{
    unsigned long last = first + nr - 1;

    return (last >> 9) - (first >> 9) + 1 + (last >> 18) - (first >> 18) + 1;
}

/* As many as there can be, wherever it begins, and no more. */
static void tables_are_counted(void **state)
{
    static const unsigned long around[] = {1, BLOCK, 2 * BLOCK, 1UL << 18, 3UL << 18, 1UL << 26};
    unsigned int i;
    int off;

    (void)state;
    assert_int_equal(p2m_foreign_tables(0), 0);
    for (i = 0; i < sizeof(around) / sizeof(*around); i++) {
        for (off = -3; off <= 3; off++) {
            unsigned long nr = around[i] + (unsigned long)off, first, most = 0;

            if ((long)nr <= 0)
                continue;
            /* The last pages of a table of either kind are the worst. */
            for (first = (1UL << 18) - 2 * BLOCK; first <= 1UL << 18; first++)
                if (tables_of(first, nr) > most)
                    most = tables_of(first, nr);
            if (p2m_foreign_tables(nr) != most)
                fail_msg("%lu pages: %lu tables instead of %lu", nr, p2m_foreign_tables(nr), most);
        }
    }
}

/* Whatever others need, it is there; and it is there for nobody else. */
static void set_aside(void **state)
{
    struct p2m_foreign_reserve r = {0}, other = {0};
    unsigned int i, place[4];

    (void)state;
    rig_start(12, false);
    for (i = 0; i < 4; i++)
        place[i] = rig_place(APERTURE + i * BLOCK);
    rig.user[0].reserve = &r;

    assert_int_equal(p2m_foreign_lacks(&rig.be, 12), 0);
    assert_int_equal(p2m_foreign_lacks(&rig.be, 13), 1);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 13), -ENOSPC);
    assert_int_equal(r.left, 0);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 4), 0);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &other, 9), -ENOSPC);
    assert_int_equal(p2m_foreign_lacks(&rig.be, 9), 1);

    /* The backend's own: 7 blocks in one table of a higher level. */
    for (i = 0; i < 7; i++)
        assert_int_equal(rig_set(&rig.be, RAM + i * BLOCK, 1, 100, p2m_ram_rw), 0);
    assert_int_equal(rig_set(&rig.be, RAM + i * BLOCK, 1, 100, p2m_ram_rw), -ENOENT);
    /* A user that has nothing set aside. */
    assert_int_equal(map(1, place[0]), -ENOMEM);
    assert_int_equal(rig.be.arch.paging.p2m_free_pages, 4);

    /* One of a higher level, and three. */
    for (i = 0; i < 3; i++)
        assert_int_equal(map(0, place[i]), 0);
    assert_int_equal(r.left, 0);
    assert_int_equal(rig.be.arch.paging.p2m_reserved_pages, 0);
    assert_int_equal(map(0, place[3]), -ENOMEM);
    /* Others make use of what is there. */
    rig_unmap(0, place, 1);
    assert_int_equal(map(1, place[0]), 0);

    rig_unmap(1, place, 1);
    rig_unmap(0, place + 1, 2);
    p2m_foreign_unreserve(&rig.be, &r);
    rig_end();
}

/* More of it, less of it, and none. */
static void set_aside_anew(void **state)
{
    struct p2m_foreign_reserve r = {0};
    unsigned int place;

    (void)state;
    rig_start(8, false);
    place = rig_place(APERTURE);
    rig.user[0].reserve = &r;
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 8), 0);
    assert_int_equal(map(0, place), 0);
    assert_int_equal(r.left, 6);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 7), -ENOSPC);
    assert_int_equal(r.left, 6);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 2), 0);
    assert_int_equal(rig.be.arch.paging.p2m_reserved_pages, 2);
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 6), 0);
    p2m_foreign_unreserve(&rig.be, &r);
    p2m_foreign_unreserve(&rig.be, &r);
    assert_int_equal(rig.be.arch.paging.p2m_reserved_pages, 0);
    rig_unmap(0, &place, 1);
    rig_end();
}

static int resize(unsigned long pages_of_pool)
{
    bool preempted = false;
    int rc;

    spin_lock(&rig.be.arch.paging.lock);
    rc = p2m_set_allocation(&rig.be, pages_of_pool, &preempted);
    spin_unlock(&rig.be.arch.paging.lock);

    return rc;
}

/* The toolstack makes the pool no smaller than what is set aside. */
static void pool_is_not_taken_away(void **state)
{
    struct p2m_foreign_reserve r = {0};
    unsigned int place;

    (void)state;
    rig_start(16, false);
    place = rig_place(APERTURE);
    rig.user[0].reserve = &r;
    assert_int_equal(p2m_foreign_reserve(&rig.be, &r, 5), 0);
    assert_int_equal(resize(4), -ENOMEM);
    assert_int_equal(rig.be.arch.paging.p2m_total_pages, 5);
    assert_int_equal(rig.be.arch.paging.p2m_free_pages, 5);
    assert_int_equal(rig.to_heap, 11);
    assert_int_equal(map(0, place), 0);
    assert_int_equal(r.left, 3);
    p2m_foreign_unreserve(&rig.be, &r);
    assert_int_equal(resize(1), -ENOMEM);
    assert_int_equal(rig.be.arch.paging.p2m_total_pages, 2);
    rig_unmap(0, &place, 1);
    rig_end();
    assert_int_equal(rig.be.arch.paging.p2m_free_pages, 2);
}

static unsigned int trim(unsigned long first, unsigned long nr)
{
    gfn_t gfn = _gfn(first), end = _gfn(first + nr);
    unsigned long before = rig.be.arch.paging.p2m_free_pages;
    unsigned int calls = 0;

    while (gfn_x(gfn) < gfn_x(end)) {
        gfn_t was = gfn;

        hw.tlb_flushes = 0;
        p2m_foreign_trim(&rig.be, &gfn, end);
        assert_true(gfn_x(gfn) > gfn_x(was) && gfn_x(gfn) <= gfn_x(end));
        assert_true(hw.tlb_flushes <= 1);
        rig_check();
        assert_true(++calls < 10000);
    }

    return (unsigned int)(rig.be.arch.paging.p2m_free_pages - before);
}

/* Empty tables go, what TLBs know of them with them, and users find those that are made anew. */
static void empty_tables_come_back(void **state)
{
    unsigned int iommu, i, place[40];

    (void)state;
    for (iommu = 0; iommu < 2; iommu++) {
        rig_start(48, iommu);
        /* Where nothing is, what CPUs and IOMMU know of tables shows when they are gone. */
        for (i = 0; i < 8; i++)
            hw_watch(APERTURE + i * BLOCK + 100);
        for (i = 0; i < 40; i++) {
            place[i] = rig_place(APERTURE + i * BLOCK + i);
            assert_int_equal(map(i % 2, place[i]), 0);
        }
        /* A superpage, and nothing, behind it. */
        assert_int_equal(rig_set(&rig.be, APERTURE + 64 * BLOCK, BLOCK, BLOCK, p2m_ram_rw), 0);
        assert_int_equal(trim(APERTURE, 1UL << 18), 0);

        /* Not flushed yet, one that shows something, and one that does not end there. */
        for (i = 0; i < 40; i++)
            if (i != 7)
                rig_unmap(i % 2, &place[i], 1);
        assert_int_equal(trim(APERTURE + BLOCK, 38 * BLOCK), 37);
        assert_int_equal(trim(APERTURE, 3UL << 18), 2);
        assert_int_equal(trim(APERTURE, 1UL << 26), 0);

        for (i = 40; i--;)
            if (i != 7)
                assert_int_equal(map(i % 3, place[i]), 0);
        for (i = 0; i < 40; i++)
            rig_unmap(i % 3, &place[i], 1);
        assert_int_equal(rig_set(&rig.be, APERTURE + 64 * BLOCK, BLOCK, ~0UL, p2m_invalid), 0);
        rig_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_counted),     cmocka_unit_test(set_aside),
        cmocka_unit_test(set_aside_anew),         cmocka_unit_test(pool_is_not_taken_away),
        cmocka_unit_test(empty_tables_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

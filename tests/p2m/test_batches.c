/* SPDX-License-Identifier: MIT */
/* What batches of foreign pages cost, and what they must not leave behind. */
#include "rig.h"

#define APERTURE (5UL << 18)

static unsigned int places[RIG_PLACES], pages[RIG_PAGES];
static bool writable[RIG_PAGES];

/* A batch at neighbouring places, of as many pages. */
static void start(unsigned int pool, bool iommu, unsigned int nr)
{
    unsigned int i;

    rig_start(pool, iommu);
    for (i = 0; i < nr; i++) {
        places[i] = rig_place(APERTURE + i);
        pages[i] = i;
        writable[i] = true;
    }
}

static void map(unsigned int user, unsigned int from, unsigned int nr, bool dummy)
{
    int error;

    assert_int_equal(rig_map(user, places + from, pages + from, writable + from, nr, dummy, &error),
                     nr);
}

static void there_and_back(void **state)
{
    (void)state;
    start(8, false, 16);
    map(0, 0, 16, false);
    assert_int_equal(hw.tlb_flushes, 0);
    assert_int_equal(rig_unmap(0, places, 16), 16);
    rig_flush(0);
    assert_int_equal(hw.tlb_flushes, 1);
    /* It is done already. */
    rig_flush(0);
    assert_int_equal(hw.tlb_flushes, 0);
    rig_end();
}

/* A reset leaves dummies everywhere: what comes in their place takes one flush. */
static void one_flush_for_a_batch_after_a_reset(void **state)
{
    unsigned int iommu, acknowledged;

    (void)state;
    for (iommu = 0; iommu < 2; iommu++) {
        for (acknowledged = 0; acknowledged < 2; acknowledged++) {
            start(8, iommu, 64);
            map(0, 0, 64, false);
            rig_replace(places, 64);
            if (acknowledged) {
                assert_int_equal(rig_unmap(0, places, 64), 64);
                rig_flush(0);
            }
            /* rig_map() asks for one of each at most. */
            map(0, 0, 64, true);
            assert_int_equal(hw.tlb_flushes, !acknowledged);
            assert_int_equal(hw.iommu_flushes, iommu && !acknowledged);
            rig_unmap(0, places, 64);
            rig_end();
        }
    }
}

/* What others have cleared and not flushed, between dummies: still one. */
static void one_flush_whatever_is_in_the_way(void **state)
{
    unsigned int iommu, i;

    (void)state;
    for (iommu = 0; iommu < 2; iommu++) {
        start(8, iommu, 64);
        map(0, 0, 64, false);
        rig_replace(places, 40);
        rig_unmap(1, places + 40, 24);
        for (i = 0; i < 64; i++)
            pages[i] = (i + 7) % 64;
        /* Those first, then the dummies. */
        for (i = 0; i < 32; i++) {
            unsigned int p = places[i];

            places[i] = places[63 - i];
            places[63 - i] = p;
        }
        map(0, 0, 64, true);
        assert_int_equal(hw.tlb_flushes, 1);
        assert_int_equal(hw.iommu_flushes, iommu);
        rig_unmap(0, places, 64);
        rig_end();
    }
}

/* With an IOMMU, a flush that left it out is none, and one that did not is enough. */
static void flushes_of_others(void **state)
{
    (void)state;
    start(8, true, 3);
    map(0, 0, 3, false);
    rig_unmap(0, places, 1);
    rig_unmap(1, places + 1, 1);
    /* The backend exchanges pages of its own: the TLBs are flushed, the IOMMU's in part. */
    assert_int_equal(rig_set(&rig.be, 0x1000, 1, 100, p2m_ram_rw), 0);
    assert_int_equal(rig_set(&rig.be, 0x1000, 1, 101, p2m_ram_rw), 0);
    rig_flush(0);
    assert_int_equal(hw.iommu_flushes, 1);
    rig_flush(1);
    assert_int_equal(hw.tlb_flushes + hw.iommu_flushes, 0);
    rig_unmap(0, places, 3);
    rig_end();
}

/* Another queue grants to be read what one took back, that could be written to. */
static void read_only_where_it_was_writable(void **state)
{
    unsigned int iommu;

    (void)state;
    for (iommu = 0; iommu < 2; iommu++) {
        start(8, iommu, 1);
        map(0, 0, 1, false);
        rig_unmap(0, places, 1);
        writable[0] = false;
        map(1, 0, 1, false);
        rig_unmap(1, places, 1);
        rig_end();
    }
}

/* The table that a user knows is freed, and its frame is another table's. */
static void known_table_becomes_another(void **state)
{
    uint64_t freed, mfn;
    bool write;

    (void)state;
    start(3, false, 1);
    map(0, 0, 1, false);
    rig_unmap(0, places, 1);
    rig_flush(0);
    assert_int_equal(rig.be.arch.paging.p2m_freelist.nr, 1);

    freed = rig.be.arch.p2m.tables_freed;
    rig_set(&rig.be, APERTURE, 512, 512, p2m_ram_rw);
    assert_true(rig.be.arch.p2m.tables_freed > freed);
    rig_set(&rig.be, APERTURE, 512, ~0UL, p2m_invalid);
    /* A day or two of that. */
    rig.be.arch.p2m.tables_freed = freed + (1ULL << 32);

    /* Both that are free become tables of another GiB. */
    assert_int_equal(rig_set(&rig.be, 9UL << 18, 1, 100, p2m_ram_rw), 0);
    assert_int_equal(rig.be.arch.paging.p2m_freelist.nr, 0);

    {
        int error;

        /* There is none left for it, and it does not use the one that it knew. */
        assert_int_equal(rig_map(0, places, pages, writable, 1, false, &error), 0);
        assert_int_equal(error, -ENOMEM);
    }
    assert_false(hw_walk(rig.be.arch.p2m.vttbr, (9UL << 18) + 1, &mfn, &write));
    rig_set(&rig.be, 9UL << 18, 1, ~0UL, p2m_invalid);
    rig_end();
}

/* What a superpage that cannot be broken up frees was never in use: nothing to look up again. */
static void superpage_that_cannot_be_broken_up_counts_nothing(void **state)
{
    uint64_t freed;
    unsigned int i;

    (void)state;
    start(3, false, 1);
    rig_set(&rig.be, 1UL << 18, 1UL << 18, 1UL << 18, p2m_ram_rw);
    map(0, 0, 1, false);
    freed = rig.be.arch.p2m.tables_freed;
    for (i = 0; i < 10; i++)
        assert_int_equal(rig_set(&rig.be, (1UL << 18) + 5, 1, ~0UL, p2m_invalid), -ENOMEM);
    assert_int_equal(rig.be.arch.p2m.tables_freed, freed);
    assert_int_equal(rig.be.arch.paging.p2m_freelist.nr, 1);
    rig_unmap(0, places, 1);
    rig_end();
}

/* Tables of a request in as many superpages: one is broken up, which takes a flush. */
static void one_superpage_for_a_batch(void **state)
{
    struct p2m_foreign f[4];
    unsigned int i, round, done = 0;

    (void)state;
    rig_start(8, false);
    for (i = 0; i < 4; i++) {
        assert_int_equal(rig_set(&rig.fe, i * 512UL, 512, 1024, p2m_ram_rw), 0);
        frame_table[1024 + i].owner = &rig.fe;
        frame_table[1024 + i].count_info = PGC_allocated | 1;
        rig.refs[1024 + i] = 1;
    }

    for (round = 1; round <= 4; round++) {
        for (i = 0; i < 4; i++)
            f[i] = (struct p2m_foreign){.gfn = _gfn(i * 512UL + i)};
        hw.tlb_flushes = 0;
        p2m_ram_protect(&rig.fe, f, 4);
        assert_in_range(hw.tlb_flushes, 1, 2);
        for (i = 0, done = 0; i < 4; i++) {
            done += f[i].done;
            if (f[i].done)
                assert_int_equal(mfn_x(f[i].mfn), 1024 + i);
        }
        assert_int_equal(done, round);
        for (i = 0; i < 4; i++) {
            if (!f[i].done)
                continue;
            p2m_ram_unprotect(&rig.fe, &f[i], 1);
            put_page(&frame_table[1024 + i]);
        }
        rig_check();
    }
}

/* A page that is read-only for a time is so for every CPU, and for who looks it up. */
static void ram_is_read_only_for_a_time(void **state)
{
    struct p2m_foreign f = {.gfn = _gfn(0x40)};
    struct page_info *pg, *got;
    gfn_t gfn = f.gfn;

    (void)state;
    rig_start(8, false);
    pg = rig_frame(&rig.fe);
    hw_watch(0x40);
    rig_set(&rig.fe, 0x40, 1, mfn_x(page_to_mfn(pg)), p2m_ram_rw);
    hw_step();
    assert_int_equal(p2m_get_ram_pages(&rig.fe, &gfn, &got, 1), 1);

    /* Somebody refers to it. */
    p2m_ram_protect(&rig.fe, &f, 1);
    assert_false(f.done);
    put_page(got);
    rig_check();

    p2m_ram_protect(&rig.fe, &f, 1);
    assert_true(f.done);
    rig.refs[pg - frame_table]++;
    rig_check();
    assert_int_equal(p2m_get_ram_pages(&rig.fe, &gfn, &got, 1), 0);

    p2m_ram_unprotect(&rig.fe, &f, 1);
    put_page(pg);
    rig.refs[pg - frame_table]--;
    rig_check();
    assert_int_equal(p2m_get_ram_pages(&rig.fe, &gfn, &got, 1), 1);
    put_page(got);
}

/* Whoever has looked pages up hears of it when one is not there any more. */
static void changes_of_ram_are_counted(void **state)
{
    struct page_info *pg;
    uint64_t generation;

    (void)state;
    rig_start(8, false);
    pg = rig_frame(&rig.fe);
    generation = p2m_ram_generation(&rig.fe);
    rig_set(&rig.fe, 0x40, 1, mfn_x(page_to_mfn(pg)), p2m_ram_rw);
    assert_int_equal(p2m_ram_generation(&rig.fe), generation);
    rig_set(&rig.fe, 0x40, 1, ~0UL, p2m_invalid);
    assert_int_equal(p2m_ram_generation(&rig.fe), generation + 1);
    assert_int_equal(rig.fe.ram_changed, 1);
    /* In 2^32 changes the number does not come again. */
    rig.fe.arch.p2m.ram_changes += (1ULL << 32) - 1;
    assert_int_not_equal(p2m_ram_generation(&rig.fe), generation);
    /* A block with a table goes, and what comes in its place is told as well. */
    rig_set(&rig.fe, 0x40, 1, mfn_x(page_to_mfn(pg)), p2m_ram_rw);
    generation = p2m_ram_generation(&rig.fe);
    rig_set(&rig.fe, 0, 512, 1024, p2m_ram_rw);
    assert_true(p2m_ram_generation(&rig.fe) > generation);
}

/* Flushes of one CPU are enough only while no other can know the domain. */
static void flush_of_one_cpu(void **state)
{
    (void)state;
    start(8, false, 1);
    rig_run(2, &rig.fe_vcpu[1]);
    hw.cpu = 1;
    map(0, 0, 1, false);
    rig_unmap(0, places, 1);
    /* The first goes to all, the one after that to this CPU. */
    rig_flush(0);
    map(0, 0, 1, false);
    rig_unmap(0, places, 1);
    rig_flush(0);
    assert_int_equal(rig.be.arch.p2m.tlb_cpus.bits, 1U << 1);
    /* Another one joins. */
    map(0, 0, 1, false);
    rig_run(0, &rig.be_vcpu[1]);
    rig_unmap(0, places, 1);
    rig_flush(0);
    assert_int_equal(rig.be.arch.p2m.tlb_cpus.bits, 1U << 1 | 1U << 0);
    rig_end();
}

/* The p2m is not to be changed any more when its domain is dying, but entries can go. */
static void dying(void **state)
{
    int error;

    (void)state;
    start(8, false, 4);
    map(0, 0, 3, false);
    rig.be.is_dying = true;
    assert_int_equal(rig_map(0, places + 3, pages + 3, writable, 1, false, &error), 0);
    assert_int_equal(error, -ESRCH);
    assert_int_equal(rig_unmap(0, places, 3), 3);
    rig.be.is_dying = false;
    rig_end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(one_flush_for_a_batch_after_a_reset),
        cmocka_unit_test(one_flush_whatever_is_in_the_way),
        cmocka_unit_test(flushes_of_others),
        cmocka_unit_test(read_only_where_it_was_writable),
        cmocka_unit_test(known_table_becomes_another),
        cmocka_unit_test(superpage_that_cannot_be_broken_up_counts_nothing),
        cmocka_unit_test(one_superpage_for_a_batch),
        cmocka_unit_test(ram_is_read_only_for_a_time),
        cmocka_unit_test(changes_of_ram_are_counted),
        cmocka_unit_test(flush_of_one_cpu),
        cmocka_unit_test(dying),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

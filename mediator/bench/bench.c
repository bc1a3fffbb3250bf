/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the hot path costs: Xen's debug key 'B' measures its parts on a device
 * that is at rest, and prints one line of key=value, times in ns.
 *
 * The pages are the frontend's own, and come to the backend in the way of those
 * of a request, one after the other.  For benchmarks alone: the backend sees
 * them although no request is in flight.
 */
#include <xen/domain_page.h>
#include <xen/init.h>
#include <xen/keyhandler.h>
#include <xen/time.h>

#include <asm/flushtlb.h>
#include <asm/p2m.h>

#include <vsh.h>

#define PAGES   256U    /* in a big batch */
#define ROUNDS  21U     /* the fastest one counts: others were disturbed */
#define REPEAT  8U

/* The last page is another for each round of a frontend with little memory. */
struct bench {
    struct vsh_device *s;
    struct svq_page_op op[PAGES];
    uint8_t from[PAGE_SIZE], to[PAGE_SIZE];
    struct page_info *pg;       /* one of the frontend's */
    bool failed;
};

static struct bench bench;

static void prepare(struct bench *b)
{
    const struct svq_dev *dev = &b->s->dev;
    unsigned int i;

    for ( i = 0; i < PAGES; i++ )
        b->op[i] = (struct svq_page_op){
            .gfn = (dev->bank[0].base >> PAGE_SHIFT) + i,
            .frame = SVQ_NO_FRAME,
            .backend_gfn = dev->aperture_gfn[0] + i,
        };
}

static void grant(struct bench *b, unsigned int first, unsigned int nr)
{
    enum svq_error err;
    unsigned int i;

    /* The page is known from before, as one that is in regular use. */
    for ( i = first; i < first + nr; i++ )
    {
        b->op[i].from = SVQ_NONE;
        b->op[i].to = SVQ_RO;
        b->op[i].held = b->op[i].frame != SVQ_NO_FRAME;
    }

    if ( svq_env_grant(&b->s->dev, 0, &b->op[first], nr, &err) != nr )
        b->failed = true;
}

static void revoke(struct bench *b, unsigned int first, unsigned int nr)
{
    unsigned int i;

    for ( i = first; i < first + nr; i++ )
    {
        b->op[i].from = SVQ_RO;
        b->op[i].to = SVQ_NONE;
    }

    svq_env_revoke(&b->s->dev, 0, &b->op[first], nr);
}

static void flush(struct bench *b)
{
    svq_env_flush(&b->s->dev, 0);
}

static void forget(struct bench *b, unsigned int first, unsigned int nr)
{
    unsigned int i;

    for ( i = first; i < first + nr; i++ )
    {
        if ( b->op[i].frame != SVQ_NO_FRAME )
            svq_env_forget(&b->s->dev, b->op[i].frame);
        b->op[i].frame = SVQ_NO_FRAME;
    }
}

/* The parts, each for a number of pages that its caller knows. */
static void copy_4096(struct bench *b) { memcpy(b->to, b->from, 4096); }
static void copy_512(struct bench *b)  { memcpy(b->to, b->from, 512); }
static void copy_16(struct bench *b)   { memcpy(b->to, b->from, 16); }

static void get_put(struct bench *b)
{
    if ( get_page(b->pg, b->s->frontend) )
        put_page(b->pg);
}

static void lookup_put(struct bench *b)
{
    const gfn_t gfn = _gfn(b->op[0].gfn);
    struct page_info *pg;

    if ( p2m_get_ram_pages(b->s->frontend, &gfn, &pg, 1) == 1 )
        put_page(pg);
}

/*
 * As Xen maps a foreign page otherwise, with a reference of its own; unlocking
 * flushes after removal.
 */
static void stock_map(struct bench *b)
{
    if ( set_foreign_p2m_entry(b->s->backend, b->s->frontend,
                               b->op[0].backend_gfn, page_to_mfn(b->pg)) )
        b->failed = true;
}

static void stock_unmap(struct bench *b)
{
    if ( guest_physmap_remove_page(b->s->backend, _gfn(b->op[0].backend_gfn),
                                   page_to_mfn(b->pg), 0) )
        b->failed = true;
}

static void grant_1(struct bench *b)    { grant(b, 0, 1); }
static void revoke_1(struct bench *b)   { revoke(b, 0, 1); }
static void forget_1(struct bench *b)   { forget(b, 0, 1); }

static void all(struct bench *b, void (*what)(struct bench *b,
                                              unsigned int first,
                                              unsigned int nr))
{
    unsigned int i;

    for ( i = 0; i < PAGES; i += SVQ_PAGE_BATCH )
        what(b, i, SVQ_PAGE_BATCH);
}

static void grant_256(struct bench *b)   { all(b, grant); }
static void revoke_256(struct bench *b)  { all(b, revoke); }
static void forget_256(struct bench *b)  { all(b, forget); }

static void flush_all_cpus(struct bench *b)  { flush_guest_tlb(); }
static void flush_this_cpu(struct bench *b)  { flush_guest_tlb_local(); }

/* The time of one call, in ns; of n calls in a row, the average. */
static s_time_t once(struct bench *b, void (*what)(struct bench *b),
                     unsigned int n)
{
    s_time_t begin = NOW();
    unsigned int i;

    for ( i = 0; i < n; i++ )
        what(b);

    return (NOW() - begin) / n;
}

static s_time_t fastest(struct bench *b, void (*what)(struct bench *b),
                        unsigned int n)
{
    s_time_t best = once(b, what, n);
    unsigned int i;

    for ( i = 1; i < ROUNDS; i++ )
        best = min(best, once(b, what, n));

    return best;
}

/* Grant, revoke, flush: each at its fastest; and letting go of pages. */
struct cycle {
    s_time_t cold, grant, revoke, flush, forget;
};

/* Returns the fastest round of the first three. */
static s_time_t cycle(struct bench *b, struct cycle *c,
                      void (*g)(struct bench *b), void (*r)(struct bench *b),
                      void (*l)(struct bench *b))
{
    s_time_t whole = STIME_MAX;
    unsigned int i;

    *c = (struct cycle){ STIME_MAX, STIME_MAX, STIME_MAX, STIME_MAX,
                         STIME_MAX };

    for ( i = 0; i < ROUNDS && !b->failed; i++ )
    {
        struct cycle now;

        /* For the first time, and again. */
        now.cold = once(b, g, 1);
        r(b);
        flush(b);

        now.grant = once(b, g, 1);
        now.revoke = once(b, r, 1);
        now.flush = once(b, flush, 1);
        now.forget = once(b, l, 1);

        c->cold = min(c->cold, now.cold);
        c->grant = min(c->grant, now.grant);
        c->revoke = min(c->revoke, now.revoke);
        c->flush = min(c->flush, now.flush);
        c->forget = min(c->forget, now.forget);
        whole = min(whole, now.grant + now.revoke + now.flush);
    }

    return whole;
}

/*
 * From how many KiB on a request costs less granted than copied, by these
 * parts, if its flush is for sharing requests.  What the core does for each
 * page is not in it.  Copying a page costs more than its entries.
 */
static s_time_t crossover(const struct cycle *many, s_time_t copied,
                          unsigned int sharing)
{
    s_time_t gained = copied * PAGES - many->grant - many->revoke;

    return many->flush * PAGES * (PAGE_SIZE >> 10) / (gained * sharing) + 1;
}

#define DECIMALS(part, whole)                                           \
    (unsigned long)((part) / (whole)),                                  \
    (unsigned long)((part) * 1000 / (whole) % 1000)

static void measure(struct bench *b)
{
    s_time_t c4096 = fastest(b, copy_4096, REPEAT * 4);
    s_time_t c512 = fastest(b, copy_512, REPEAT * 16);
    s_time_t c16 = fastest(b, copy_16, REPEAT * 64);
    s_time_t ref = fastest(b, get_put, REPEAT * 16);
    s_time_t lookup = fastest(b, lookup_put, REPEAT * 4);
    s_time_t everywhere = fastest(b, flush_all_cpus, REPEAT);
    s_time_t here = fastest(b, flush_this_cpu, REPEAT);
    s_time_t map = STIME_MAX, unmap = STIME_MAX, with_flush, without;
    struct cycle one, many;
    unsigned int i;

    for ( i = 0; i < ROUNDS && !b->failed; i++ )
    {
        map = min(map, once(b, stock_map, 1));
        unmap = min(unmap, once(b, stock_unmap, 1));
    }

    cycle(b, &one, grant_1, revoke_1, forget_1);
    with_flush = cycle(b, &many, grant_256, revoke_256, forget_256);
    without = many.grant + many.revoke;

    if ( b->failed )
    {
        printk("virtio-shadow-bench: error=aperture-in-use\n");
        return;
    }

    printk("virtio-shadow-bench: memcpy_4096=%ld memcpy_512=%ld memcpy_16=%ld "
           "get_put_page=%ld lookup_put_page=%ld stock_map=%ld "
           "stock_unmap_flush=%ld cold_grant_1=%ld grant_1=%ld revoke_1=%ld "
           "flush_1=%ld forget_1=%ld cold_grant_256=%ld grant_256=%ld "
           "revoke_256=%ld flush_256=%ld forget_256=%ld flush_all_cpus=%ld "
           "flush_this_cpu=%ld grant_revoke_over_memcpy4k=%lu.%03lu "
           "grant_revoke_flush256_over_memcpy4k=%lu.%03lu\n",
           c4096, c512, c16, ref, lookup, map, unmap, one.cold, one.grant,
           one.revoke, one.flush, one.forget, many.cold, many.grant,
           many.revoke, many.flush, many.forget, everywhere, here,
           DECIMALS(without, PAGES * c4096),
           DECIMALS(with_flush, PAGES * c4096));

    /* No threshold makes up for copies that cost less than entries. */
    if ( c4096 * PAGES <= without )
        printk("virtio-shadow-bench: copying costs less at any size\n");
    else
        printk("virtio-shadow-bench: granting pays from %ld KiB on, a flush "
               "for each request; from %ld KiB on, one for 8; set "
               "virtio-shadow=on,threshold=<size> on Xen's command line\n",
               crossover(&many, c4096, 1), crossover(&many, c4096, 8));
}

/* A device of d that is at rest, locked. */
static struct vsh_device *find_device(const struct domain *d)
{
    unsigned int i;

    for ( i = 0; d->virtio_shadow &&
                 i < ARRAY_SIZE(d->virtio_shadow->device); i++ )
    {
        struct vsh_device *s = d->virtio_shadow->device[i];

        if ( !s )
            continue;

        vsh_lock(s);

        if ( vsh_usable(s) && s->backend && s->dev.aperture_gfn[0] &&
             !svq_dev_mapped(&s->dev) &&
             s->dev.bank[0].size >> PAGE_SHIFT >= PAGES )
            return s;

        vsh_unlock(s);
    }

    return NULL;
}

static void cf_check run(unsigned char key)
{
    static DEFINE_SPINLOCK(lock);
    struct bench *b = &bench;
    struct domain *d;
    const gfn_t *gfn;

    spin_lock(&lock);
    rcu_read_lock(&domlist_read_lock);

    b->s = NULL;
    for_each_domain ( d )
    {
        b->s = find_device(d);
        if ( b->s )
            break;
    }

    if ( b->s )
    {
        b->failed = false;
        prepare(b);
        gfn = (const gfn_t *)&b->op[0].gfn;
        if ( p2m_get_ram_pages(b->s->frontend, gfn, &b->pg, 1) == 1 )
        {
            measure(b);
            put_page(b->pg);
        }
        else
            printk("virtio-shadow-bench: error=no-ram-at-start\n");

        vsh_unlock(b->s);
    }
    else
        printk("virtio-shadow-bench: error=no-device-at-rest\n");

    rcu_read_unlock(&domlist_read_lock);
    spin_unlock(&lock);
}

static int __init cf_check init(void)
{
    register_keyhandler('B', run, "measure mediated virtio devices", 0);

    return 0;
}
__initcall(init);

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

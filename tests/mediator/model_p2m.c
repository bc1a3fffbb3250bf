/* SPDX-License-Identifier: MIT */
/*
 * The p2m of each domain, with the operations of xen-patches/0012 and 0020.  An entry
 * that is changed stays in the TLB as it was until the next flush.
 */
#include <xen/domain_page.h>

#include "model.h"

unsigned int p2m_ipa_bits = 40;

struct model_entry *model_at(struct domain *d, unsigned long gfn)
{
    assert_true(gfn < MODEL_P2M);
    return &d->model->p2m[gfn];
}

static bool shows(const struct model_entry *e, mfn_t mfn)
{
    return p2m_is_foreign(e->type) && mfn_eq(e->mfn, mfn);
}

static void forget(struct domain *d, struct model_entry *e)
{
    /* The oldest is what counts: at most one change until the flush. */
    if (!e->tlb_valid) {
        e->tlb_valid = true;
        e->tlb = e->mfn;
        mfn_to_page(e->mfn)->stale++;
        d->model->stale[d->model->nr_stale++] = (unsigned long)(e - d->model->p2m);
    }
}

static void flush_locked(struct domain *d)
{
    d->model->flushes++;
    while (d->model->nr_stale) {
        struct model_entry *e = model_at(d, d->model->stale[--d->model->nr_stale]);

        e->tlb_valid = false;
        mfn_to_page(e->tlb)->stale--;
    }
}

static bool clear(struct domain *d, gfn_t gfn, mfn_t mfn)
{
    struct model_entry *e = gfn_x(gfn) < MODEL_P2M ? model_at(d, gfn_x(gfn)) : NULL;

    if (!e || !shows(e, mfn)) {
        return false;
    }
    forget(d, e);
    e->type = p2m_invalid;

    return true;
}

static void write_entry(struct model_entry *e, mfn_t mfn, bool writable)
{
    e->type = writable ? p2m_map_foreign_rw : p2m_map_foreign_ro;
    e->mfn = mfn;
}

/* What is known of tables saves walks, and changes nothing that can be observed. */
static void use(struct domain *d, struct p2m_foreign_user *user)
{
    assert_true(!user->block[0] || mfn_x(user->table[0]) == d->domain_id);
    user->block[0] = 1;
    user->table[0] = _mfn(d->domain_id);
}

/* The table of gfn, from what the pool has left. */
static bool has_table(struct domain *d, unsigned long gfn, struct p2m_foreign_reserve *r)
{
    struct model_domain *m = d->model;

    if (m->table[gfn / MODEL_TABLE]) {
        return true;
    }
    assert_true(m->pool_reserved <= m->pool);
    if (r && r->left) {
        r->left--;
        m->pool_reserved--;
    } else if (m->pool == m->pool_reserved) {
        return false;
    }
    m->pool--;
    m->table[gfn / MODEL_TABLE] = true;

    return true;
}

static int map_one(struct domain *d, const struct p2m_foreign *f, unsigned int nr, mfn_t dummy,
                   struct p2m_foreign_reserve *r)
{
    struct model_entry *e;
    unsigned int k, dropped;

    if (d->is_dying) {
        return -ESRCH;
    }
    if (gfn_x(f->gfn) >= MODEL_P2M) {
        return -EINVAL;
    }
    if (model_fails() || !has_table(d, gfn_x(f->gfn), r)) {
        return -ENOMEM;
    }

    e = model_at(d, gfn_x(f->gfn));
    if (shows(e, dummy)) {
        for (k = 0, dropped = 0; k < nr; k++) {
            dropped += clear(d, f[k].gfn, dummy);
        }
        flush_locked(d);
        while (dropped--) {
            put_page(mfn_to_page(dummy));
        }
    }

    if (e->type != p2m_invalid) {
        return -EEXIST;
    }

    assert_true(mfn_to_page(f->mfn)->refs);
    write_entry(e, f->mfn, f->writable);

    return 0;
}

/* Of one level. */
unsigned long p2m_foreign_tables(unsigned long nr)
{
    return nr ? (nr + MODEL_TABLE - 2) / MODEL_TABLE + 1 : 0;
}

int p2m_foreign_reserve(struct domain *d, struct p2m_foreign_reserve *r, unsigned long nr)
{
    struct model_domain *m = d->model;
    int rc = 0;

    model_lock("pool", RANK_LEAF);
    if (nr > m->pool - m->pool_reserved + r->left) {
        rc = -ENOSPC;
    } else {
        m->pool_reserved += nr - r->left;
        r->left = nr;
    }
    model_unlock("pool");

    return rc;
}

void p2m_foreign_unreserve(struct domain *d, struct p2m_foreign_reserve *r)
{
    model_lock("pool", RANK_LEAF);
    assert_true(r->left <= d->model->pool_reserved);
    d->model->pool_reserved -= r->left;
    r->left = 0;
    model_unlock("pool");
}

unsigned long p2m_foreign_lacks(struct domain *d, unsigned long nr)
{
    unsigned long spare;

    model_lock("pool", RANK_LEAF);
    spare = d->model->pool - d->model->pool_reserved;
    model_unlock("pool");

    return nr > spare ? nr - spare : 0;
}

static bool is_empty(struct domain *d, unsigned long block)
{
    unsigned long i;

    for (i = 0; i < MODEL_TABLE; i++) {
        if (model_at(d, block * MODEL_TABLE + i)->type != p2m_invalid) {
            return false;
        }
    }
    return true;
}

/* It looks at a few at a time, and frees one. */
void p2m_foreign_trim(struct domain *d, gfn_t *start, gfn_t end)
{
    unsigned int i, freed = 0;

    assert_true(gfn_x(*start) < gfn_x(end));
    assert_true(!(gfn_x(*start) % MODEL_TABLE) && !(gfn_x(end) % MODEL_TABLE));
    model_lock("p2m", RANK_P2M);
    for (i = 0; i < 4 && !freed && gfn_x(*start) < gfn_x(end); i++) {
        unsigned long block = gfn_x(*start) / MODEL_TABLE;

        if (gfn_x(*start) >= MODEL_P2M) {
            *start = end;
        } else {
            *start = gfn_add(*start, MODEL_TABLE);
            freed = d->model->table[block] && is_empty(d, block);
        }
        if (freed) {
            flush_locked(d);
            d->model->table[block] = false;
            d->model->pool++;
        }
    }
    model_unlock("p2m");
}

unsigned int p2m_foreign_map(struct domain *d, struct p2m_foreign_user *user,
                             const struct p2m_foreign *f, unsigned int nr, mfn_t dummy, int *error)
{
    unsigned int i;

    model_lock("p2m", RANK_P2M);
    use(d, user);
    *error = 0;
    for (i = 0; i < nr; i++) {
        *error = map_one(d, &f[i], nr - i, dummy, user->reserve);
        if (*error) {
            break;
        }
    }
    model_unlock("p2m");

    return i;
}

unsigned int p2m_foreign_unmap(struct domain *d, struct p2m_foreign_user *user,
                               struct p2m_foreign *f, unsigned int nr)
{
    unsigned int i, done = 0;

    model_lock("p2m", RANK_P2M);
    use(d, user);
    for (i = 0; i < nr; i++) {
        f[i].done = clear(d, f[i].gfn, f[i].mfn);
        done += f[i].done;
    }
    user->stamp = d->model->flushes;
    model_unlock("p2m");

    return done;
}

unsigned int p2m_foreign_protect(struct domain *d, struct p2m_foreign_user *user,
                                 struct p2m_foreign *f, unsigned int nr)
{
    unsigned int i, done = 0;

    model_lock("p2m", RANK_P2M);
    use(d, user);
    for (i = 0; i < nr; i++) {
        struct model_entry *e = gfn_x(f[i].gfn) < MODEL_P2M ? model_at(d, gfn_x(f[i].gfn)) : NULL;

        f[i].done = e && shows(e, f[i].mfn);
        if (f[i].done) {
            forget(d, e);
            write_entry(e, f[i].mfn, f[i].writable);
        }
        done += f[i].done;
    }
    user->stamp = d->model->flushes;
    model_unlock("p2m");

    return done;
}

void p2m_foreign_replace(struct domain *d, struct p2m_foreign *f, unsigned int nr, mfn_t dummy)
{
    unsigned int i;

    model_lock("p2m", RANK_P2M);

    for (i = 0; i < nr; i++) {
        f[i].done = clear(d, f[i].gfn, f[i].mfn);
    }
    flush_locked(d);

    for (i = 0; i < nr && !d->is_dying; i++) {
        if (f[i].done) {
            BUG_ON(!get_page(mfn_to_page(dummy), dom_xen));
            write_entry(model_at(d, gfn_x(f[i].gfn)), dummy, true);
        }
    }

    model_unlock("p2m");
}

bool p2m_foreign_flush(struct domain *d, const struct p2m_foreign_user *user)
{
    bool flush;

    model_lock("p2m", RANK_P2M);
    flush = d->model->flushes == user->stamp;
    if (flush) {
        flush_locked(d);
    }
    model_unlock("p2m");

    return flush;
}

uint64_t p2m_ram_generation(const struct domain *d)
{
    return d->model->ram_changes;
}

unsigned int p2m_get_ram_pages(struct domain *d, const gfn_t gfn[], struct page_info *pg[],
                               unsigned int nr)
{
    unsigned int i;

    model_lock("p2m", RANK_P2M);

    for (i = 0; i < nr; i++, d->model->lookups++) {
        struct model_entry *e = gfn_x(gfn[i]) < MODEL_P2M ? model_at(d, gfn_x(gfn[i])) : NULL;

        if (!e || e->type != p2m_ram_rw) {
            break;
        }
        pg[i] = mfn_to_page(e->mfn);
        if (!get_page(pg[i], d)) {
            break;
        }
        if (pg[i]->special) {
            put_page(pg[i]);
            break;
        }
    }

    model_unlock("p2m");

    return i;
}

void p2m_ram_protect(struct domain *d, struct p2m_foreign *f, unsigned int nr)
{
    unsigned int i;

    model_lock("p2m", RANK_P2M);

    for (i = 0; i < nr; i++) {
        struct model_entry *e = gfn_x(f[i].gfn) < MODEL_P2M ? model_at(d, gfn_x(f[i].gfn)) : NULL;

        f[i].done = false;
        if (!e || e->type != p2m_ram_rw || mfn_to_page(e->mfn)->special ||
            mfn_to_page(e->mfn)->refs != 1 || !get_page(mfn_to_page(e->mfn), d)) {
            continue;
        }
        e->type = p2m_ram_ro;
        f[i].mfn = e->mfn;
        f[i].done = true;
    }

    flush_locked(d);
    model_unlock("p2m");
}

void p2m_ram_unprotect(struct domain *d, struct p2m_foreign *f, unsigned int nr)
{
    unsigned int i;

    model_lock("p2m", RANK_P2M);

    for (i = 0; i < nr; i++) {
        struct model_entry *e = model_at(d, gfn_x(f[i].gfn));

        f[i].done = e->type == p2m_ram_ro && mfn_eq(e->mfn, f[i].mfn);
        if (f[i].done) {
            e->type = p2m_ram_rw;
        }
    }

    model_unlock("p2m");
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, p2m_type_t *t)
{
    struct model_entry *e;

    model_lock("p2m", RANK_P2M);
    model_unlock("p2m");

    *t = p2m_invalid;
    if (gfn_x(gfn) >= MODEL_P2M) {
        return INVALID_MFN;
    }
    e = model_at(d, gfn_x(gfn));
    *t = e->type;

    return e->type == p2m_invalid ? INVALID_MFN : e->mfn;
}

void model_remove_by(struct domain *who, struct domain *d, unsigned long gfn)
{
    struct model_entry *e = model_at(d, gfn);
    p2m_type_t type = e->type;
    struct vcpu *before = current;

    if (type == p2m_invalid) {
        return;
    }
    current = who->vcpu[0];

    model_lock("p2m", RANK_P2M);
    forget(d, e);
    e->type = p2m_invalid;
    flush_locked(d);
    if (!p2m_is_foreign(type)) {
        d->model->ram_changes++;
        virtio_shadow_memory_changed(d);
    }
    model_unlock("p2m");

    /* RAM: the domain gives the page up. */
    if (p2m_is_foreign(type)) {
        put_page(mfn_to_page(e->mfn));
    } else if (get_page(mfn_to_page(e->mfn), d)) {
        put_page_alloc_ref(mfn_to_page(e->mfn));
        put_page(mfn_to_page(e->mfn));
    }
    current = before;
}

void model_remove(struct domain *d, unsigned long gfn)
{
    model_remove_by(d, d, gfn);
}

void model_show(struct domain *d, unsigned long gfn, struct page_info *pg, p2m_type_t type)
{
    struct model_entry *e = model_at(d, gfn);

    assert_int_equal(e->type, p2m_invalid);
    assert_true(get_page(pg, pg->owner));
    e->type = type;
    e->mfn = page_to_mfn(pg);
}

void model_p2m_relinquish(struct domain *d)
{
    unsigned long gfn;

    /* Whoever had some has left, or the pool could not be freed. */
    assert_int_equal(d->model->pool_reserved, 0);
    flush_locked(d);
    for (gfn = 0; gfn < MODEL_P2M; gfn++) {
        struct model_entry *e = model_at(d, gfn);

        if (p2m_is_foreign(e->type)) {
            e->type = p2m_invalid;
            put_page(mfn_to_page(e->mfn));
        }
    }
}

void *model_access(struct domain *d, paddr_t addr, bool write)
{
    struct model_entry *e = model_at(d, PFN_DOWN(addr));

    if (e->type == p2m_invalid ||
        (write && (e->type == p2m_map_foreign_ro || e->type == p2m_ram_ro))) {
        return NULL;
    }
    return (uint8_t *)__map_domain_page_global(mfn_to_page(e->mfn)) + (addr & ~PAGE_MASK);
}

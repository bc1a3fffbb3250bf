/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a device: all of it is allocated, and accounted, at creation.
 */
#include <xen/domain_page.h>
#include <xen/event.h>
#include <xen/random.h>
#include <xen/softirq.h>
#include <xen/xvmalloc.h>

#include <vsh.h>

/* Pages that are made before anything more urgent is looked for. */
#define FRAMES_AT_ONCE  64U

/*
 * A zeroed page for sharing with the backend.  It belongs to dom_xen, so that a
 * mapping that is left behind keeps nothing but the page itself.
 */
struct page_info *vsh_alloc_page(void)
{
    struct page_info *pg = alloc_domheap_page(dom_xen, MEMF_no_refcount);

    if ( !pg )
        return NULL;

    /* Besides the allocation's reference, as put_page_alloc_ref() wants it. */
    if ( !get_page(pg, dom_xen) )
    {
        ASSERT_UNREACHABLE();
        return NULL;
    }

    clear_domain_page(page_to_mfn(pg));

    return pg;
}

void vsh_free_page(struct page_info *pg)
{
    /* Pages of a domain that lives, as dom_xen does, are not scrubbed. */
    clear_domain_page(page_to_mfn(pg));

    put_page_alloc_ref(pg);
    put_page(pg);
}

static int alloc_bounce(struct vsh_device *s, struct svq_bounce *b,
                        unsigned int frames)
{
    if ( !frames )
        return 0;

    b->page = xvzalloc_array(uint8_t *, frames);
    s->bytes += frames * sizeof(*b->page);

    return b->page ? 0 : -ENOMEM;
}

static int alloc_queue(struct vsh_device *s, struct svq_queue *q,
                       unsigned int size)
{
    unsigned int bounce = svq_bounce_frames(s->dev.policy, size);
    unsigned int entries = SVQ_TABLE_ENTRIES(size);

    q->max_size = size;
    q->slot = xvzalloc_array(struct svq_slot, size);
    q->chain = xvzalloc_array(struct svq_desc, size);
    q->part = xvzalloc_array(struct svq_seg, size);
    q->done = xvzalloc_array(struct svq_done, size);
    q->order = xvzalloc_array(uint16_t, size);
    q->busy = xvzalloc_array(uint32_t, SVQ_BUSY_WORDS);
    q->tables.seg = xvzalloc_array(struct svq_seg, entries);
    q->table = xvzalloc_array(struct svq_desc, size);

    s->bytes += size * (sizeof(*q->slot) + sizeof(*q->chain) +
                        sizeof(*q->part) + sizeof(*q->done) +
                        sizeof(*q->order) + sizeof(*q->table)) +
                SVQ_BUSY_WORDS * sizeof(*q->busy) +
                entries * sizeof(*q->tables.seg);

    if ( alloc_bounce(s, &q->bounce[0], bounce) ||
         alloc_bounce(s, &q->bounce[1], bounce) )
        return -ENOMEM;

    return q->slot && q->chain && q->part && q->done && q->order && q->busy &&
           q->tables.seg && q->table ? 0 : -ENOMEM;
}

static int alloc_records(struct vsh_device *s, struct svq_pages *p,
                         unsigned int nr)
{
    p->nr = nr;
    p->max_kept = nr;
    p->key = ((uint64_t)get_random() << 32) | get_random();
    p->page = xvmalloc_array(struct svq_page, nr);
    p->bucket = xvmalloc_array(uint32_t, nr);

    s->bytes += nr * (sizeof(*p->page) + sizeof(*p->bucket));

    return p->page && p->bucket ? 0 : -ENOMEM;
}

static int alloc_frame(struct vsh_device *s, unsigned int i,
                       unsigned int queue_size)
{
    unsigned int bounce = svq_bounce_frames(s->dev.policy, queue_size);
    struct vsh_frame *f = &s->frame[i];

    f->gfn = INVALID_GFN;
    f->writable = svq_window_writable(queue_size, bounce, i);
    f->pg = vsh_alloc_page();
    s->bytes += PAGE_SIZE;

    return f->pg ? 0 : -ENOMEM;
}

/* A frame, or, when there are all, what goes with a queue. */
static int alloc_next(struct vsh_device *s, unsigned int queue_size)
{
    struct svq_queue *q;
    int rc;

    if ( s->made < s->nr_frames )
        return alloc_frame(s, s->made, queue_size);

    q = &s->dev.queue[s->made - s->nr_frames];
    rc = alloc_queue(s, q, queue_size);

    return rc ?: alloc_records(s, &q->pages, svq_page_records(queue_size));
}

/*
 * -ERESTART if there is more to allocate: call it again, with the same numbers.
 * On any other failure the caller calls vsh_memory_free(), as always in the
 * end.
 */
int vsh_memory_alloc(struct vsh_device *s, unsigned int nr_queues,
                     unsigned int queue_size)
{
    BUILD_BUG_ON(VSH_FRAME_SIZE != PAGE_SIZE);
    BUILD_BUG_ON(SVQ_PAGE_SIZE != PAGE_SIZE);
    BUILD_BUG_ON(SVQ_INFO_BYTES > PAGE_SIZE);
    BUILD_BUG_ON(sizeof(struct vsh_mailbox) > PAGE_SIZE);

    if ( !s->frame )
    {
        unsigned int bounce = svq_bounce_frames(s->dev.policy, queue_size);
        unsigned int nr = svq_window_frames(nr_queues, queue_size, bounce);

        s->frame = xvzalloc_array(struct vsh_frame, nr);
        if ( !s->frame )
            return -ENOMEM;

        s->nr_frames = nr;
        s->made = 0;
        /* The dummy as well. */
        s->bytes = sizeof(*s) + PAGE_SIZE + nr * sizeof(*s->frame);
    }

    while ( s->made < s->nr_frames + nr_queues )
    {
        int rc = alloc_next(s, queue_size);

        if ( rc )
            return rc;

        s->made++;
        if ( (s->made > s->nr_frames || !(s->made % FRAMES_AT_ONCE)) &&
             hypercall_preempt_check() )
            return -ERESTART;
    }

    return 0;
}

void vsh_memory_free(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->dev.queue); i++ )
    {
        struct svq_queue *q = &s->dev.queue[i];

        XVFREE(q->slot);
        XVFREE(q->chain);
        XVFREE(q->part);
        XVFREE(q->bounce[0].page);
        XVFREE(q->bounce[1].page);
        XVFREE(q->done);
        XVFREE(q->order);
        XVFREE(q->busy);
        XVFREE(q->tables.seg);
        XVFREE(q->table);
        XVFREE(q->pages.page);
        XVFREE(q->pages.bucket);
    }

    for ( i = 0; i < s->nr_frames; i++ )
        if ( s->frame[i].pg )
            vsh_free_page(s->frame[i].pg);

    XVFREE(s->frame);
    s->nr_frames = 0;
    s->bytes = 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

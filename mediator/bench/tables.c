/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's debug key 'W' tries to write, as Xen does on behalf of a guest by
 * guest-physical address, to each page of an indirect table in place.  No call
 * that a guest can make does that today to a page of its choice, so this is the
 * way to see that it would be refused.  What would be written is what is there.
 */
#include <xen/init.h>
#include <xen/keyhandler.h>

#include <asm/guest_access.h>

#include <vsh.h>

static unsigned int try_queue(struct domain *d, const struct svq_pages *p,
                              unsigned int *written)
{
    unsigned int i, tables = 0;
    uint64_t w;

    for ( i = 0; i < p->nr; i++ )
    {
        paddr_t addr = p->page[i].gfn << PAGE_SHIFT;

        if ( !p->page[i].in_use || !p->page[i].table )
            continue;

        tables++;
        if ( !access_guest_memory_by_gpa(d, addr, &w, sizeof(w), false) &&
             !access_guest_memory_by_gpa(d, addr, &w, sizeof(w), true) )
            ++*written;
    }

    return tables;
}

/* The device is locked: the tables stay where they are. */
static void try_device(struct vsh_device *s)
{
    struct domain *d = s->frontend;
    unsigned int i, tables = 0, written = 0;

    for ( i = 0; i < s->dev.nr_queues; i++ )
        tables += try_queue(d, &s->dev.queue[i].pages, &written);

    printk("virtio-shadow-bench: %pd device %u: "
           "table pages %u, written to %u\n",
           d, s->id, tables, written);
}

static void cf_check run(unsigned char key)
{
    struct domain *d;
    unsigned int i;

    rcu_read_lock(&domlist_read_lock);

    for_each_domain ( d )
        for ( i = 0; d->virtio_shadow &&
                     i < ARRAY_SIZE(d->virtio_shadow->device); i++ )
        {
            struct vsh_device *s = d->virtio_shadow->device[i];

            if ( !s )
                continue;

            vsh_lock(s);
            if ( vsh_usable(s) )
                try_device(s);
            vsh_unlock(s);
        }

    rcu_read_unlock(&domlist_read_lock);
    printk("virtio-shadow-bench: that was all\n");
}

static int __init cf_check init(void)
{
    register_keyhandler('W', run, "write to tables of mediated virtio devices",
                        0);

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

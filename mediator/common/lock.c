/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * To be alone with a device: the locks of all of its queues, in their order.
 * Of all that there can be, as their number is only constant while it is open.
 */
#include <vsh.h>

void vsh_lock(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
        spin_lock(&s->queue[i].lock);
}

void vsh_unlock(struct vsh_device *s)
{
    unsigned int i;

    for ( i = ARRAY_SIZE(s->queue); i > 0; i-- )
        spin_unlock(&s->queue[i - 1].lock);
}

bool vsh_trylock(struct vsh_device *s)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(s->queue); i++ )
        if ( !spin_trylock(&s->queue[i].lock) )
            break;

    if ( i == ARRAY_SIZE(s->queue) )
        return true;

    while ( i-- )
        spin_unlock(&s->queue[i].lock);

    return false;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

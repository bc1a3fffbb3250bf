/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line option: virtio-shadow=[<boolean>][,threshold=<size>]
 */
#include <xen/errno.h>
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/string.h>

#include <vsh.h>

bool __ro_after_init opt_virtio_shadow;

/* Bytes, of devices that are created without one; 0: what the core has. */
uint32_t __ro_after_init vsh_default_threshold;

/* One setting, which ends at end.  Returns 0 or -EINVAL. */
static int __init parse_one(const char *s, const char *end)
{
    int enable = parse_bool(s, end);
    unsigned long long size;
    const char *rest;

    if ( enable >= 0 )
    {
        opt_virtio_shadow = enable;
        return 0;
    }

    if ( strncmp(s, "threshold=", 10) )
        return -EINVAL;

    size = parse_size_and_unit(s + 10, &rest);
    if ( rest != end || !size || size > XEN_DOMCTL_VIRTIO_SHADOW_MAX_THRESHOLD )
        return -EINVAL;

    vsh_default_threshold = size;

    return 0;
}

/* What is wrong has no effect, and the rest has. */
static int __init cf_check parse_virtio_shadow(const char *s)
{
    const char *end;
    int rc = 0;

    /* The name alone. */
    if ( !*s )
    {
        opt_virtio_shadow = true;
        return 0;
    }

    do {
        end = strchr(s, ',');
        if ( !end )
            end = strchr(s, '\0');

        if ( parse_one(s, end) )
            rc = -EINVAL;

        s = end + 1;
    } while ( *end );

    return rc;
}
custom_param("virtio-shadow", parse_virtio_shadow);

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */

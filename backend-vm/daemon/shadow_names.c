// SPDX-License-Identifier: MIT
#include "shadow.h"

#include <errno.h>
#include <string.h>

const char *shadow_attach_error(int err)
{
    switch (-err) {
    case ENOENT:
        return "the kernel module virtio-shadow is not loaded: load it";
    case EACCES:
    case EPERM:
        return "Xen says that this VM is not its backend, or this user may not: check backend= of "
               "the guest, or the rights of the device file";
    case ESRCH:
        return "there is no such domain";
    case EINVAL:
        return "Xen has no such device: was the guest created with shadow=on?";
    case ENOSPC:
        return "no room for the guest's memory in this VM's address space: give this VM fewer or "
               "smaller guests";
    case ENOMEM:
        return "not enough memory: give this VM 16 MiB per GiB of guest memory, or more";
    case EBUSY:
        return "another process serves it, or its last device process has not ended yet";
    case EPROTO:
        return "Xen and the kernel module are of different versions: update the older one";
    case ENODEV:
        return "the guest is gone";
    default:
        return strerror(-err);
    }
}

const char *shadow_reply_name(int32_t reply)
{
    switch (reply) {
    case VSH_ERR_NONE:
        return "none";
    case VSH_ERR_REQUEST:
        return "unknown request or version";
    case VSH_ERR_STATE:
        return "not in this state";
    case VSH_ERR_DEVICE_ID:
        return "bad device type";
    case VSH_ERR_QUEUES:
        return "bad number of queues";
    case VSH_ERR_QUEUE_SIZE:
        return "bad queue size";
    case VSH_ERR_CONFIG:
        return "config space too long";
    case VSH_ERR_FEATURES:
        return "VIRTIO_F_VERSION_1 is missing";
    case VSH_ERR_APERTURE:
        return "bad aperture";
    default:
        return "unknown error";
    }
}

const char *shadow_state_name(uint32_t state)
{
    static const char *const names[] = {"idle", "ready", "running", "resetting", "failed", "gone"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

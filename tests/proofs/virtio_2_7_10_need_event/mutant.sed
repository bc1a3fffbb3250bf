# SPDX-License-Identifier: MIT
# One index too late.
# file: src/svq_ring.h
s/(uint16_t)(now - event - 1) < (uint16_t)(now - old)/(uint16_t)(now - event) < (uint16_t)(now - old)/

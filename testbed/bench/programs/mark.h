/* SPDX-License-Identifier: MIT */
/* Tells the emulator's instruction counter (plugin/) to take a snapshot; otherwise a NOP. */
#ifndef MARK_H
#define MARK_H

static inline void mark(void)
{
    __asm__ volatile("hint #112" ::: "memory");
}

#endif

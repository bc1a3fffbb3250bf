/* SPDX-License-Identifier: MIT */
/* Tell the emulator's instruction counter (plugin/) to take a snapshot; otherwise NOPs. */
#ifndef MARK_H
#define MARK_H

static inline void mark(void)
{
    __asm__ volatile("hint #112" ::: "memory");
}

static inline void mark_line(void)
{
    __asm__ volatile("hint #113" ::: "memory");
}

#endif

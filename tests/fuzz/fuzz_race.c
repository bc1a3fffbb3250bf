/* SPDX-License-Identifier: MIT */
/* The same with memory that changes between two reads of the core: its invariants. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(data, size, PLAY_DRIVER | PLAY_BACKEND | PLAY_WORLD | PLAY_STEPS | PLAY_RACES);
    return 0;
}

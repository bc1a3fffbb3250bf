/* SPDX-License-Identifier: MIT */
/* Both sides and everything around them, step by step, against the reference model. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(data, size, PLAY_DRIVER | PLAY_BACKEND | PLAY_WORLD | PLAY_STEPS);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* A backend that writes anything into the used rings, against the reference model. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(data, size, PLAY_BACKEND);
    return 0;
}

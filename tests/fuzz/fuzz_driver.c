/* SPDX-License-Identifier: MIT */
/* A driver that writes anything into its rings, against the reference model. */
#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    play(data, size, PLAY_DRIVER);
    return 0;
}

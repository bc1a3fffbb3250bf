# SPDX-License-Identifier: MIT
# What has been returned already.
# file: src/svq_shadow.c
s/if ( !s->count || s->done || /if ( !s->count || /

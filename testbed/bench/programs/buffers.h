/* SPDX-License-Identifier: MIT */
/*
 * Buffers whose physical pages are known. They come from one file in RAM, which stays: whoever maps
 * so many of such a size gets the same pages, in the same order.
 */
#ifndef BUFFERS_H
#define BUFFERS_H

#include <stddef.h>

enum layout {
    CONTIGUOUS, /* a buffer's pages follow each other in (the guest's) physical memory */
    SCATTERED   /* no page of a buffer follows the one before it */
};

/* Ends the program, with a message, where there are no such buffers. */
char *map_buffers(const char *file, enum layout layout, size_t bytes, unsigned int buffers);

/*
 * Looks where the pages are now, and prints "layout runs=R pages=P frames=HASH": runs of adjacent
 * pages in a buffer, its pages, and a number that stands for all of the frames and their order.
 * Ends the program if they are not laid out as they should be.
 */
void report_buffers(const char *at, enum layout layout, size_t bytes, unsigned int buffers);

#endif

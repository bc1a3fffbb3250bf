/* SPDX-License-Identifier: MIT */
#ifndef MEASURE_H
#define MEASURE_H

void measure(void);

#endif

// How numbers lie in memory for the kernels.

#ifndef VIDEOQA_LAYOUT_H
#define VIDEOQA_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum {
	LANES = 16, // numbers that are worked on at once; keys and weights are packed by so many
	AHEAD = 4,  // tokens that are prefetched before their keys and values are packed
};

// padded is n rounded up to whole lanes.
static inline int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

// Numbers are multiplied in units of 32 bits along a row: one float, two bfloat16, or four bytes.
enum format { FP32, BF16, INT8 };

// units is how many units a row of n numbers has; the last one may be partly filled.
static inline int64_t units(int64_t n, int format) { return format == INT8 ? (n + 3) / 4 : format == BF16 ? (n + 1) / 2 : n; }

// part_start is where part i begins when n things are cut into parts as equal as can be; part i ends where part i+1 begins.
static inline int64_t part_start(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

#endif

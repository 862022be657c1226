#ifndef VIDEOQA_LANES_H
#define VIDEOQA_LANES_H

#include <stddef.h>
#include <stdint.h>

enum {
	LANES = 16, // numbers that are worked on at once; keys and weights are packed by so many
	AHEAD = 4,  // tokens that are asked for before their keys and values are packed
};

// padded is n rounded up to whole lanes.
static inline int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

#endif

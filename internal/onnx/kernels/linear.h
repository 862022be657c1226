// Linear layers over few rows, of weights that lie in memory as they lie in a checkpoint. They are bound by how many bytes they read.

#ifndef VIDEOQA_LINEAR_H
#define VIDEOQA_LINEAR_H

#include "layout.h"

// A linear layer: y [rows, out] = x [rows, in] · weight [out, in]ᵀ + bias [out].
struct linear {
	const float *x, *weight, *bias;
	float *y;
	int64_t rows, in, out;
};

enum { LINEAR_OUTPUTS = 64 }; // outputs of one task

static inline int64_t linear_tasks(const struct linear *l) { return (l->out + LINEAR_OUTPUTS - 1) / LINEAR_OUTPUTS; }

#endif

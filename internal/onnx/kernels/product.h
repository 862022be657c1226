// Products of hundreds of rows, bound by how many numbers a processor multiplies at once, with the activation before and the norm
// behind them. Weights lie in panels, made when a checkpoint is converted, so that nothing is packed when a graph is opened or run.

#ifndef VIDEOQA_PRODUCT_H
#define VIDEOQA_PRODUCT_H

#include "layout.h"

// What is done to each number of a product. Of those with a gate, see struct gated.
enum activation { NO_ACTIVATION, QUICK_GELU, GELU, TANH_GELU, RELU };

// What a norm does with each row v. LAYER_NORM is gamma·(v - mean(v))/sqrt(variance(v) + epsilon) + beta; RMS_NORM is
// gamma·v/sqrt(mean(v²) + epsilon), without beta.
enum norm_kind { LAYER_NORM, RMS_NORM };

// A norm of v = x + skip.
struct norm {
	const float *x;
	const float *skip; // NULL, with RMS_NORM only: v is x
	const float *gamma, *beta;
	float *sum;        // becomes v, unless skip is NULL; may be x itself; NULL: v is kept nowhere
	float *y;          // like x, skip and sum [rows, width], of which width is at least 1
	int64_t width;
	float epsilon;
	int kind;
};

// Norms of many rows by themselves.
struct norms {
	struct norm norm;
	int64_t rows;
};

// A product is y [rows, out] = act(x [rows, in] · weight [out, in]ᵀ + bias [out]).
//
// weight lies in panels [padded(out)/LANES, units(in), LANES], a unit each: units of LANES outputs side by side. BF16 rounds x to
// bfloat16. INT8 rounds each row of x to signed bytes with a scale of its own, and takes weights as unsigned bytes around 128, with
// a scale an output.
struct product {
	const void *x, *weight; // x is float, or bfloat16 if x_bf16
	const float *bias, *scales;
	void *y;                                // float, or bfloat16 if y_bf16
	int64_t rows, in, out, x_stride, y_stride; // the strides are from one row to the next of x and y, in numbers
	int format, act, x_bf16, y_bf16;
	const struct norm *norm; // of y, which is its x and sum, unless NULL
};

// A gated product is y = act(x·gateᵀ + bias) · (x·linearᵀ + bias), number by number. gate has y; linear's is not used.
struct gated {
	struct product gate, linear;
};

// An MLP is down behind up, or behind a gated product. A task has few enough rows to keep what lies between in its caches, rounded
// already if the product that reads it rounds to bfloat16. down has a norm.
struct mlp {
	struct gated up; // up.gate.y and down.x are each task's own
	struct product down;
	int gated; // 0: up is up.gate alone
};

// A grid is how a product is cut into tasks: blocks of rows, and chunks of outputs.
struct grid {
	int64_t blocks, chunks;
};

enum {
	SPAN = 2 * LANES,  // outputs of a tile
	BLOCK = 28,        // rows of a task, about: two tiles of 14
	QUERIES = 56,      // and of a task of self-attention
	FEWER = 14,        // rows of a task that has whole rows, where there are few rows in all: one tile
	ENOUGH_TASKS = 16, // keep two to eight threads busy to the end
	FEW_SPANS = 2,     // of a task, where all rows are in one block: weights are read once, by whoever comes
	MANY_SPANS = 24,   // of a task at least, where there are several blocks of rows: each of its tasks rounds and copies them
	NORM_ROWS = 16,    // of a task of norms by themselves
};

// row_tasks is how many tasks have whole rows each, of so many in all.
static inline int64_t row_tasks(int64_t rows) {
	int64_t most = (rows + FEWER - 1) / FEWER, tasks = (rows + BLOCK - 1) / BLOCK;
	if (tasks < ENOUGH_TASKS)
		tasks = most < ENOUGH_TASKS ? most : ENOUGH_TASKS;
	return tasks + tasks % 2 * (tasks > 1); // for two threads
}

static inline struct grid grid_of(const struct product *p) {
	int64_t spans = (p->out + SPAN - 1) / SPAN;
	struct grid g = {(p->rows + BLOCK - 1) / BLOCK, 1};
	if (p->norm)
		g.blocks = row_tasks(p->rows);
	else if (g.blocks <= 1)
		g.chunks = (spans + FEW_SPANS - 1) / FEW_SPANS;
	else {
		g.blocks += g.blocks % 2; // for two threads; many have more than enough
		if (g.blocks < ENOUGH_TASKS)
			g.chunks = (ENOUGH_TASKS + g.blocks - 1) / g.blocks;
		if (g.chunks > spans / MANY_SPANS)
			g.chunks = spans > MANY_SPANS ? spans / MANY_SPANS : 1;
	}
	return g;
}

static inline int64_t product_tasks(const struct product *p) {
	struct grid g = grid_of(p);
	return g.blocks * g.chunks;
}

static inline int64_t gated_tasks(const struct gated *g) { return product_tasks(&g->gate); }
static inline int64_t mlp_tasks(const struct mlp *p) { return row_tasks(p->down.rows); }
static inline int64_t norms_tasks(const struct norms *n) { return (n->rows + NORM_ROWS - 1) / NORM_ROWS; }

#endif

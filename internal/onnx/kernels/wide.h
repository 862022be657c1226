// What graphs over pictures and prefixes spend their time on: products and attention of hundreds of rows, bound by how many
// numbers a processor multiplies at once. Weights lie in panels, made when the checkpoint is converted, so that nothing is packed
// when a graph is opened or run.

#ifndef VIDEOQA_WIDE_H
#define VIDEOQA_WIDE_H

#include "lanes.h"

// Numbers are multiplied in units of 32 bits along a row: one float, two bfloat16, or four bytes.
enum arithmetic { FLOATS, PAIRS, QUADS };

static inline int64_t units(int64_t n, int kind) { return kind == QUADS ? (n + 3) / 4 : kind == PAIRS ? (n + 1) / 2 : n; }

// What is done to each number of a product.
enum activation { NOTHING, QUICK_GELU, GELU, TANH_GELU };

// A norm is y = gamma·(v - mean(v))/sqrt(variance(v) + epsilon) + beta of v, which is a row of sum and one of skip; sum becomes v.
struct norm {
	float *sum;
	const float *skip, *gamma, *beta;
	float *y; // like sum and skip [rows, width], of which width is at least 1
	int64_t width;
	float epsilon;
};

// A product is y [rows, out] = act(x [rows, in] · weight [out, in]ᵀ + bias [out]).
//
// weight lies in panels [padded(out)/LANES, units(in), LANES], a unit each: units of LANES outputs side by side. PAIRS rounds x to
// bfloat16; QUADS rounds each row of x to signed bytes and takes weights as unsigned ones around 128, a scale an output.
struct product {
	const void *x, *weight; // x is float, or bfloat16 if x_rounded
	const float *bias, *scales;
	void *y; // float, or bfloat16 if y_rounded
	int64_t rows, in, out, x_row, y_row; // from one row to the next of x and y, in numbers
	int kind, act, x_rounded, y_rounded;
	const struct norm *norm; // what is done with y, which is its sum, unless NULL
};

// A perceptron is down behind up, whose results nobody else sees: a task has few enough rows to keep them in its caches, rounded
// already if the product that reads them rounds to bfloat16. down has a norm.
struct perceptron {
	struct product up, down; // up.y and down.x are each task's own
};

// Attention of every token of a picture, or of a clip, to every other.
struct self_attention {
	const float *qkv; // [batch, tokens, 3, heads, head], not scaled
	float *out;       // [batch, tokens, heads, head]
	void *room;       // of self_attention_room() bytes, aligned to 64: keys and values in panels
	int64_t batch, tokens, heads, head;
	int kind; // FLOATS or PAIRS
};

// A grid is how a product is cut into tasks: blocks of rows, and chunks of outputs.
struct grid {
	int64_t blocks, chunks;
};

enum {
	SPAN = 2 * LANES, // outputs that are worked on at a time
	BLOCK = 28,       // rows of a task of a product, about
	QUERIES = 56,     // and of one of attention
	FEWER = 14,       // of one that has whole rows, where there are few in all
	ENOUGH_TASKS = 16,
	FEW_SPANS = 2,   // of a task that has all rows, which are few, and
	MANY_SPANS = 24, // of one that has some of many: it rounds them first
};

// even is the beginning of part i of n things in so many parts, as equal as can be.
static inline int64_t even(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

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

static inline int64_t perceptron_tasks(const struct perceptron *p) { return row_tasks(p->up.rows); }

static inline int64_t pack_tasks(const struct self_attention *l) { return l->batch * (padded(l->tokens) / LANES); }
static inline int64_t query_blocks(const struct self_attention *l) { return (l->tokens + QUERIES - 1) / QUERIES; }
static inline int64_t query_tasks(const struct self_attention *l) { return l->batch * l->heads * query_blocks(l); }

// head_bytes is the room for one head of the batch: keys, then values, in whole lanes of units.
static inline int64_t head_bytes(const struct self_attention *l) {
	return (padded(l->tokens) * units(l->head, l->kind) + units(l->tokens, l->kind) * padded(l->head)) * 4;
}
static inline int64_t self_attention_room(const struct self_attention *l) { return l->batch * l->heads * head_bytes(l); }

// A wide set is the same arithmetic for one kind of processor. Those that may fail return -1 if there is no memory.
struct wide {
	int (*multiply)(const struct product *, int64_t task);
	int (*perceive)(const struct perceptron *, int64_t task);
	void (*pack_tokens)(const struct self_attention *, int64_t task); // puts keys and values of LANES tokens into room, before attend_self
	int (*attend_self)(const struct self_attention *, int64_t task);
};

#endif

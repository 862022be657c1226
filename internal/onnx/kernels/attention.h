// Attention: of every token of a sequence to every other, of rows to packed keys, and of rows to packed keys and to words of their own.

#ifndef VIDEOQA_ATTENTION_H
#define VIDEOQA_ATTENTION_H

#include <math.h>

#include "product.h"

// scale_of is what scores are multiplied by: what was given, or, for 0, 1/sqrt(head).
static inline float scale_of(float given, int64_t head) { return given != 0 ? given : 1 / sqrtf((float)head); }

// A bias is added to scores [batch, heads, queries, keys]. Along an axis that it has once for all, its stride is 0. -INFINITY hides
// a key; a row of which all keys are hidden has no result.
struct bias {
	const float *data; // [.., keys]; NULL: there is none
	int64_t batch, head, query; // strides, in numbers
};

// Self-attention: every token of a sequence attends to every token of it.
struct self_attention {
	const float *qkv; // [batch, tokens, 3, heads, head], not scaled
	float *out;       // [batch, tokens, heads, head]
	void *panels;     // of self_attention_panels() bytes, aligned to 64: keys and values in panels
	struct bias bias;
	int64_t batch, tokens, heads, head;
	float scale;
	int format; // FP32 or BF16
};

static inline int64_t pack_tasks(const struct self_attention *l) { return l->batch * (padded(l->tokens) / LANES); }
static inline int64_t query_blocks(const struct self_attention *l) { return (l->tokens + QUERIES - 1) / QUERIES; }
static inline int64_t query_tasks(const struct self_attention *l) { return l->batch * l->heads * query_blocks(l); }

// head_bytes is what one head of one sequence takes in panels: keys, then values, in whole lanes of units.
static inline int64_t head_bytes(const struct self_attention *l) {
	return (padded(l->tokens) * units(l->head, l->format) + units(l->tokens, l->format) * padded(l->head)) * 4;
}
static inline int64_t self_attention_panels(const struct self_attention *l) { return l->batch * l->heads * head_bytes(l); }

// Packed keys and values, which all rows read. Where they are made once and read often, as those of a clip, they are bound by how
// many bytes they are.
struct packed {
	const void *keys;   // [heads, padded(tokens)/LANES, head, LANES], float or, if half, float16
	const void *values; // [heads, tokens, padded(head)], likewise
	int64_t tokens, heads, head;
	int half;
};

// Attention of rows to packed keys and values alone, of which there is at least one.
struct cross_attention {
	const float *queries; // [rows, heads, head], not scaled
	struct packed packed;
	float *out;           // [rows, heads, head]
	int64_t rows;
	float scale;
};

// Attention of questions·words rows to packed keys and values, and to past + words of each question's own.
struct prefix_attention {
	const float *qkv;  // [questions, words, 3, heads, head], not scaled
	const float *mask; // [heads or 1, questions, words, past + words], added to scores of words
	int64_t mask_head; // from one head of mask to the next, 0: it has one for all
	struct packed prefix; // may have no tokens
	const float *past_keys; // [heads, questions, past, head]
	const float *past_values;
	float *out;        // [questions, words, heads, head]
	float *new_keys;   // [heads, questions, past + words, head]
	float *new_values;
	int64_t questions, words, past;
	float scale;
};

enum { ATTENTION_ROWS = 16 }; // of one task, which is of one head

static inline int64_t row_blocks(int64_t rows) { return (rows + ATTENTION_ROWS - 1) / ATTENTION_ROWS; }
static inline int64_t cross_attention_tasks(const struct cross_attention *a) { return a->packed.heads * row_blocks(a->rows); }
static inline int64_t prefix_attention_tasks(const struct prefix_attention *a) { return a->prefix.heads * row_blocks(a->questions * a->words); }

// A packing lays the keys or values of a layer, [tokens, heads, head], out as struct packed has them; from one token to the next
// it is stride numbers.
struct packing {
	const float *from;
	void *to;
	int64_t stride, tokens, heads, head;
	int half;
};

#endif

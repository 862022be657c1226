// What the text step spends its time on: linear layers over a few rows of weights that lie in memory as they are in their file,
// and attention of a few rows to a clip's keys and values, which all its questions read. Both are bound by how many bytes they
// read, and both are compiled three times, for AVX-512, for AVX2 and plainly; the processor decides.

#ifndef VIDEOQA_KERNEL_H
#define VIDEOQA_KERNEL_H

#include "wide.h"

// A linear layer: y [rows, out] = x [rows, in] · weight [out, in]ᵀ + bias [out].
struct linear {
	const float *x, *weight, *bias;
	float *y;
	int64_t rows, in, out;
};

enum { LINEAR_OUTPUTS = 64 }; // of one task

// Attention of questions·words rows to tokens packed ones and to past + words of their own.
struct attention {
	const float *qkv;       // [questions, words, 3, heads, head]
	const float *mask;      // [questions, words, past + words], added to scores
	const void *keys;       // [heads, padded(tokens)/LANES, head, LANES], float or, if half, float16
	const void *values;     // [heads, tokens, padded(head)], likewise
	const float *old_keys;  // [heads, questions, past, head]
	const float *old_values;
	float *out;             // [questions, words, heads, head]
	float *new_keys;        // [heads, questions, past + words, head]
	float *new_values;
	int64_t questions, words, past, tokens, heads, head;
	int half;
};

enum { ATTENTION_ROWS = 16 }; // of one task, which is of one head

// A kernel set is the same arithmetic for one kind of processor.
struct kernels {
	const char *name;
	void (*linear)(const struct linear *, int64_t task);
	// attend returns 0, or -1 if there is no memory.
	int (*attend)(const struct attention *, int64_t task);
	void (*pack)(const float *from, void *to, int64_t n, int half);
	struct wide wide;
};

extern const struct kernels videoqa_kernels_plain, videoqa_kernels_avx2, videoqa_kernels_avx512, videoqa_kernels_avx512bf16;

// videoqa_kernels returns the best for this processor, or those that were chosen.
const struct kernels *videoqa_kernels(void);

// videoqa_choose has those of that name used from now on, "" for the best. It returns 0 if this processor has them not.
int videoqa_choose(const char *name);

int64_t videoqa_linear_tasks(const struct linear *);
int64_t videoqa_attention_tasks(const struct attention *);

// Each does one task by the chosen kernel set: 0, or -1 if there is no memory for it. Tasks may run at the same time, in any order.
int videoqa_linear(const struct linear *, int64_t task);
int videoqa_attend(const struct attention *, int64_t task);
int videoqa_product(const struct product *, int64_t task);
int videoqa_perceptron(const struct perceptron *, int64_t task);
int videoqa_pack_tokens(const struct self_attention *, int64_t task); // all of these, then
int videoqa_attend_self(const struct self_attention *, int64_t task);

// A packing lays the keys or values of a layer, [tokens, heads, head], out for attention; from one token to the next it is stride
// numbers.
struct packing {
	const float *from;
	void *to;
	int64_t stride, tokens, heads, head;
	int half;
};

// Both do one of the heads.
void videoqa_pack_keys(const struct packing *, int64_t head);
void videoqa_pack_values(const struct packing *, int64_t head);

#endif

#include "kernel.h"

#include <stdatomic.h>
#include <string.h>

static const struct kernels *best(const char *name) {
	int any = *name == 0;
#if defined(__x86_64__)
	int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	if ((any || strcmp(name, videoqa_kernels_avx512bf16.name) == 0) && wide && __builtin_cpu_supports("avx512bf16"))
		return &videoqa_kernels_avx512bf16;
	if ((any || strcmp(name, videoqa_kernels_avx512.name) == 0) && wide)
		return &videoqa_kernels_avx512;
	if ((any || strcmp(name, videoqa_kernels_avx2.name) == 0) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
		return &videoqa_kernels_avx2;
#endif
	return any || strcmp(name, videoqa_kernels_plain.name) == 0 ? &videoqa_kernels_plain : NULL;
}

static _Atomic(const struct kernels *) chosen;

const struct kernels *videoqa_kernels(void) {
	const struct kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
	if (!k)
		atomic_store_explicit(&chosen, k = best(""), memory_order_relaxed);
	return k;
}

int videoqa_choose(const char *name) {
	const struct kernels *k = best(name);
	if (k)
		atomic_store(&chosen, k);
	return k != NULL;
}

int64_t videoqa_linear_tasks(const struct linear *l) { return (l->out + LINEAR_OUTPUTS - 1) / LINEAR_OUTPUTS; }

int64_t videoqa_attention_tasks(const struct attention *a) {
	return a->heads * ((a->questions * a->words + ATTENTION_ROWS - 1) / ATTENTION_ROWS);
}

int videoqa_linear(const struct linear *l, int64_t task) {
	videoqa_kernels()->linear(l, task);
	return 0;
}

int videoqa_attend(const struct attention *a, int64_t task) { return videoqa_kernels()->attend(a, task); }
int videoqa_product(const struct product *p, int64_t task) { return videoqa_kernels()->wide.multiply(p, task); }
int videoqa_perceptron(const struct perceptron *p, int64_t task) { return videoqa_kernels()->wide.perceive(p, task); }

int videoqa_pack_tokens(const struct self_attention *l, int64_t task) {
	videoqa_kernels()->wide.pack_tokens(l, task);
	return 0;
}

int videoqa_attend_self(const struct self_attention *l, int64_t task) { return videoqa_kernels()->wide.attend_self(l, task); }

enum { DIMENSIONS = 64 }; // of a head that are done at a time

// lay_keys puts dimensions [d, d+n) of up to LANES keys side by side, 0 for what is behind the last one.
static void lay_keys(const float *keys, int64_t stride, int64_t tokens, int64_t n, float (*to)[LANES]) {
	if (tokens < LANES)
		memset(to, 0, sizeof(*to) * n);
	for (int64_t t = 0; t < tokens; t++, keys += stride)
		for (int64_t d = 0; d < n; d++) {
			if (d % LANES == 0)
				__builtin_prefetch(keys + AHEAD * stride + d); // rows lie too far apart for the processor to see what comes next
			to[d][t] = keys[d];
		}
}

// Keys lie [heads, blocks, head, LANES]: the numbers of one dimension of LANES keys lie side by side, so that scores of as many
// keys are added up at once. What is behind the last key is 0.
void videoqa_pack_keys(const struct packing *p, int64_t h) {
	const struct kernels *k = videoqa_kernels();
	int64_t blocks = padded(p->tokens) / LANES, size = p->half ? sizeof(uint16_t) : sizeof(float);
	float some[DIMENSIONS][LANES];
	for (int64_t b = 0; b < blocks; b++)
		for (int64_t d = 0; d < p->head; d += DIMENSIONS) {
			int64_t n = p->head - d < DIMENSIONS ? p->head - d : DIMENSIONS, left = p->tokens - b * LANES;
			char *to = (char *)p->to + ((h * blocks + b) * p->head + d) * LANES * size;
			lay_keys(p->from + b * LANES * p->stride + h * p->head + d, p->stride, left < LANES ? left : LANES, n, p->half ? some : (float (*)[LANES])to);
			if (p->half)
				k->pack(some[0], to, n * LANES, 1);
		}
}

// Values lie [heads, tokens, padded(head)], with 0 behind each.
void videoqa_pack_values(const struct packing *p, int64_t h) {
	const struct kernels *k = videoqa_kernels();
	int64_t stride = padded(p->head), size = p->half ? sizeof(uint16_t) : sizeof(float);
	for (int64_t t = 0; t < p->tokens; t++) {
		char *to = (char *)p->to + (h * p->tokens + t) * stride * size;
		k->pack(p->from + t * p->stride + h * p->head, to, p->head, p->half);
		memset(to + p->head * size, 0, (stride - p->head) * size);
	}
}

#include <string.h>

#include "kernels.h"

enum { DIMENSIONS = 64 }; // of a head that are packed at a time

// interleave puts n numbers of each of up to LANES keys side by side, 0 for what is behind the last key.
static void interleave(const float *keys, int64_t stride, int64_t tokens, int64_t n, float (*to)[LANES]) {
	if (tokens < LANES)
		memset(to, 0, sizeof(*to) * n);
	for (int64_t t = 0; t < tokens; t++, keys += stride)
		for (int64_t d = 0; d < n; d++) {
			if (d % LANES == 0)
				__builtin_prefetch((const float *)((uintptr_t)keys + sizeof(float) * (AHEAD * stride + d))); // rows lie too far apart for the processor to see what comes next
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
			interleave(p->from + b * LANES * p->stride + h * p->head + d, p->stride, left < LANES ? left : LANES, n, p->half ? some : (float (*)[LANES])to);
			if (p->half)
				k->narrow(some[0], (uint16_t *)to, n * LANES);
		}
}

// Values lie [heads, tokens, padded(head)], with 0 behind each.
void videoqa_pack_values(const struct packing *p, int64_t h) {
	const struct kernels *k = videoqa_kernels();
	int64_t stride = padded(p->head), size = p->half ? sizeof(uint16_t) : sizeof(float);
	for (int64_t t = 0; t < p->tokens; t++) {
		const float *from = p->from + t * p->stride + h * p->head;
		char *to = (char *)p->to + (h * p->tokens + t) * stride * size;
		if (p->half)
			k->narrow(from, (uint16_t *)to, p->head);
		else
			memcpy(to, from, sizeof(float) * p->head);
		memset(to + p->head * size, 0, (stride - p->head) * size);
	}
}

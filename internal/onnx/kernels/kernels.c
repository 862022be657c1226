#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

// best is the best set that this processor has, of those of that name if it is not "".
static const struct kernels *best(const char *name) {
	int any = *name == 0;
#if defined(__x86_64__)
	int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	if ((any || strcmp(name, videoqa_kernels_avx512bf16.name) == 0) && avx512 && __builtin_cpu_supports("avx512bf16"))
		return &videoqa_kernels_avx512bf16;
	if ((any || strcmp(name, videoqa_kernels_avx512.name) == 0) && avx512)
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

int videoqa_linear(const struct linear *l, int64_t task) {
	videoqa_kernels()->linear(l, task);
	return 0;
}

int videoqa_norms(const struct norms *n, int64_t task) {
	videoqa_kernels()->norms(n, task);
	return 0;
}

int videoqa_pack_tokens(const struct self_attention *l, int64_t task) {
	videoqa_kernels()->pack_tokens(l, task);
	return 0;
}

int videoqa_product(const struct product *p, int64_t task) { return videoqa_kernels()->product(p, task); }
int videoqa_gated(const struct gated *g, int64_t task) { return videoqa_kernels()->gated(g, task); }
int videoqa_mlp(const struct mlp *p, int64_t task) { return videoqa_kernels()->mlp(p, task); }
int videoqa_self_attention(const struct self_attention *l, int64_t task) { return videoqa_kernels()->self_attention(l, task); }
int videoqa_cross_attention(const struct cross_attention *a, int64_t task) { return videoqa_kernels()->cross_attention(a, task); }
int videoqa_prefix_attention(const struct prefix_attention *a, int64_t task) { return videoqa_kernels()->prefix_attention(a, task); }

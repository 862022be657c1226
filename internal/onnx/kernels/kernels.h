// The kernels, and the choice of a kernel set: the same arithmetic compiled for four kinds of processor. README.md has the laws and
// the layout of this folder.

#ifndef VIDEOQA_KERNELS_H
#define VIDEOQA_KERNELS_H

#include "attention.h"
#include "linear.h"
#include "product.h"

// A kernel set. Each function does one task; those that may find no memory return -1 then, and else 0.
struct kernels {
	const char *name;
	void (*linear)(const struct linear *, int64_t task);
	int (*product)(const struct product *, int64_t task);
	int (*gated)(const struct gated *, int64_t task);
	int (*mlp)(const struct mlp *, int64_t task);
	void (*norms)(const struct norms *, int64_t task);
	void (*pack_tokens)(const struct self_attention *, int64_t task);
	int (*self_attention)(const struct self_attention *, int64_t task);
	int (*cross_attention)(const struct cross_attention *, int64_t task);
	int (*prefix_attention)(const struct prefix_attention *, int64_t task);
	// narrow rounds n floats to float16, to even between two; what is too large becomes the largest one.
	void (*narrow)(const float *from, uint16_t *to, int64_t n);
};

extern const struct kernels videoqa_kernels_plain, videoqa_kernels_avx2, videoqa_kernels_avx512, videoqa_kernels_avx512bf16;

// videoqa_kernels returns the best set for this processor, or the one that was chosen.
const struct kernels *videoqa_kernels(void);

// videoqa_choose makes the set of that name the one in use, "" for the best. It returns 0 if this processor lacks it.
int videoqa_choose(const char *name);

// Each does one task by the set in use: 0, or -1 if there is no memory for it. Tasks may run at the same time, in any order.
int videoqa_linear(const struct linear *, int64_t task);
int videoqa_product(const struct product *, int64_t task);
int videoqa_gated(const struct gated *, int64_t task);
int videoqa_mlp(const struct mlp *, int64_t task);
int videoqa_norms(const struct norms *, int64_t task);
int videoqa_pack_tokens(const struct self_attention *, int64_t task); // all of these, then those of self-attention
int videoqa_self_attention(const struct self_attention *, int64_t task);
int videoqa_cross_attention(const struct cross_attention *, int64_t task);
int videoqa_prefix_attention(const struct prefix_attention *, int64_t task);

// Both pack one head.
void videoqa_pack_keys(const struct packing *, int64_t head);
void videoqa_pack_values(const struct packing *, int64_t head);

#endif

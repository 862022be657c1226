// The operators of our own, as ONNX Runtime runs them.

#ifndef VIDEOQA_OPS_H
#define VIDEOQA_OPS_H

#include <onnxruntime_c_api.h>

#include "kernels.h"

extern const OrtApi *videoqa_api;    // set once, before any session is opened
extern OrtMemoryInfo *videoqa_memory; // likewise: where all tensors are

struct kernel;

enum { NO_NORM, WITH_LAYER_NORM, WITH_RMS_NORM };

// An operator is OrtCustomOp, which comes first, and what our functions know of it.
struct operator {
	OrtCustomOp op;
	const char *name;
	OrtStatus *(*compute)(const struct kernel *, OrtKernelContext *);
	size_t inputs, outputs;
	int format;              // of the layers' weights, and of self-attention
	size_t layers;           // behind input 0 lie so many layers, weight and bias each, then the scales of INT8, then those of the norm
	int norm;
	int gated;               // the first two layers are the gate and the linear half of a gated product
	size_t half_from, half_to; // these inputs are float16
	int half_out;            // outputs are float16
	const char *integer, *real; // attributes, NULL: there is none
};

// A kernel is a node of a graph: its operator and its attributes.
struct kernel {
	const struct operator *of;
	int64_t integer;
	float real;
};

OrtStatus *videoqa_compute_linear(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_product(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_gated(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_mlp(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_rms_norm(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_self_attention(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_cross_attention(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_prefix_attention(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_pack_keys(const struct kernel *, OrtKernelContext *);
OrtStatus *videoqa_compute_pack_values(const struct kernel *, OrtKernelContext *);

#endif

#define _GNU_SOURCE // asprintf

// The domain of our operators within ONNX Runtime: a table of them, and what ONNX Runtime asks of each.

#include "custom.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

#define api videoqa_api

static const struct operator *of(const OrtCustomOp *o) { return (const struct operator *)o; }

static const char *ORT_API_CALL name_of(const OrtCustomOp *o) { return of(o)->name; }
static const char *ORT_API_CALL provider_of(const OrtCustomOp *o) { return NULL; } // the CPU's
static size_t ORT_API_CALL inputs_of(const OrtCustomOp *o) { return of(o)->inputs; }
static size_t ORT_API_CALL outputs_of(const OrtCustomOp *o) { return of(o)->outputs; }
static ONNXTensorElementDataType ORT_API_CALL input_type(const OrtCustomOp *o, size_t i) {
	const ONNXTensorElementDataType weights[] = {[FP32] = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, [BF16] = ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, [INT8] = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8};
	if (i % 2 == 1 && i < 2 * of(o)->layers)
		return weights[of(o)->format];
	return i >= of(o)->half_from && i < of(o)->half_to ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}
static ONNXTensorElementDataType ORT_API_CALL output_type(const OrtCustomOp *o, size_t i) {
	return of(o)->half_out ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}
static OrtCustomOpInputOutputCharacteristic ORT_API_CALL required(const OrtCustomOp *o, size_t i) { return INPUT_OUTPUT_REQUIRED; }
static OrtMemType ORT_API_CALL memory_of(const OrtCustomOp *o, size_t i) { return OrtMemTypeDefault; }
static int ORT_API_CALL one(const OrtCustomOp *o) { return 1; }
static int ORT_API_CALL newest(const OrtCustomOp *o) { return 1; }

static void ORT_API_CALL destroy(void *kernel) { free(kernel); }

static OrtStatus *ORT_API_CALL create(const OrtCustomOp *o, const OrtApi *a, const OrtKernelInfo *info, void **kernel) {
	struct kernel *k = calloc(1, sizeof *k);
	if (!k)
		return a->CreateStatus(ORT_RUNTIME_EXCEPTION, "there is no memory for an operator");
	k->of = of(o);
	OrtStatus *s = k->of->integer ? a->KernelInfoGetAttribute_int64(info, k->of->integer, &k->integer) : NULL;
	if (!s && k->of->real)
		s = a->KernelInfoGetAttribute_float(info, k->of->real, &k->real);
	if (s)
		free(k);
	else
		*kernel = k;
	return s;
}

static OrtStatus *ORT_API_CALL compute(void *kernel, OrtKernelContext *context) {
	const struct kernel *k = kernel;
	return k->of->compute(k, context);
}

#define OPERATOR \
	.op = {.version = ORT_API_VERSION, .GetName = name_of, .GetExecutionProviderType = provider_of, .GetInputType = input_type, .GetInputTypeCount = inputs_of, \
		.GetOutputType = output_type, .GetOutputTypeCount = outputs_of, .CreateKernelV2 = create, .KernelComputeV2 = compute, .KernelDestroy = destroy, \
		.GetInputCharacteristic = required, .GetOutputCharacteristic = required, .GetInputMemoryType = memory_of, .GetVariadicInputMinArity = one, \
		.GetVariadicInputHomogeneity = one, .GetVariadicOutputMinArity = one, .GetVariadicOutputHomogeneity = one, .GetStartVersion = one, .GetEndVersion = newest}

// x, so many layers with weights of a format, and what a norm wants: skip, gamma and, of a layer norm, beta.
#define LAYERS(named, computed, n, of_format, normed, is_gated) \
	{OPERATOR, .name = named, .compute = videoqa_compute_##computed, .inputs = 1 + n * (of_format == INT8 ? 3 : 2) + (normed == NO_NORM ? 0 : normed == WITH_RMS_NORM ? 2 : 3), \
		.outputs = normed == NO_NORM ? 1 : 2, .format = of_format, .layers = n, .norm = normed, .gated = is_gated, .integer = "activation", .real = normed == NO_NORM ? NULL : "epsilon"}

#define OF_FORMAT(prefix, format) \
	LAYERS(prefix "Product", product, 1, format, NO_NORM, 0), LAYERS(prefix "ProductNorm", product, 1, format, WITH_LAYER_NORM, 0), \
	LAYERS(prefix "ProductRMSNorm", product, 1, format, WITH_RMS_NORM, 0), LAYERS(prefix "GatedProduct", gated, 2, format, NO_NORM, 1), \
	LAYERS(prefix "MLPNorm", mlp, 2, format, WITH_LAYER_NORM, 0), LAYERS(prefix "MLPRMSNorm", mlp, 2, format, WITH_RMS_NORM, 0), \
	LAYERS(prefix "GatedMLPNorm", mlp, 3, format, WITH_LAYER_NORM, 1), LAYERS(prefix "GatedMLPRMSNorm", mlp, 3, format, WITH_RMS_NORM, 1)

#define SELF_ATTENTION(named, of_format, n) \
	{OPERATOR, .name = named, .compute = videoqa_compute_self_attention, .inputs = n, .outputs = 1, .format = of_format, .integer = "heads", .real = "scale"}

#define PACKED_ATTENTION(named, computed, from, n, m) \
	{OPERATOR, .name = named, .compute = videoqa_compute_##computed, .inputs = n, .outputs = m, .real = "scale"}, \
	{OPERATOR, .name = "Half" named, .compute = videoqa_compute_##computed, .inputs = n, .outputs = m, .half_from = from, .half_to = from + 2, .real = "scale"}

#define PACK(named, computed) \
	{OPERATOR, .name = named, .compute = videoqa_compute_##computed, .inputs = 1, .outputs = 1}, \
	{OPERATOR, .name = "Half" named, .compute = videoqa_compute_##computed, .inputs = 1, .outputs = 1, .half_out = 1}

static const struct operator operators[] = {
	{OPERATOR, .name = "Linear", .compute = videoqa_compute_linear, .inputs = 3, .outputs = 1},
	OF_FORMAT("", FP32),
	OF_FORMAT("BFloat16", BF16),
	OF_FORMAT("Int8", INT8),
	{OPERATOR, .name = "RMSNorm", .compute = videoqa_compute_rms_norm, .inputs = 2, .outputs = 1, .real = "epsilon"},
	{OPERATOR, .name = "SkipRMSNorm", .compute = videoqa_compute_rms_norm, .inputs = 3, .outputs = 2, .real = "epsilon"},
	SELF_ATTENTION("SelfAttention", FP32, 1),
	SELF_ATTENTION("BFloat16SelfAttention", BF16, 1),
	SELF_ATTENTION("BiasedSelfAttention", FP32, 2),
	SELF_ATTENTION("BFloat16BiasedSelfAttention", BF16, 2),
	PACKED_ATTENTION("CrossAttention", cross_attention, 1, 3, 1),
	PACKED_ATTENTION("PrefixAttention", prefix_attention, 2, 6, 3),
	PACK("PackKeys", pack_keys),
	PACK("PackValues", pack_values),
};

// message is what is wrong by s, to free, and NULL for NULL; s is released.
static char *message(OrtStatus *s) {
	if (!s)
		return NULL;
	char *m = strdup(api->GetErrorMessage(s));
	api->ReleaseStatus(s);
	return m ? m : strdup("there is no memory for the message");
}

// failed is what we were about to do, and what is wrong by s.
static char *failed(const char *what, OrtStatus *s) {
	char *why = message(s), *m = NULL;
	if (asprintf(&m, "%s: %s", what, why ? why : "") < 0)
		m = strdup(what);
	free(why);
	return m;
}

// share_memory gives the environment, of which a process has one, the memory that all sessions take turns in; each would keep as
// much as its largest run took, rounded up to a power of two.
static char *share_memory(void) {
	OrtEnv *env = NULL;
	OrtArenaCfg *arena = NULL;
	const char *keys[] = {"arena_extend_strategy"};
	const size_t values[] = {1}; // as much as is asked for
	OrtStatus *s = api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "videoqa", &env);
	if (!s)
		s = api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &videoqa_memory);
	if (!s)
		s = api->CreateArenaCfgV2(keys, values, 1, &arena);
	if (!s)
		s = api->CreateAndRegisterAllocator(env, videoqa_memory, arena);
	if (arena)
		api->ReleaseArenaCfg(arena);
	return s ? failed("let sessions share their memory", s) : NULL;
}

char *videoqa_domain(const char *path, void **domain) {
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL); // one more handle on it, which is never closed
	if (!library)
		return strdup("it cannot be opened again");
	const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
	if (!base || !(api = base()->GetApi(ORT_API_VERSION)))
		return strdup("it is older than the headers that this program was built with");
	OrtCustomOpDomain *made = NULL;
	OrtStatus *s = api->CreateCustomOpDomain("videoqa", &made);
	for (size_t i = 0; !s && i < sizeof operators / sizeof *operators; i++)
		s = api->CustomOpDomain_Add(made, &operators[i].op);
	if (s)
		return failed("make a domain of operators", s);
	*domain = made;
	return share_memory();
}

char *videoqa_add_domain(void *options, void *domain) { return message(api->AddCustomOpDomain(options, domain)); }

char *videoqa_add_weight(void *options, const char *name, void *data, size_t size, const int64_t *dims, size_t rank, int type, void **value) {
	OrtMemoryInfo *memory = NULL;
	OrtStatus *s = api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory);
	if (!s) {
		s = api->CreateTensorWithDataAsOrtValue(memory, data, size, dims, rank, type, (OrtValue **)value);
		api->ReleaseMemoryInfo(memory);
	}
	return message(s ? s : api->AddInitializer(options, name, *value));
}

void videoqa_drop_weight(void *value) { api->ReleaseValue(value); }

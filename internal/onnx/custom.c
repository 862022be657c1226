// Operators of our own within ONNX Runtime's graphs: it calls the kernels of kernel.h on its own threads.

#include "custom.h"

#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const OrtApi *api; // set once, before any session is opened
static OrtMemoryInfo *cpu; // likewise: where all tensors are

enum { MOST_DIMS = 4, MOST_INPUTS = 10 };

// A tensor is what a kernel sees of an input.
struct tensor {
	const void *data;
	int64_t dims[MOST_DIMS];
	size_t rank;
};

static OrtStatus *read_tensor(OrtKernelContext *context, size_t index, struct tensor *t) {
	const OrtValue *value = NULL;
	OrtTensorTypeAndShapeInfo *info = NULL;
	OrtStatus *s = api->KernelContext_GetInput(context, index, &value);
	if (!s)
		s = api->GetTensorTypeAndShape(value, &info);
	if (s)
		return s;
	s = api->GetDimensionsCount(info, &t->rank);
	if (!s && t->rank > MOST_DIMS)
		s = api->CreateStatus(ORT_INVALID_ARGUMENT, "an input has more than four axes");
	if (!s)
		s = api->GetDimensions(info, t->dims, t->rank);
	api->ReleaseTensorTypeAndShapeInfo(info);
	return s ? s : api->GetTensorMutableData((OrtValue *)value, (void **)&t->data);
}

static OrtStatus *read_tensors(OrtKernelContext *context, struct tensor *t, size_t n) {
	OrtStatus *s = NULL;
	for (size_t i = 0; i < n && !s; i++)
		s = read_tensor(context, i, &t[i]);
	return s;
}

static OrtStatus *output(OrtKernelContext *context, size_t index, const int64_t *dims, size_t rank, float **data) {
	OrtValue *value = NULL;
	OrtStatus *s = api->KernelContext_GetOutput(context, index, dims, rank, &value);
	return s ? s : api->GetTensorMutableData(value, (void **)data);
}

static int is(const struct tensor *t, size_t rank, const int64_t *dims) {
	return t->rank == rank && memcmp(t->dims, dims, rank * sizeof *dims) == 0;
}

#define FITS(t, ...) is(&(t), sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

// A job is what a kernel does in tasks, of which one may find no memory.
struct job {
	int (*task)(const void *of, int64_t task); // 0, or -1 if there is no memory
	const void *of;
	atomic_int failed;
};

static void do_task(void *data, size_t task) {
	struct job *j = data;
	if (j->task(j->of, (int64_t)task) != 0)
		atomic_store(&j->failed, 1);
}

// share has the session's threads do tasks, each taking the next one that nobody has.
static OrtStatus *share(OrtKernelContext *context, int (*task)(const void *, int64_t), const void *of, int64_t tasks) {
	struct job j = {.task = task, .of = of};
	OrtStatus *s = api->KernelContext_ParallelFor(context, do_task, tasks, tasks, &j);
	if (!s && atomic_load(&j.failed))
		s = api->CreateStatus(ORT_RUNTIME_EXCEPTION, "there is no memory for what a thread works on");
	return s;
}

static int linear_task(const void *l, int64_t task) { return videoqa_linear(l, task); }

static OrtStatus *ORT_API_CALL compute_linear(void *kernel, OrtKernelContext *context) {
	struct tensor in[3];
	OrtStatus *s = read_tensors(context, in, 3);
	if (s)
		return s;
	struct linear l = {.x = in[0].data, .weight = in[1].data, .bias = in[2].data, .rows = in[0].dims[0], .in = in[0].dims[1], .out = in[1].dims[0]};
	if (!FITS(in[0], l.rows, l.in) || !FITS(in[1], l.out, l.in) || !FITS(in[2], l.out))
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "Linear wants x [rows, in], weight [out, in] and bias [out]");
	s = output(context, 0, (int64_t[]){l.rows, l.out}, 2, &l.y);
	return s ? s : share(context, linear_task, &l, videoqa_linear_tasks(&l));
}

static int attention_task(const void *a, int64_t task) { return videoqa_attend(a, task); }

static int attention_fits(const struct attention *a, const struct tensor *in) {
	int64_t own = a->past + a->words;
	return FITS(in[0], a->questions * a->words, 3 * a->heads * a->head) && FITS(in[1], 1, a->questions, a->words, own) &&
		FITS(in[2], a->heads, padded(a->tokens) / LANES, a->head, LANES) && FITS(in[3], a->heads, a->tokens, padded(a->head)) &&
		FITS(in[4], a->heads, a->questions, a->past, a->head) && FITS(in[5], a->heads, a->questions, a->past, a->head);
}

static OrtStatus *compute_attention(OrtKernelContext *context, int half) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_tensors(context, in, 6);
	if (s)
		return s;
	struct attention a = {
		.qkv = in[0].data, .mask = in[1].data, .keys = in[2].data, .values = in[3].data, .old_keys = in[4].data, .old_values = in[5].data,
		.questions = in[1].dims[1], .words = in[1].dims[2], .past = in[4].dims[2], .tokens = in[3].dims[1], .heads = in[2].dims[0], .head = in[2].dims[2],
		.half = half,
	};
	if (!attention_fits(&a, in))
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "the lengths of what PrefixAttention was given do not fit each other");
	s = output(context, 0, (int64_t[]){a.questions * a.words, a.heads * a.head}, 2, &a.out);
	int64_t kept[] = {a.heads, a.questions, a.past + a.words, a.head};
	if (!s)
		s = output(context, 1, kept, 4, &a.new_keys);
	if (!s)
		s = output(context, 2, kept, 4, &a.new_values);
	return s ? s : share(context, attention_task, &a, videoqa_attention_tasks(&a));
}

static OrtStatus *ORT_API_CALL attention_whole(void *kernel, OrtKernelContext *context) { return compute_attention(context, 0); }
static OrtStatus *ORT_API_CALL attention_half(void *kernel, OrtKernelContext *context) { return compute_attention(context, 1); }

static int keys_task(const void *p, int64_t head) {
	videoqa_pack_keys(p, head);
	return 0;
}

static int values_task(const void *p, int64_t head) {
	videoqa_pack_values(p, head);
	return 0;
}

static OrtStatus *pack(OrtKernelContext *context, int values, int half) {
	struct tensor in;
	OrtStatus *s = read_tensor(context, 0, &in);
	if (s)
		return s;
	if (in.rank != 4)
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "keys and values to be packed are [tokens, parts, heads, head]");
	int64_t parts = in.dims[1], part = values ? parts - 1 : parts > 1 ? parts - 2 : 0;
	struct packing p = {.tokens = in.dims[0], .heads = in.dims[2], .head = in.dims[3], .half = half};
	p.stride = parts * p.heads * p.head, p.from = (const float *)in.data + part * p.heads * p.head;
	int64_t keys_dims[] = {p.heads, padded(p.tokens) / LANES, p.head, LANES}, values_dims[] = {p.heads, p.tokens, padded(p.head)};
	s = output(context, 0, values ? values_dims : keys_dims, values ? 3 : 4, (float **)&p.to);
	return s ? s : share(context, values ? values_task : keys_task, &p, p.heads);
}

static OrtStatus *ORT_API_CALL pack_keys(void *kernel, OrtKernelContext *context) { return pack(context, 0, 0); }
static OrtStatus *ORT_API_CALL pack_half_keys(void *kernel, OrtKernelContext *context) { return pack(context, 0, 1); }
static OrtStatus *ORT_API_CALL pack_values(void *kernel, OrtKernelContext *context) { return pack(context, 1, 0); }
static OrtStatus *ORT_API_CALL pack_half_values(void *kernel, OrtKernelContext *context) { return pack(context, 1, 1); }

static int product_task(const void *p, int64_t task) { return videoqa_product(p, task); }

// product_of is that of rows of so many numbers, and whether its weights, biases and, of bytes, scales fit it.
static int product_of(struct product *p, int64_t rows, int64_t in, const struct tensor *weight, const struct tensor *bias, const struct tensor *scales, int kind) {
	*p = (struct product){.weight = weight->data, .bias = bias->data, .rows = rows, .in = in, .out = bias->dims[0], .kind = kind};
	p->x_row = p->in, p->y_row = p->out;
	if (kind == QUADS)
		p->scales = scales->data;
	int64_t panels = padded(p->out) / LANES, deep = units(in, kind);
	return FITS(*bias, p->out) && (kind != QUADS || FITS(*scales, p->out)) &&
		(kind == FLOATS ? FITS(*weight, panels, deep, LANES) : FITS(*weight, panels, deep, LANES, kind == QUADS ? 4 : 2));
}

// A kernel is the settings of its node: a number, which is its activation or its heads, and above it the bits of its norm's epsilon.
static int number_of(void *kernel) { return (int)(uint32_t)(uintptr_t)kernel; }

static float epsilon_of(void *kernel) {
	uint32_t bits = (uint64_t)(uintptr_t)kernel >> 32;
	float epsilon;
	memcpy(&epsilon, &bits, sizeof epsilon);
	return epsilon;
}

// product_outputs makes room for a product's results, and with more, the inputs of a norm, for what that makes of them.
static OrtStatus *product_outputs(void *kernel, OrtKernelContext *context, struct product *p, struct norm *n, const struct tensor *more) {
	int64_t dims[] = {p->rows, p->out};
	if (!more)
		return output(context, 0, dims, 2, (float **)&p->y);
	if (!FITS(more[0], p->rows, p->out) || !FITS(more[1], p->out) || !FITS(more[2], p->out))
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "a norm wants what is skipped [rows, out], and two weights [out]");
	*n = (struct norm){.skip = more[0].data, .gamma = more[1].data, .beta = more[2].data, .width = p->out, .epsilon = epsilon_of(kernel)};
	OrtStatus *s = output(context, 0, dims, 2, &n->y);
	if (!s)
		s = output(context, 1, dims, 2, &n->sum);
	p->y = n->sum, p->norm = n;
	return s;
}

static OrtStatus *compute_product(void *kernel, OrtKernelContext *context, int kind) {
	struct tensor in[MOST_INPUTS];
	size_t own = kind == QUADS ? 4 : 3, all = 0; // those of a norm are behind its own, if it has one
	OrtStatus *s = api->KernelContext_GetInputCount(context, &all);
	if (!s)
		s = read_tensors(context, in, all);
	if (s)
		return s;
	struct product p;
	struct norm n;
	if (in[0].rank != 2 || !product_of(&p, in[0].dims[0], in[0].dims[1], &in[1], &in[2], &in[3], kind))
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "a product wants x [rows, in], weight in panels of [out, in], and bias [out]");
	p.x = in[0].data, p.act = number_of(kernel);
	s = product_outputs(kernel, context, &p, &n, all > own ? in + own : NULL);
	return s ? s : share(context, product_task, &p, product_tasks(&p));
}

static OrtStatus *ORT_API_CALL product_floats(void *kernel, OrtKernelContext *context) { return compute_product(kernel, context, FLOATS); }
static OrtStatus *ORT_API_CALL product_pairs(void *kernel, OrtKernelContext *context) { return compute_product(kernel, context, PAIRS); }
static OrtStatus *ORT_API_CALL product_quads(void *kernel, OrtKernelContext *context) { return compute_product(kernel, context, QUADS); }

static int perceptron_task(const void *p, int64_t task) { return videoqa_perceptron(p, task); }

static OrtStatus *compute_perceptron(void *kernel, OrtKernelContext *context, int kind) {
	struct tensor in[MOST_INPUTS];
	size_t own = kind == QUADS ? 7 : 5;
	OrtStatus *s = read_tensors(context, in, own + 3);
	if (s)
		return s;
	struct perceptron p;
	struct norm n;
	if (in[0].rank != 2 || !product_of(&p.up, in[0].dims[0], in[0].dims[1], &in[1], &in[2], &in[5], kind) ||
		!product_of(&p.down, in[0].dims[0], p.up.out, &in[3], &in[4], &in[6], kind))
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "a perceptron wants x [rows, in], and two weights in panels, of [hidden, in] and [out, hidden], with their biases");
	p.up.x = in[0].data, p.up.act = number_of(kernel);
	s = product_outputs(kernel, context, &p.down, &n, in + own);
	return s ? s : share(context, perceptron_task, &p, perceptron_tasks(&p));
}

static OrtStatus *ORT_API_CALL perceptron_floats(void *kernel, OrtKernelContext *context) { return compute_perceptron(kernel, context, FLOATS); }
static OrtStatus *ORT_API_CALL perceptron_pairs(void *kernel, OrtKernelContext *context) { return compute_perceptron(kernel, context, PAIRS); }
static OrtStatus *ORT_API_CALL perceptron_quads(void *kernel, OrtKernelContext *context) { return compute_perceptron(kernel, context, QUADS); }

static int tokens_task(const void *l, int64_t task) { return videoqa_pack_tokens(l, task); }

static int query_task(const void *l, int64_t task) { return videoqa_attend_self(l, task); }

static OrtStatus *compute_self_attention(void *kernel, OrtKernelContext *context, int kind) {
	struct tensor in;
	OrtStatus *s = read_tensor(context, 0, &in);
	if (s)
		return s;
	struct self_attention l = {.qkv = in.data, .batch = in.dims[0], .tokens = in.dims[1], .heads = number_of(kernel), .kind = kind};
	if (in.rank != 3 || l.heads < 1 || in.dims[2] % (3 * l.heads) != 0)
		return api->CreateStatus(ORT_INVALID_ARGUMENT, "attention wants queries, keys and values [batch, tokens, 3, heads, head]");
	l.head = in.dims[2] / (3 * l.heads);
	s = output(context, 0, (int64_t[]){l.batch, l.tokens, l.heads * l.head}, 3, &l.out);
	OrtAllocator *arena = NULL;
	if (!s)
		s = api->KernelContext_GetAllocator(context, cpu, &arena);
	if (!s)
		s = api->AllocatorAlloc(arena, self_attention_room(&l), &l.room);
	if (!s)
		s = share(context, tokens_task, &l, pack_tasks(&l));
	if (!s)
		s = share(context, query_task, &l, query_tasks(&l));
	if (l.room) {
		OrtStatus *freed = api->AllocatorFree(arena, l.room);
		if (s && freed)
			api->ReleaseStatus(freed);
		s = s ? s : freed;
	}
	if (arena)
		api->ReleaseAllocator(arena);
	return s;
}

static OrtStatus *ORT_API_CALL self_attention_floats(void *kernel, OrtKernelContext *context) { return compute_self_attention(kernel, context, FLOATS); }
static OrtStatus *ORT_API_CALL self_attention_pairs(void *kernel, OrtKernelContext *context) { return compute_self_attention(kernel, context, PAIRS); }

// An operator is OrtCustomOp, which comes first, and what its functions say of it.
struct operator {
	OrtCustomOp op;
	const char *name;
	size_t inputs, outputs;
	size_t half_from, half_to; // these inputs are float16, all others float
	int half;                  // outputs are float16, not float
	ONNXTensorElementDataType weight; // input 1 and the second weight are this, if it is anything
	size_t second_weight;             // which input that is, 0 if there is none
	const char *attribute;            // that the kernel has as its number, if there is one
	int norm;                         // it has a norm's epsilon too
};

static const char *ORT_API_CALL name_of(const OrtCustomOp *o) { return ((const struct operator *)o)->name; }
static const char *ORT_API_CALL provider_of(const OrtCustomOp *o) { return NULL; } // the CPU's
static size_t ORT_API_CALL inputs_of(const OrtCustomOp *o) { return ((const struct operator *)o)->inputs; }
static size_t ORT_API_CALL outputs_of(const OrtCustomOp *o) { return ((const struct operator *)o)->outputs; }
static ONNXTensorElementDataType ORT_API_CALL input_type(const OrtCustomOp *o, size_t i) {
	const struct operator *p = (const struct operator *)o;
	if (p->weight && (i == 1 || (p->second_weight && i == p->second_weight)))
		return p->weight;
	return i >= p->half_from && i < p->half_to ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}
static ONNXTensorElementDataType ORT_API_CALL output_type(const OrtCustomOp *o, size_t i) {
	return ((const struct operator *)o)->half ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}
static OrtCustomOpInputOutputCharacteristic ORT_API_CALL required(const OrtCustomOp *o, size_t i) { return INPUT_OUTPUT_REQUIRED; }
static OrtMemType ORT_API_CALL memory_of(const OrtCustomOp *o, size_t i) { return OrtMemTypeDefault; }
static int ORT_API_CALL one(const OrtCustomOp *o) { return 1; }
static int ORT_API_CALL newest(const OrtCustomOp *o) { return 1; }
static void ORT_API_CALL forget(void *kernel) {}
static OrtStatus *ORT_API_CALL create(const OrtCustomOp *o, const OrtApi *a, const OrtKernelInfo *info, void **kernel) {
	const struct operator *p = (const struct operator *)o;
	int64_t number = 0;
	float epsilon = 0;
	uint32_t bits;
	OrtStatus *s = p->attribute ? a->KernelInfoGetAttribute_int64(info, p->attribute, &number) : NULL;
	if (!s && p->norm)
		s = a->KernelInfoGetAttribute_float(info, "epsilon", &epsilon);
	memcpy(&bits, &epsilon, sizeof bits);
	*kernel = (void *)(uintptr_t)((uint64_t)bits << 32 | (uint32_t)number); // nothing else is kept between runs
	return s;
}

#define COMMON \
	.version = ORT_API_VERSION, .GetName = name_of, .GetExecutionProviderType = provider_of, .GetInputType = input_type, .GetInputTypeCount = inputs_of, \
	.GetOutputType = output_type, .GetOutputTypeCount = outputs_of, .KernelDestroy = forget, .GetInputCharacteristic = required, \
	.GetOutputCharacteristic = required, .GetInputMemoryType = memory_of, .GetVariadicInputMinArity = one, .GetVariadicInputHomogeneity = one, \
	.GetVariadicOutputMinArity = one, .GetVariadicOutputHomogeneity = one, .CreateKernelV2 = create, .GetStartVersion = one, .GetEndVersion = newest

#define PLAIN(named, compute, own, second, type) \
	{.op = {COMMON, .KernelComputeV2 = compute}, .name = named, .inputs = own, .outputs = 1, .attribute = "activation", .weight = type, .second_weight = second}
#define NORMED(named, compute, own, second, type) \
	{.op = {COMMON, .KernelComputeV2 = compute}, .name = named "Norm", .inputs = own + 3, .outputs = 2, .attribute = "activation", .weight = type, .second_weight = second, .norm = 1}
#define OF_EACH_KIND(how, named, computed, own, own_quads, second) \
	how(named, computed##_floats, own, second, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT), \
	how("Pair" named, computed##_pairs, own, second, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16), \
	how("Quad" named, computed##_quads, own_quads, second, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8)

static const struct operator operators[] = {
	{.op = {COMMON, .KernelComputeV2 = compute_linear}, .name = "Linear", .inputs = 3, .outputs = 1},
	{.op = {COMMON, .KernelComputeV2 = attention_whole}, .name = "PrefixAttention", .inputs = 6, .outputs = 3},
	{.op = {COMMON, .KernelComputeV2 = attention_half}, .name = "HalfPrefixAttention", .inputs = 6, .outputs = 3, .half_from = 2, .half_to = 4},
	{.op = {COMMON, .KernelComputeV2 = pack_keys}, .name = "PackKeys", .inputs = 1, .outputs = 1},
	{.op = {COMMON, .KernelComputeV2 = pack_half_keys}, .name = "HalfPackKeys", .inputs = 1, .outputs = 1, .half = 1},
	{.op = {COMMON, .KernelComputeV2 = pack_values}, .name = "PackValues", .inputs = 1, .outputs = 1},
	{.op = {COMMON, .KernelComputeV2 = pack_half_values}, .name = "HalfPackValues", .inputs = 1, .outputs = 1, .half = 1},
	OF_EACH_KIND(PLAIN, "Product", product, 3, 4, 0),
	OF_EACH_KIND(NORMED, "Product", product, 3, 4, 0),
	OF_EACH_KIND(NORMED, "Perceptron", perceptron, 5, 7, 3),
	{.op = {COMMON, .KernelComputeV2 = self_attention_floats}, .name = "SelfAttention", .inputs = 1, .outputs = 1, .attribute = "heads"},
	{.op = {COMMON, .KernelComputeV2 = self_attention_pairs}, .name = "PairSelfAttention", .inputs = 1, .outputs = 1, .attribute = "heads"},
};

// share_memory gives the environment, of which a process has one, the memory that all sessions take turns in; each would keep as
// much as its largest run took, rounded up to a power of two.
static const char *share_memory(void) {
	OrtEnv *env = NULL;
	OrtArenaCfg *arena = NULL;
	const char *keys[] = {"arena_extend_strategy"};
	const size_t values[] = {1}; // as much as is asked for
	OrtStatus *s = api->CreateEnv(ORT_LOGGING_LEVEL_WARNING, "videoqa", &env);
	if (!s)
		s = api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &cpu);
	if (!s)
		s = api->CreateArenaCfgV2(keys, values, 1, &arena);
	if (!s)
		s = api->CreateAndRegisterAllocator(env, cpu, arena);
	if (arena)
		api->ReleaseArenaCfg(arena);
	return s ? "it does not let sessions share their memory" : NULL;
}

const char *videoqa_domain(const char *path, void **domain) {
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL); // one more handle on it, which is never closed
	if (!library)
		return "it cannot be opened again";
	const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
	if (!base || !(api = base()->GetApi(ORT_API_VERSION)))
		return "it is older than the headers that this program was built with";
	OrtCustomOpDomain *made = NULL;
	if (api->CreateCustomOpDomain("videoqa", &made))
		return "it makes no domain of operators";
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (api->CustomOpDomain_Add(made, &operators[i].op))
			return "it does not take our operators";
	*domain = made;
	return share_memory();
}

// message takes what is wrong out of s, and NULL out of NULL.
static char *message(OrtStatus *s) {
	if (!s)
		return NULL;
	char *m = strdup(api->GetErrorMessage(s));
	api->ReleaseStatus(s);
	return m;
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

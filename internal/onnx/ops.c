// Each function here reads an operator's inputs, checks that their lengths fit each other, which the graph's builder has done before
// (operators.go and its neighbours), and has the session's threads do a kernel's tasks.

#include "ops.h"

#include <stdatomic.h>
#include <string.h>

const OrtApi *videoqa_api;
OrtMemoryInfo *videoqa_memory;

#define api videoqa_api

enum { MOST_DIMS = 4, MOST_INPUTS = 13 };

// A tensor is what a kernel sees of an input. Axes that it lacks are 0.
struct tensor {
	const void *data;
	int64_t dims[MOST_DIMS];
	size_t rank;
};

static OrtStatus *refuse(const char *what) { return api->CreateStatus(ORT_INVALID_ARGUMENT, what); }

static OrtStatus *read_tensor(OrtKernelContext *context, size_t index, struct tensor *t) {
	const OrtValue *value = NULL;
	OrtTensorTypeAndShapeInfo *info = NULL;
	*t = (struct tensor){0};
	OrtStatus *s = api->KernelContext_GetInput(context, index, &value);
	if (!s)
		s = api->GetTensorTypeAndShape(value, &info);
	if (s)
		return s;
	s = api->GetDimensionsCount(info, &t->rank);
	if (!s && t->rank > MOST_DIMS)
		s = refuse("an input has more than four axes");
	if (!s)
		s = api->GetDimensions(info, t->dims, t->rank);
	api->ReleaseTensorTypeAndShapeInfo(info);
	return s ? s : api->GetTensorMutableData((OrtValue *)value, (void **)&t->data);
}

// read_inputs reads all inputs of an operator.
static OrtStatus *read_inputs(const struct kernel *k, OrtKernelContext *context, struct tensor *t) {
	OrtStatus *s = NULL;
	for (size_t i = 0; i < k->of->inputs && !s; i++)
		s = read_tensor(context, i, &t[i]);
	return s;
}

static OrtStatus *output(OrtKernelContext *context, size_t index, const int64_t *dims, size_t rank, void **data) {
	OrtValue *value = NULL;
	OrtStatus *s = api->KernelContext_GetOutput(context, index, dims, rank, &value);
	return s ? s : api->GetTensorMutableData(value, data);
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

// run has the session's threads do tasks, each taking the next one that nobody has.
static OrtStatus *run(OrtKernelContext *context, int (*task)(const void *, int64_t), const void *of, int64_t tasks) {
	struct job j = {.task = task, .of = of};
	OrtStatus *s = api->KernelContext_ParallelFor(context, do_task, tasks, tasks, &j);
	if (!s && atomic_load(&j.failed))
		s = api->CreateStatus(ORT_RUNTIME_EXCEPTION, "there is no memory for what a thread works on");
	return s;
}

static int linear_task(const void *l, int64_t task) { return videoqa_linear(l, task); }
static int product_task(const void *p, int64_t task) { return videoqa_product(p, task); }
static int gated_task(const void *g, int64_t task) { return videoqa_gated(g, task); }
static int mlp_task(const void *p, int64_t task) { return videoqa_mlp(p, task); }
static int norms_task(const void *n, int64_t task) { return videoqa_norms(n, task); }
static int tokens_task(const void *l, int64_t task) { return videoqa_pack_tokens(l, task); }
static int self_attention_task(const void *l, int64_t task) { return videoqa_self_attention(l, task); }
static int cross_attention_task(const void *a, int64_t task) { return videoqa_cross_attention(a, task); }
static int prefix_attention_task(const void *a, int64_t task) { return videoqa_prefix_attention(a, task); }

static int keys_task(const void *p, int64_t head) {
	videoqa_pack_keys(p, head);
	return 0;
}

static int values_task(const void *p, int64_t head) {
	videoqa_pack_values(p, head);
	return 0;
}

OrtStatus *videoqa_compute_linear(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct linear l = {.x = in[0].data, .weight = in[1].data, .bias = in[2].data, .rows = in[0].dims[0], .in = in[0].dims[1], .out = in[1].dims[0]};
	if (!FITS(in[0], l.rows, l.in) || !FITS(in[1], l.out, l.in) || !FITS(in[2], l.out))
		return refuse("Linear wants x [rows, in], weight [out, in] and bias [out]");
	s = output(context, 0, (int64_t[]){l.rows, l.out}, 2, (void **)&l.y);
	return s ? s : run(context, linear_task, &l, linear_tasks(&l));
}

// layer makes p layer i of an operator, of rows of so many numbers, and says whether its weights, bias and, of INT8, scales fit it.
static int layer(const struct kernel *k, struct product *p, size_t i, int64_t rows, int64_t in, const struct tensor *t) {
	const struct tensor *weight = &t[1 + 2 * i], *bias = &t[2 + 2 * i], *scales = &t[1 + 2 * k->of->layers + i];
	int format = k->of->format;
	*p = (struct product){.weight = weight->data, .bias = bias->data, .rows = rows, .in = in, .out = bias->dims[0], .format = format};
	p->x_stride = p->in, p->y_stride = p->out;
	if (format == INT8)
		p->scales = scales->data;
	int64_t panels = padded(p->out) / LANES, deep = units(in, format);
	return FITS(*bias, p->out) && (format != INT8 || FITS(*scales, p->out)) &&
		(format == FP32 ? FITS(*weight, panels, deep, LANES) : FITS(*weight, panels, deep, LANES, format == INT8 ? 4 : 2));
}

// results makes room for what p gives, and, of an operator with a norm, for what that makes of it.
static OrtStatus *results(const struct kernel *k, OrtKernelContext *context, struct product *p, struct norm *n, const struct tensor *in) {
	int64_t dims[] = {p->rows, p->out};
	if (k->of->norm == NO_NORM)
		return output(context, 0, dims, 2, &p->y);
	const struct tensor *more = in + 1 + (k->of->format == INT8 ? 3 : 2) * k->of->layers;
	int rms = k->of->norm == WITH_RMS_NORM;
	if (!FITS(more[0], p->rows, p->out) || !FITS(more[1], p->out) || (!rms && !FITS(more[2], p->out)) || p->out < 1)
		return refuse("a norm wants skip [rows, out], gamma [out] and, of a layer norm, beta [out], of at least one output");
	*n = (struct norm){.skip = more[0].data, .gamma = more[1].data, .width = p->out, .epsilon = k->real, .kind = rms ? RMS_NORM : LAYER_NORM};
	if (!rms)
		n->beta = more[2].data;
	OrtStatus *s = output(context, 0, dims, 2, (void **)&n->y);
	if (!s)
		s = output(context, 1, dims, 2, (void **)&n->sum);
	n->x = n->sum, p->y = n->sum, p->norm = n;
	return s;
}

OrtStatus *videoqa_compute_product(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct product p;
	struct norm n;
	if (in[0].rank != 2 || !layer(k, &p, 0, in[0].dims[0], in[0].dims[1], in))
		return refuse("a product wants x [rows, in], a weight in panels of [out, in], and bias [out]");
	p.x = in[0].data, p.act = (int)k->integer;
	s = results(k, context, &p, &n, in);
	return s ? s : run(context, product_task, &p, product_tasks(&p));
}

// gated_layers makes g the first two layers of an operator, and says whether they fit.
static int gated_layers(const struct kernel *k, struct gated *g, const struct tensor *in) {
	if (in[0].rank != 2 || !layer(k, &g->gate, 0, in[0].dims[0], in[0].dims[1], in) || !layer(k, &g->linear, 1, in[0].dims[0], in[0].dims[1], in))
		return 0;
	g->gate.x = g->linear.x = in[0].data, g->gate.act = (int)k->integer;
	return g->gate.out == g->linear.out;
}

OrtStatus *videoqa_compute_gated(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct gated g;
	if (!gated_layers(k, &g, in))
		return refuse("a gated product wants x [rows, in], and two weights in panels of [out, in] with their biases");
	s = results(k, context, &g.gate, NULL, in);
	return s ? s : run(context, gated_task, &g, gated_tasks(&g));
}

OrtStatus *videoqa_compute_mlp(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct mlp p = {.gated = k->of->gated};
	struct norm n;
	int fits = k->of->gated ? gated_layers(k, &p.up, in) : in[0].rank == 2 && layer(k, &p.up.gate, 0, in[0].dims[0], in[0].dims[1], in);
	if (!fits || !layer(k, &p.down, k->of->layers - 1, in[0].dims[0], p.up.gate.out, in))
		return refuse("an MLP wants x [rows, in], and weights in panels of [hidden, in], of a gated one two, and of [out, hidden], with their biases");
	p.up.gate.x = in[0].data, p.up.gate.act = (int)k->integer;
	s = results(k, context, &p.down, &n, in);
	return s ? s : run(context, mlp_task, &p, mlp_tasks(&p));
}

OrtStatus *videoqa_compute_rms_norm(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	size_t skip = k->of->inputs - 2; // 1 if there is one
	const struct tensor *gamma = &in[1 + skip];
	struct norms n = {.rows = in[0].dims[0], .norm = {.x = in[0].data, .gamma = gamma->data, .width = in[0].dims[1], .epsilon = k->real, .kind = RMS_NORM}};
	int64_t *dims = in[0].dims, width = n.norm.width;
	if (in[0].rank != 2 || width < 1 || !FITS(*gamma, width) || (skip && !FITS(in[1], n.rows, width)))
		return refuse("RMSNorm wants x and skip [rows, width] and gamma [width], of at least one number");
	s = output(context, 0, dims, 2, (void **)&n.norm.y);
	if (!s && skip)
		s = output(context, 1, dims, 2, (void **)&n.norm.sum);
	if (skip)
		n.norm.skip = in[1].data;
	return s ? s : run(context, norms_task, &n, norms_tasks(&n));
}

// bias_of reports whether t is a bias of l, and makes it its own.
static int bias_of(struct self_attention *l, const struct tensor *t) {
	int64_t most[] = {l->batch, l->heads, l->tokens}, *strides[] = {&l->bias.batch, &l->bias.head, &l->bias.query}, each = l->tokens;
	for (int i = 2; i >= 0; i--) {
		if (t->dims[i] != 1 && t->dims[i] != most[i])
			return 0;
		*strides[i] = t->dims[i] == 1 ? 0 : each;
		each *= t->dims[i];
	}
	l->bias.data = t->data;
	return t->rank == 4 && t->dims[3] == l->tokens;
}

OrtStatus *videoqa_compute_self_attention(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct self_attention l = {.qkv = in[0].data, .batch = in[0].dims[0], .tokens = in[0].dims[1], .heads = k->integer, .scale = k->real, .format = k->of->format};
	if (in[0].rank != 3 || l.heads < 1 || in[0].dims[2] % (3 * l.heads) != 0)
		return refuse("self-attention wants queries, keys and values [batch, tokens, 3, heads, head]");
	l.head = in[0].dims[2] / (3 * l.heads);
	if (k->of->inputs > 1 && !bias_of(&l, &in[1]))
		return refuse("self-attention wants a bias [batch or 1, heads or 1, tokens or 1, tokens]");
	s = output(context, 0, (int64_t[]){l.batch, l.tokens, l.heads * l.head}, 3, (void **)&l.out);
	OrtAllocator *arena = NULL;
	if (!s)
		s = api->KernelContext_GetAllocator(context, videoqa_memory, &arena);
	if (!s)
		s = api->AllocatorAlloc(arena, self_attention_panels(&l), &l.panels);
	if (!s)
		s = run(context, tokens_task, &l, pack_tasks(&l));
	if (!s)
		s = run(context, self_attention_task, &l, query_tasks(&l));
	if (l.panels) {
		OrtStatus *freed = api->AllocatorFree(arena, l.panels);
		if (s && freed)
			api->ReleaseStatus(freed);
		s = s ? s : freed;
	}
	if (arena)
		api->ReleaseAllocator(arena);
	return s;
}

// packed_of makes p what two inputs hold, and says whether they fit each other.
static int packed_of(const struct kernel *k, struct packed *p, const struct tensor *keys, const struct tensor *values) {
	*p = (struct packed){
		.keys = keys->data, .values = values->data, .heads = keys->dims[0], .head = keys->dims[2], .tokens = values->dims[1], .half = k->of->half_to > k->of->half_from,
	};
	return FITS(*keys, p->heads, padded(p->tokens) / LANES, p->head, LANES) && FITS(*values, p->heads, p->tokens, padded(p->head));
}

OrtStatus *videoqa_compute_cross_attention(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct cross_attention a = {.queries = in[0].data, .rows = in[0].dims[0], .scale = k->real};
	if (!packed_of(k, &a.packed, &in[1], &in[2]) || a.packed.tokens < 1 || !FITS(in[0], a.rows, a.packed.heads * a.packed.head))
		return refuse("CrossAttention wants queries [rows, heads*head], and packed keys and values of at least one token");
	s = output(context, 0, in[0].dims, 2, (void **)&a.out);
	return s ? s : run(context, cross_attention_task, &a, cross_attention_tasks(&a));
}

static int prefix_attention_fits(const struct prefix_attention *a, const struct tensor *in) {
	int64_t own = a->past + a->words, heads = a->prefix.heads, head = a->prefix.head;
	return FITS(in[0], a->questions * a->words, 3 * heads * head) && (FITS(in[1], 1, a->questions, a->words, own) || FITS(in[1], heads, a->questions, a->words, own)) &&
		FITS(in[4], heads, a->questions, a->past, head) && FITS(in[5], heads, a->questions, a->past, head);
}

OrtStatus *videoqa_compute_prefix_attention(const struct kernel *k, OrtKernelContext *context) {
	struct tensor in[MOST_INPUTS];
	OrtStatus *s = read_inputs(k, context, in);
	if (s)
		return s;
	struct prefix_attention a = {
		.qkv = in[0].data, .mask = in[1].data, .past_keys = in[4].data, .past_values = in[5].data,
		.questions = in[1].dims[1], .words = in[1].dims[2], .past = in[4].dims[2], .scale = k->real,
	};
	if (!packed_of(k, &a.prefix, &in[2], &in[3]) || !prefix_attention_fits(&a, in))
		return refuse("the lengths of what PrefixAttention was given do not fit each other");
	int64_t heads = a.prefix.heads, head = a.prefix.head, kept[] = {heads, a.questions, a.past + a.words, head};
	if (in[1].dims[0] > 1)
		a.mask_head = a.questions * a.words * kept[2];
	s = output(context, 0, (int64_t[]){a.questions * a.words, heads * head}, 2, (void **)&a.out);
	if (!s)
		s = output(context, 1, kept, 4, (void **)&a.new_keys);
	if (!s)
		s = output(context, 2, kept, 4, (void **)&a.new_values);
	return s ? s : run(context, prefix_attention_task, &a, prefix_attention_tasks(&a));
}

// packing_of makes p the part of an input [tokens, parts, heads, head] that is so many parts before its end, or the first.
static OrtStatus *packing_of(const struct kernel *k, OrtKernelContext *context, struct packing *p, int64_t before) {
	struct tensor in;
	OrtStatus *s = read_tensor(context, 0, &in);
	if (s)
		return s;
	int64_t parts = in.dims[1];
	if (in.rank != 4 || parts < 1)
		return refuse("keys and values to be packed are [tokens, parts, heads, head]");
	*p = (struct packing){.tokens = in.dims[0], .heads = in.dims[2], .head = in.dims[3], .half = k->of->half_out};
	p->stride = parts * p->heads * p->head;
	p->from = (const float *)in.data + (parts > before ? parts - 1 - before : 0) * p->heads * p->head;
	return NULL;
}

OrtStatus *videoqa_compute_pack_keys(const struct kernel *k, OrtKernelContext *context) {
	struct packing p;
	OrtStatus *s = packing_of(k, context, &p, 1);
	if (!s)
		s = output(context, 0, (int64_t[]){p.heads, padded(p.tokens) / LANES, p.head, LANES}, 4, &p.to);
	return s ? s : run(context, keys_task, &p, p.heads);
}

OrtStatus *videoqa_compute_pack_values(const struct kernel *k, OrtKernelContext *context) {
	struct packing p;
	OrtStatus *s = packing_of(k, context, &p, 0);
	if (!s)
		s = output(context, 0, (int64_t[]){p.heads, p.tokens, padded(p.head)}, 3, &p.to);
	return s ? s : run(context, values_task, &p, p.heads);
}

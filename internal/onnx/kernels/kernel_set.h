// The arithmetic of kernel.h for one kind of processor. The file that includes this one defines SET, the name of the set,
// TARGET, the attribute that names the processor, WIDTH, how many numbers a register holds, and how much its registers hold at a
// time: DOT_ROWS, DOT_OUTPUTS, KEY_ROWS, VALUE_ROWS and VALUE_CHUNK. A number never depends on what is computed beside it: whatever the grouping, each sum is
// added up in the same order.

#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FN TARGET static
#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

enum { EACH = LANES / WIDTH }; // registers for LANES numbers

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef float vec4 __attribute__((vector_size(16)));
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t shorts __attribute__((vector_size(2 * WIDTH)));
typedef struct { vec v; } __attribute__((packed, aligned(4), may_alias)) loose; // a vec anywhere
typedef struct { shorts v; } __attribute__((packed, aligned(2), may_alias)) loose_half;

INLINE vec load(const float *p) { return ((const loose *)p)->v; }
INLINE void store(float *p, vec v) { ((loose *)p)->v = v; }
INLINE vec splat(float f) { return (vec){} + f; }

INLINE float sum(vec v) {
	vec4 quarters[WIDTH / 4];
	memcpy(quarters, &v, sizeof v);
	vec4 b = quarters[0];
#if WIDTH == 16
	b = (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
#elif WIDTH == 8
	b = quarters[0] + quarters[1];
#endif
	return (b[0] + b[2]) + (b[1] + b[3]);
}

#ifndef WIDEN
// widen takes float16 to float. The exponent is moved by a multiplication, which is right for subnormal numbers too; what is no
// number keeps an exponent of ones.
INLINE vec widen(const uint16_t *p) {
	ints h = __builtin_convertvector(((const loose_half *)p)->v, ints);
	vec magnitude = (vec)((h & 0x7fff) << 13) * 0x1p112f;
	return (vec)((ints)magnitude | ((magnitude >= 0x1p16f) & 0x7f800000) | (h & 0x8000) << 16);
}
#else
INLINE vec widen(const uint16_t *p) { return WIDEN(p); }
#endif

INLINE vec load_as(const void *p, int64_t at, const int half) {
	return half ? widen((const uint16_t *)p + at) : load((const float *)p + at);
}

// dots is outputs [o, o+outputs) of rows [r, r+rows); both numbers are constants where it is called.
INLINE void dots(const struct linear *l, int64_t r, int64_t o, const int rows, const int outputs) {
	vec acc[DOT_ROWS][DOT_OUTPUTS];
	const float *x = l->x + r * l->in, *w = l->weight + o * l->in;
	int64_t whole = l->in / WIDTH * WIDTH;
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int k = 0; k < outputs; k++) acc[i][k] = (vec){};
	for (int64_t d = 0; d < whole; d += WIDTH) {
		vec v[DOT_OUTPUTS];
		UNROLL for (int k = 0; k < outputs; k++) v[k] = load(w + k * l->in + d);
		UNROLL for (int i = 0; i < rows; i++) {
			vec a = load(x + i * l->in + d);
			UNROLL for (int k = 0; k < outputs; k++) acc[i][k] += a * v[k];
		}
	}
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int k = 0; k < outputs; k++) {
			float y = sum(acc[i][k]);
			for (int64_t d = whole; d < l->in; d++)
				y += x[i * l->in + d] * w[k * l->in + d];
			l->y[(r + i) * l->out + o + k] = y + l->bias[o + k];
		}
}

INLINE void outputs(const struct linear *l, int64_t r, int64_t from, int64_t to, const int rows) {
	int64_t o = from;
	for (; o + DOT_OUTPUTS <= to; o += DOT_OUTPUTS)
		dots(l, r, o, rows, DOT_OUTPUTS);
	for (; o < to; o++)
		dots(l, r, o, rows, 1);
}

FN void linear(const struct linear *l, int64_t task) {
	int64_t from = task * LINEAR_OUTPUTS, to = from + LINEAR_OUTPUTS < l->out ? from + LINEAR_OUTPUTS : l->out, r = 0;
	for (; r + DOT_ROWS <= l->rows; r += DOT_ROWS)
		outputs(l, r, from, to, DOT_ROWS);
	for (; r < l->rows; r++)
		outputs(l, r, from, to, 1);
}

// larger is the larger of both, lane by lane; the second where one is not a number.
#ifndef LARGER
INLINE vec larger(vec a, vec b) {
	ints above = a > b;
	return (vec)(((ints)a & above) | ((ints)b & ~above));
}
#else
INLINE vec larger(vec a, vec b) { return LARGER(a, b); }
#endif

// exp2v is 2 to the power of v, which is 0 or less, within two units in the last place; 0 below 2^-126. The polynomial, of what v is
// above the whole number below it, was fitted to have the least error relative to the power.
INLINE vec exp2v(vec v) {
#ifdef FRACTION
	vec r = FRACTION(v);
#else
	const float magic = 0x1.8p23f; // added, it leaves a whole number in the lowest bits
	vec n = v - 0.5f + magic, r = v - (n - magic);
#endif
	vec p = r * 0.0018775759963318706f + 0.00898934155702591f;
	p = p * r + 0.05582631751894951f;
	p = p * r + 0.24015361070632935f;
	p = p * r + 0.6931530833244324f;
	p = p * r + 0.9999999403953552f;
#ifdef SCALE
	return SCALE(p, v);
#else
	vec two = (vec)(((ints)n << 23) + (127 << 23)); // what magic adds to the bits is shifted out
	return (vec)((ints)(p * two) & ~(v <= -126.0f)); // what is not a number stays so
#endif
}

// expv is e to the power of v, which is 0 or less; v's own rounding, times log2 e, is in its error.
INLINE vec expv(vec v) { return exp2v(v * 1.44269504f); }

// store_bfloats rounds up to WIDTH numbers to the nearest bfloat16, to even between two, and fills up to whole units.
INLINE void store_bfloats(uint16_t *to, vec v, int64_t n) {
#ifdef BFLOATS
	shorts high = (shorts)BFLOATS(v);
#else
	ints bits = (ints)v, odd = (bits >> 16) & 1, nan = v != v;
	bits = ((bits + 0x7fff + odd) & ~nan) | ((bits | 0x400000) & nan);
	shorts high = __builtin_convertvector((bits >> 16) & 0xffff, shorts);
#endif
	if (n >= WIDTH)
		memcpy(to, &high, sizeof high);
	else
		memcpy(to, &high, sizeof(uint16_t) * ((n + 1) / 2 * 2));
}

// weigh turns a row of n scores, a multiple of WIDTH, into weights that are not divided by their sum yet, which it returns. They go
// to pairs, rounded to bfloat16, instead if that is not NULL.
INLINE float weigh_into(float *scores, uint16_t *pairs, int64_t n) {
	vec most = load(scores), total = {};
	for (int64_t i = WIDTH; i < n; i += WIDTH)
		most = larger(load(scores + i), most);
	float top = most[0];
	for (int i = 1; i < WIDTH; i++)
		top = most[i] > top ? most[i] : top;
	top *= 1.44269504f;
	for (int64_t i = 0; i < n; i += WIDTH) {
		vec e = exp2v(load(scores + i) * 1.44269504f - top);
		if (pairs)
			store_bfloats(pairs + i, e, WIDTH);
		else
			store(scores + i, e);
		total += e;
	}
	return sum(total);
}

FN float weigh(float *scores, int64_t n) { return weigh_into(scores, NULL, n); }

// A part is one task: rows [first, first+rows) of one head.
struct part {
	const struct attention *a;
	int64_t head, first, rows;
	int64_t own, width; // words of a row's own, and scores of a row: those of tokens, padded, then those of words, padded
	float *queries, *scores, *totals;
};

INLINE void key_rows(const struct part *p, const void *keys, int64_t block, int64_t r, const int rows, const int half) {
	const struct attention *a = p->a;
	vec acc[KEY_ROWS][EACH];
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int e = 0; e < EACH; e++) acc[i][e] = (vec){};
	for (int64_t d = 0; d < a->head; d++) {
		vec k[EACH];
		UNROLL for (int e = 0; e < EACH; e++) k[e] = load_as(keys, (block * a->head + d) * LANES + e * WIDTH, half);
		UNROLL for (int i = 0; i < rows; i++) {
			float q = p->queries[(r + i) * a->head + d];
			UNROLL for (int e = 0; e < EACH; e++) acc[i][e] += k[e] * q;
		}
	}
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int e = 0; e < EACH; e++) store(p->scores + (r + i) * p->width + block * LANES + e * WIDTH, acc[i][e]);
}

INLINE void score_tokens(const struct part *p, const int half) {
	const struct attention *a = p->a;
	int64_t blocks = padded(a->tokens) / LANES, each = blocks * a->head * LANES;
	const void *keys = half ? (const void *)((const uint16_t *)a->keys + p->head * each) : (const void *)((const float *)a->keys + p->head * each);
	for (int64_t b = 0; b < blocks; b++) {
		int64_t r = 0;
		for (; r + KEY_ROWS <= p->rows; r += KEY_ROWS)
			key_rows(p, keys, b, r, KEY_ROWS, half);
		for (; r < p->rows; r++)
			key_rows(p, keys, b, r, 1, half);
	}
	for (int64_t r = 0; r < p->rows; r++) // a packed block's last keys may be none
		for (int64_t t = a->tokens; t < blocks * LANES; t++)
			p->scores[r * p->width + t] = -INFINITY;
}

INLINE float dot(const float *x, const float *y, int64_t n) {
	vec acc = {};
	int64_t i = 0;
	for (; i + WIDTH <= n; i += WIDTH)
		acc += load(x + i) * load(y + i);
	float s = sum(acc);
	for (; i < n; i++)
		s += x[i] * y[i];
	return s;
}

// word is the key (which = 1) or value (2) of word t of row's own question.
INLINE const float *word(const struct part *p, int64_t row, int64_t t, int which) {
	const struct attention *a = p->a;
	int64_t question = row / a->words;
	if (t < a->past)
		return (which == 1 ? a->old_keys : a->old_values) + ((p->head * a->questions + question) * a->past + t) * a->head;
	return a->qkv + ((question * a->words + t - a->past) * 3 + which) * a->heads * a->head + p->head * a->head;
}

FN void score_words(const struct part *p) {
	const struct attention *a = p->a;
	for (int64_t r = 0; r < p->rows; r++) {
		int64_t row = p->first + r;
		float *s = p->scores + r * p->width + padded(a->tokens);
		for (int64_t t = 0; t < p->own; t++)
			s[t] = dot(p->queries + r * a->head, word(p, row, t, 1), a->head) + a->mask[row * p->own + t];
		for (int64_t t = p->own; t < padded(p->own); t++)
			s[t] = -INFINITY;
	}
}

INLINE void value_rows(const struct part *p, const void *values, int64_t d, int64_t r, const int rows, const int chunks, const int half) {
	const struct attention *a = p->a;
	int64_t stride = padded(a->head);
	vec acc[VALUE_ROWS][VALUE_CHUNK];
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int c = 0; c < chunks; c++) acc[i][c] = (vec){};
	const float *weights = p->scores + r * p->width;
	for (int64_t t = 0; t < a->tokens; t++) {
		vec v[VALUE_CHUNK];
		UNROLL for (int c = 0; c < chunks; c++) v[c] = load_as(values, t * stride + d + c * WIDTH, half);
		UNROLL for (int i = 0; i < rows; i++)
			UNROLL for (int c = 0; c < chunks; c++) acc[i][c] += v[c] * weights[i * p->width + t];
	}
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int c = 0; c < chunks; c++) store(p->queries + (r + i) * stride + d + c * WIDTH, acc[i][c]);
}

// read_tokens leaves what the rows read of tokens where their queries were.
INLINE void read_tokens(const struct part *p, const int half) {
	const struct attention *a = p->a;
	int64_t stride = padded(a->head), each = a->tokens * stride;
	const void *values = half ? (const void *)((const uint16_t *)a->values + p->head * each) : (const void *)((const float *)a->values + p->head * each);
	for (int64_t r = 0, rows; r < p->rows; r += rows) {
		rows = r + VALUE_ROWS <= p->rows ? VALUE_ROWS : 1;
		int64_t d = 0;
		for (; d + VALUE_CHUNK * WIDTH <= stride; d += VALUE_CHUNK * WIDTH)
			rows == 1 ? value_rows(p, values, d, r, 1, VALUE_CHUNK, half) : value_rows(p, values, d, r, VALUE_ROWS, VALUE_CHUNK, half);
		for (; d < stride; d += WIDTH)
			rows == 1 ? value_rows(p, values, d, r, 1, 1, half) : value_rows(p, values, d, r, VALUE_ROWS, 1, half);
	}
}

FN void read_words(const struct part *p) {
	const struct attention *a = p->a;
	int64_t stride = padded(a->head);
	for (int64_t r = 0; r < p->rows; r++) {
		int64_t row = p->first + r;
		const float *weights = p->scores + r * p->width + padded(a->tokens);
		float *read = p->queries + r * stride, *out = a->out + (row * a->heads + p->head) * a->head, scale = 1 / p->totals[r];
		for (int64_t t = 0; t < p->own; t++) {
			const float *v = word(p, row, t, 2);
			for (int64_t d = 0; d < a->head; d++)
				read[d] += weights[t] * v[d];
		}
		for (int64_t d = 0; d < a->head; d++)
			out[d] = read[d] * scale;
	}
}

// keep copies the rows' keys and values to where the next step looks for them.
FN void keep(const struct part *p) {
	const struct attention *a = p->a;
	for (int64_t row = p->first; row < p->first + p->rows; row++) {
		int64_t question = row / a->words, at = ((p->head * a->questions + question) * p->own) * a->head;
		int64_t from = row % a->words == 0 ? 0 : a->past + row % a->words, to = a->past + row % a->words + 1;
		for (int64_t t = from; t < to; t++) {
			memcpy(a->new_keys + at + t * a->head, word(p, row, t, 1), sizeof(float) * a->head);
			memcpy(a->new_values + at + t * a->head, word(p, row, t, 2), sizeof(float) * a->head);
		}
	}
}

FN int attend(const struct attention *a, int64_t task) {
	int64_t rows = a->questions * a->words, blocks = (rows + ATTENTION_ROWS - 1) / ATTENTION_ROWS, first = task % blocks * ATTENTION_ROWS;
	struct part p = {.a = a, .head = task / blocks, .first = first, .own = a->past + a->words};
	p.rows = rows - first < ATTENTION_ROWS ? rows - first : ATTENTION_ROWS;
	p.width = padded(a->tokens) + padded(p.own);
	float *room = malloc(sizeof(float) * p.rows * (p.width + padded(a->head) + 1));
	if (!room)
		return -1;
	p.scores = room, p.queries = room + p.rows * p.width, p.totals = p.queries + p.rows * padded(a->head);
	float scale = 1 / sqrtf((float)a->head);
	for (int64_t r = 0; r < p.rows; r++)
		for (int64_t d = 0; d < a->head; d++)
			p.queries[r * a->head + d] = word(&p, first + r, a->past + (first + r) % a->words, 0)[d] * scale;
	a->half ? score_tokens(&p, 1) : score_tokens(&p, 0);
	score_words(&p);
	for (int64_t r = 0; r < p.rows; r++)
		p.totals[r] = weigh(p.scores + r * p.width, p.width);
	a->half ? read_tokens(&p, 1) : read_tokens(&p, 0);
	read_words(&p);
	keep(&p);
	free(room);
	return 0;
}

#ifndef NARROW
// narrow rounds to the nearest float16, to even between two; what is larger than the largest becomes that.
FN uint16_t narrow(float f) {
	uint32_t bits, sign;
	memcpy(&bits, &f, 4);
	sign = bits >> 16 & 0x8000, bits &= 0x7fffffff;
	if (bits > 0x7f800000)
		return sign | 0x7e00; // not a number
	if (bits >= 0x477fe000)
		return sign | 0x7bff;
	if (bits < 0x38800000) { // subnormal: the sum's last bit is worth 2^-24
		float shifted;
		memcpy(&shifted, &bits, 4);
		shifted += 0.5f;
		memcpy(&bits, &shifted, 4);
		return sign | (bits - 0x3f000000);
	}
	return sign | (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
}
#define NARROW(from, to) for (int lane = 0; lane < WIDTH; lane++) (to)[lane] = narrow((from)[lane])
#endif

FN void pack(const float *from, void *to, int64_t n, int half) {
	if (!half) {
		memcpy(to, from, sizeof(float) * n);
		return;
	}
	int64_t i = 0;
	for (; i + WIDTH <= n; i += WIDTH) {
		uint16_t *out = (uint16_t *)to + i;
		NARROW(from + i, out);
	}
	if (i < n) {
		float last[WIDTH] = {0};
		uint16_t out[WIDTH];
		memcpy(last, from + i, sizeof(float) * (n - i));
		NARROW(last, out);
		memcpy((uint16_t *)to + i, out, sizeof(uint16_t) * (n - i));
	}
}

#include "wide_set.h"

const struct kernels SET = {NAME, linear, attend, pack, {multiply, perceive, pack_tokens, attend_self}};

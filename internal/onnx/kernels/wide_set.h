// The arithmetic of wide.h for one kind of processor, behind that of kernel_set.h. A tile is up to TILE_ROWS rows by two panels,
// whose sums stay in registers. TILES names a file with one for the processor's own instructions; without it, GENERAL_ROWS rows
// are done at a time. Each sum is added up in one order, whatever the tile.

#include "wide.h"

enum {
	DEPTH = 768, // units of a row that a task copies at a time, to lie in the nearest caches
	GAP = 16,    // units between the rows of a copy, so that they do not share a set of the cache
};

// A tile is y = from + a [rows, n units] · b [n units, two panels].
struct tile {
	const char *a, *b0, *b1;
	const float *from; // what sums begin with, NULL for 0
	float *y;
	int64_t a_row, b_unit, n, from_row, y_row; // in bytes, units, floats
	int64_t columns;                           // of y: 1 to SPAN
};

// meet adds what LANES units of weights, e-th part, times one unit of a row are.
INLINE vec meet(vec sum, vec weights, const char *unit, const int kind) {
	int32_t u;
	memcpy(&u, unit, sizeof u);
	ints w = (ints)weights;
	if (kind == PAIRS) {
		sum += (vec)(w << 16) * (vec)((ints){} + (u << 16));
		return sum + (vec)(w & (int32_t)0xffff0000) * (vec)((ints){} + (int32_t)(u & 0xffff0000));
	}
	if (kind == QUADS) {
		ints add = (ints)sum;
		for (int i = 0; i < 32; i += 8)
			add += ((w >> i) & 255) * (int8_t)(u >> i);
		return (vec)add;
	}
	float f;
	memcpy(&f, unit, sizeof f);
	return sum + weights * f;
}

INLINE void tile_panel(const struct tile *t, const char *b, int64_t at, const int rows, const int kind) {
	vec acc[GENERAL_ROWS][EACH];
	int64_t columns = t->columns - at < LANES ? t->columns - at : LANES;
	UNROLL for (int i = 0; i < rows; i++) {
		float old[LANES] = {0};
		if (t->from)
			memcpy(old, t->from + i * t->from_row + at, sizeof(float) * columns);
		UNROLL for (int e = 0; e < EACH; e++) acc[i][e] = load(old + e * WIDTH);
	}
	for (int64_t k = 0; k < t->n; k++) {
		vec v[EACH];
		UNROLL for (int e = 0; e < EACH; e++) v[e] = load((const float *)(b + k * t->b_unit) + e * WIDTH);
		UNROLL for (int i = 0; i < rows; i++)
			UNROLL for (int e = 0; e < EACH; e++) acc[i][e] = meet(acc[i][e], v[e], t->a + i * t->a_row + k * 4, kind);
	}
	UNROLL for (int i = 0; i < rows; i++) {
		float sums[LANES];
		UNROLL for (int e = 0; e < EACH; e++) store(sums + e * WIDTH, acc[i][e]);
		memcpy(t->y + i * t->y_row + at, sums, sizeof(float) * columns);
	}
}

INLINE void tile_rows(const struct tile *t, const int rows, const int kind) {
	tile_panel(t, t->b0, 0, rows, kind);
	if (t->columns > LANES)
		tile_panel(t, t->b1, LANES, rows, kind);
}

INLINE void tiles_of(const struct tile *t, int64_t rows, const int kind) {
	for (int64_t row = 0, n; row < rows; row += n) {
		struct tile some = *t;
		some.a += row * t->a_row, some.y += row * t->y_row;
		if (t->from)
			some.from += row * t->from_row;
		switch (n = rows - row < GENERAL_ROWS ? rows - row : GENERAL_ROWS) {
		case 1:
			tile_rows(&some, 1, kind);
			break;
		case 2:
			tile_rows(&some, 2, kind);
			break;
		case 3:
			tile_rows(&some, 3, kind);
			break;
		case 4:
			tile_rows(&some, 4, kind);
			break;
		case 5:
			tile_rows(&some, 5, kind);
			break;
		default:
			tile_rows(&some, GENERAL_ROWS, kind);
		}
	}
}

// any_tiles is for processors that have no instruction for a kind.
FN void any_tiles(const struct tile *t, int kind, int64_t rows) {
	if (kind == PAIRS)
		tiles_of(t, rows, PAIRS);
	else if (kind == QUADS)
		tiles_of(t, rows, QUADS);
	else
		tiles_of(t, rows, FLOATS);
}

#ifdef TILES
#include TILES
#else
#define tiles any_tiles
#endif

#ifndef INVERSE
INLINE vec inverse(vec v) { return 1 / v; }
#else
INLINE vec inverse(vec v) { return INVERSE(v); }
#endif

// sigmoid is 1/(1 + e^-v).
INLINE vec sigmoid(vec v) {
	ints below = v < 0;
	vec e = expv((vec)((ints)v | (int32_t)0x80000000)), d = inverse(1 + e);
	return (vec)(((ints)(e * d) & below) | ((ints)d & ~below));
}

// normal is the normal distribution's probability below v, by the error function: near 0 as a polynomial of v² times v, beyond as
// e to the power of one. Both were fitted on Chebyshev's nodes; neither is off by more than 2e-9 before it is rounded.
INLINE vec normal(vec v) {
	ints below = v < 0;
	vec t = (vec)((ints)v & 0x7fffffff) * 0.707106781f, z = t * t;
	ints far = t > 4, near = t < 1;
	vec small = z * 7.882500358391553e-05f - 0.0008018859080038965f;
	small = small * z + 0.005189312621951103f;
	small = small * z - 0.02685432881116867f;
	small = small * z + 0.11283597350120544f;
	small = small * z - 0.3761262595653534f;
	small = (small * z + 1.1283791065216064f) * t;
	t = (vec)(((ints)splat(4) & far) | ((ints)t & ~far));
	vec rest = t * 1.6140494242184388e-06f - 4.5590394454327765e-05f;
	rest = rest * t + 0.0005927677272273284f;
	rest = rest * t - 0.004740214397413186f;
	rest = rest * t + 0.02636469636486367f;
	rest = rest * t - 0.10997821100145247f;
	rest = rest * t - 0.6319371268576054f;
	rest = rest * t - 1.130166657909649f;
	rest = expv(rest * t + 0.00030320908860836937f);
	rest = (vec)(((ints)(1 - small) & near) | ((ints)rest & ~near)) * 0.5f;
	return (vec)(((ints)rest & below) | ((ints)(1 - rest) & ~below));
}

INLINE vec activate(vec v, const int act) {
	switch (act) {
	case QUICK_GELU:
		return v * sigmoid(v);
	case GELU:
		return v * normal(v);
	case TANH_GELU:
		return v * sigmoid(1.59576912f * v * (1 + 0.044715f * v * v));
	}
	return v;
}

// An operand is rows of x as tiles read them.
struct operand {
	const struct product *p;
	int64_t first, rows;
	const char *units;  // [rows, some of them], from one row to the next stride bytes
	int64_t stride;
	char *copy;         // [rows, DEPTH + GAP] units
	float *sums;        // what tiles add up: of all rows from column left on, or of one tile
	int64_t sums_row, left;
	int one;
	float *steps;       // QUADS: what a step of each row is
	int32_t *centres;   // and 128 times the sum of its bytes
};

INLINE vec load_some(const float *p, int64_t n) {
	if (n >= WIDTH)
		return load(p);
	float some[WIDTH] = {0};
	memcpy(some, p, sizeof(float) * n);
	return load(some);
}

INLINE void store_some(float *p, vec v, int64_t n) {
	if (n >= WIDTH)
		store(p, v);
	else {
		float some[WIDTH];
		store(some, v);
		memcpy(p, some, sizeof(float) * n);
	}
}

INLINE void bfloats(const float *from, uint16_t *to, int64_t n) {
	for (int64_t i = 0; i < n; i += WIDTH)
		store_bfloats(to + i, load_some(from + i, n - i), n - i);
}

// measure finds what a step of each row of an operand in bytes is.
FN void measure(struct operand *o) {
	const struct product *p = o->p;
	for (int64_t r = 0; r < o->rows; r++) {
		const float *x = (const float *)p->x + (o->first + r) * p->x_row;
		vec most = {};
		for (int64_t i = 0; i < p->in; i += WIDTH) {
			vec v = (vec)((ints)load_some(x + i, p->in - i) & 0x7fffffff);
			most = larger(v, most);
		}
		float far = most[0];
		for (int i = 1; i < WIDTH; i++)
			far = most[i] > far ? most[i] : far;
		o->steps[r] = far / 127;
		o->centres[r] = 0;
	}
}

typedef int8_t bytes __attribute__((vector_size(WIDTH)));

// quads rounds n numbers of row r to bytes, and adds them to the row's centre.
FN void quads(struct operand *o, int64_t r, const float *from, int8_t *to, int64_t n) {
	const float magic = 0x1.8p23f;
	float scale = o->steps[r] >= 0x1p-126f ? 1 / o->steps[r] : 0; // of less, 1/step is no number
	ints sums = {};
	for (int64_t i = 0; i < n; i += WIDTH) {
		ints q = (ints)(load_some(from + i, n - i) * scale + magic) - (ints)splat(magic);
		sums += q;
		bytes b = __builtin_convertvector(q, bytes);
		memcpy(to + i, &b, n - i < WIDTH ? (n - i + 3) / 4 * 4 : WIDTH);
	}
	for (int i = 0; i < WIDTH; i++)
		o->centres[r] += 128 * sums[i];
}

// lie_well says that tiles may read floats where they are: rows do not all share a set of the cache.
INLINE int lie_well(const struct product *p) { return p->x_rounded || (p->kind == FLOATS && p->x_row * 4 % 4096 != 0); }

// copy makes units [from, from+n) of an operand's rows those that tiles read.
FN void copy(struct operand *o, int64_t from, int64_t n) {
	const struct product *p = o->p;
	if (lie_well(p)) {
		o->stride = p->x_row * (p->x_rounded ? 2 : 4);
		o->units = (const char *)p->x + o->first * o->stride + from * 4;
		return;
	}
	o->units = o->copy, o->stride = (DEPTH + GAP) * 4;
	int64_t per = p->kind == QUADS ? 4 : p->kind == PAIRS ? 2 : 1, first = from * per, count = n * per < p->in - first ? n * per : p->in - first;
	for (int64_t r = 0; r < o->rows; r++) {
		const float *x = (const float *)p->x + (o->first + r) * p->x_row + first;
		char *to = o->copy + r * (DEPTH + GAP) * 4;
		if (p->kind == FLOATS)
			memcpy(to, x, sizeof(float) * count);
		else if (p->kind == PAIRS)
			bfloats(x, (uint16_t *)to, count);
		else
			quads(o, r, x, (int8_t *)to, count);
	}
}

INLINE float *sums_of(const struct operand *o, int64_t row, int64_t column) {
	return o->one ? o->sums : o->sums + row * o->sums_row + column - o->left;
}

// finish makes results of a tile's sums.
INLINE void finish_as(const struct operand *o, int64_t row, int64_t rows, int64_t column, int64_t columns, const int act) {
	const struct product *p = o->p;
	float *sums = sums_of(o, row, column);
	for (int64_t r = row; r < row + rows; r++, sums += o->sums_row) {
		uint16_t *rounded = (uint16_t *)p->y + (o->first + r) * p->y_row + column;
		for (int64_t c = 0; c < columns; c += WIDTH) {
			vec v = load_some(sums + c, columns - c);
			if (p->kind == QUADS) {
				v = __builtin_convertvector((ints)v - o->centres[r], vec) * load_some(p->scales + column + c, columns - c) * o->steps[r];
				v += load_some(p->bias + column + c, columns - c);
			}
			if (p->y_rounded)
				store_bfloats(rounded + c, activate(v, act), columns - c);
			else
				store_some(sums + c, activate(v, act), columns - c);
		}
	}
}

FN void finish(const struct operand *o, int64_t row, int64_t rows, int64_t column, int64_t columns) {
	switch (o->p->act) {
	case NOTHING:
		finish_as(o, row, rows, column, columns, NOTHING);
		break;
	case QUICK_GELU:
		finish_as(o, row, rows, column, columns, QUICK_GELU);
		break;
	case GELU:
		finish_as(o, row, rows, column, columns, GELU);
		break;
	default:
		finish_as(o, row, rows, column, columns, TANH_GELU);
	}
}

// columns_of does outputs [column, column+columns), at most SPAN, of an operand.
FN void columns_of(const struct operand *o, int64_t column, int64_t columns, int64_t from, int64_t n) {
	const struct product *p = o->p;
	int64_t panel = units(p->in, p->kind) * LANES * 4, parts = (o->rows + TILE_ROWS - 1) / TILE_ROWS;
	const char *b = (const char *)p->weight + column / LANES * panel + from * LANES * 4;
	for (int64_t i = 0; i < parts; i++) {
		int64_t row = even(o->rows, parts, i), rows = even(o->rows, parts, i + 1) - row;
		struct tile t = {
			.a = o->units + row * o->stride, .a_row = o->stride, .b0 = b, .b1 = columns > LANES ? b + panel : b, .b_unit = LANES * 4, .n = n,
			.y = sums_of(o, row, column), .y_row = o->sums_row, .columns = columns,
		};
		if (from > 0)
			t.from = t.y, t.from_row = t.y_row;
		else if (p->kind != QUADS)
			t.from = p->bias + column;
		for (int64_t r = 0; r < rows; r++)
			__builtin_prefetch(t.y + r * t.y_row, 1), __builtin_prefetch(t.y + r * t.y_row + LANES, 1);
		tiles(&t, p->kind, rows);
		if (from + n == units(p->in, p->kind) && (p->act != NOTHING || p->kind == QUADS || p->y_rounded))
			finish(o, row, rows, column, columns);
	}
}

// region does outputs [from, to) of rows [first, first+rows).
FN int region(const struct product *p, int64_t first, int64_t rows, int64_t from, int64_t to) {
	int64_t depth = units(p->in, p->kind), k = 0, one = p->y_rounded && depth <= DEPTH;
	int64_t sums = !p->y_rounded ? 0 : one ? TILE_ROWS * SPAN : rows * padded(to - from), copied = rows * (DEPTH + GAP);
	char *room = aligned_alloc(64, ((sums + copied + 2 * rows) * 4 + 63) / 64 * 64);
	if (!room)
		return -1;
	struct operand o = {
		.p = p, .first = first, .rows = rows, .sums = (float *)room, .sums_row = one ? SPAN : padded(to - from), .left = from, .one = one,
		.copy = room + sums * 4, .steps = (float *)room + sums + copied, .centres = (int32_t *)room + sums + copied + rows,
	};
	if (!p->y_rounded)
		o.sums = (float *)p->y + first * p->y_row, o.sums_row = p->y_row, o.left = 0;
	if (p->kind == QUADS)
		measure(&o);
	do {
		int64_t n = depth - k < DEPTH ? depth - k : DEPTH;
		copy(&o, k, n);
		for (int64_t c = from; c < to; c += SPAN)
			columns_of(&o, c, to - c < SPAN ? to - c : SPAN, k, n);
		k += n;
	} while (k < depth);
	free(room);
	return 0;
}

// squares is the sum of (v - mean)² over n numbers.
INLINE float squares(const float *v, int64_t n, float mean) {
	vec sums[2] = {};
	int64_t whole = n / WIDTH * WIDTH;
	for (int64_t i = 0; i < whole; i += WIDTH) {
		vec off = load(v + i) - mean;
		sums[i / WIDTH % 2] += off * off;
	}
	float rest = 0;
	for (int64_t i = whole; i < n; i++)
		rest += (v[i] - mean) * (v[i] - mean);
	return sum(sums[0] + sums[1]) + rest;
}

FN void normalise_row(const struct norm *n, int64_t row) {
	float *v = n->sum + row * n->width, *y = n->y + row * n->width;
	const float *skip = n->skip + row * n->width;
	vec sums[2] = {};
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH) {
		vec both = load_some(v + i, left) + load_some(skip + i, left);
		store_some(v + i, both, left);
		sums[i / WIDTH % 2] += both;
	}
	float mean = sum(sums[0] + sums[1]) / n->width, scale = 1 / sqrtf(squares(v, n->width, mean) / n->width + n->epsilon);
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH)
		store_some(y + i, (load_some(v + i, left) - mean) * scale * load_some(n->gamma + i, left) + load_some(n->beta + i, left), left);
}

// rows_of does rows [first, first+rows) of a product, and what they go through while they are in the caches.
FN int rows_of(const struct product *p, int64_t first, int64_t rows) {
	int failed = region(p, first, rows, 0, p->out);
	for (int64_t row = first; !failed && p->norm && row < first + rows; row++)
		normalise_row(p->norm, row);
	return failed;
}

FN int multiply(const struct product *p, int64_t task) {
	struct grid g = grid_of(p);
	int64_t block = task / g.chunks, chunk = task % g.chunks, first = even(p->rows, g.blocks, block), rows = even(p->rows, g.blocks, block + 1) - first;
	if (g.chunks == 1)
		return rows_of(p, first, rows);
	int64_t spans = (p->out + SPAN - 1) / SPAN, from = even(spans, g.chunks, chunk) * SPAN, to = even(spans, g.chunks, chunk + 1) * SPAN;
	return region(p, first, rows, from, to < p->out ? to : p->out);
}

FN int perceive(const struct perceptron *p, int64_t task) {
	int64_t tasks = perceptron_tasks(p), first = even(p->up.rows, tasks, task), rows = even(p->up.rows, tasks, task + 1) - first;
	struct product up = p->up, down = p->down;
	struct norm norm = *p->down.norm;
	up.y_rounded = down.x_rounded = up.kind == PAIRS;
	up.y_row = down.x_row = padded(up.out) + GAP * (up.y_rounded ? 2 : 1);
	void *hidden = aligned_alloc(64, (rows * up.y_row * (up.y_rounded ? 2 : 4) + 63) / 64 * 64);
	if (!hidden)
		return -1;
	up.x = (const float *)up.x + first * up.x_row, up.y = hidden;
	down.x = hidden, down.y = (float *)down.y + first * down.y_row;
	norm.sum += first * norm.width, norm.skip += first * norm.width, norm.y += first * norm.width;
	down.norm = &norm;
	int failed = region(&up, 0, rows, 0, up.out) || rows_of(&down, 0, rows);
	free(hidden);
	return -failed;
}

// A place is where keys and values of one head of the batch lie in room.
struct place {
	char *keys;   // [padded(tokens)/LANES, units(head), LANES] units
	char *values; // [units(tokens), padded(head)] units, each of LANES dimensions
};

INLINE struct place place_of(const struct self_attention *l, int64_t head) {
	char *keys = (char *)l->room + head * head_bytes(l);
	return (struct place){keys, keys + padded(l->tokens) * units(l->head, l->kind) * 4};
}

// projected is the query (which = 0), key (1) or value (2) of a token of the batch, in one head.
INLINE const float *projected(const struct self_attention *l, int64_t token, int64_t head, int which) {
	return l->qkv + ((token * 3 + which) * l->heads + head) * l->head;
}

// pack_key puts up to LANES numbers as units into one lane of a block of keys.
INLINE void pack_key(const float *from, uint32_t *lane, int64_t n, const int kind) {
	uint32_t some[LANES] = {0};
	if (n == LANES && kind == FLOATS)
		memcpy(some, from, sizeof some);
	else if (kind == FLOATS)
		memcpy(some, from, sizeof(float) * n);
	else
		bfloats(from, (uint16_t *)some, n);
	if (n == LANES && kind == FLOATS)
		UNROLL for (int u = 0; u < LANES; u++) lane[u * LANES] = some[u];
	else if (n == LANES)
		UNROLL for (int u = 0; u < LANES / 2; u++) lane[u * LANES] = some[u];
	else
		for (int64_t u = 0; u < units(n, kind); u++)
			lane[u * LANES] = some[u];
}

// pack_pair puts up to WIDTH numbers of two tokens, of which the second may be none, side by side.
INLINE void pack_pair(const float *one, const float *other, uint32_t *to, int64_t n) {
	uint16_t low[WIDTH] = {0}, high[WIDTH] = {0};
	store_bfloats(low, load_some(one, n), n);
	if (other)
		store_bfloats(high, load_some(other, n), n);
	shorts l, h;
	memcpy(&l, low, sizeof l), memcpy(&h, high, sizeof h);
	ints both = __builtin_convertvector(l, ints) | __builtin_convertvector(h, ints) << 16;
	memcpy(to, &both, sizeof both);
}

INLINE void pack_value(const struct self_attention *l, const float *value, const float *next, char *to, const int kind) {
	for (int64_t d = 0; d < padded(l->head); d += WIDTH) {
		int64_t n = l->head - d;
		if (kind == FLOATS)
			store((float *)to + d, n > 0 ? load_some(value + d, n) : (vec){});
		else if (n > 0)
			pack_pair(value + d, next ? next + d : NULL, (uint32_t *)to + d, n);
		else
			memset((uint32_t *)to + d, 0, sizeof(uint32_t) * WIDTH);
	}
}

INLINE void pack_head(const struct self_attention *l, int64_t batch, int64_t block, int64_t head, const int kind) {
	struct place at = place_of(l, batch * l->heads + head);
	int64_t deep = units(l->head, kind), first = block * LANES, tokens = l->tokens - first < LANES ? l->tokens - first : LANES;
	uint32_t *keys = (uint32_t *)at.keys + block * deep * LANES;
	if (tokens < LANES)
		memset(keys, 0, sizeof(*keys) * deep * LANES);
	for (int64_t t = 0; t < tokens; t++) {
		int64_t token = batch * l->tokens + first + t;
		const float *key = projected(l, token, head, 1), *value = projected(l, token, head, 2);
		for (int64_t d = 0; d < l->head; d += LANES) // a few tokens ahead: rows lie too far apart for the processor to see what comes next
			__builtin_prefetch(key + AHEAD * 3 * l->heads * l->head + d), __builtin_prefetch(value + AHEAD * 3 * l->heads * l->head + d);
		for (int64_t d = 0; d < l->head; d += LANES)
			pack_key(key + d, keys + units(d, kind) * LANES + t, l->head - d < LANES ? l->head - d : LANES, kind);
		if (kind == FLOATS || t % 2 == 0)
			pack_value(l, value, t + 1 < tokens ? projected(l, token + 1, head, 2) : NULL, at.values + units(first + t, kind) * padded(l->head) * 4, kind);
	}
}

FN void pack_tokens(const struct self_attention *l, int64_t task) {
	int64_t blocks = padded(l->tokens) / LANES;
	for (int64_t head = 0; head < l->heads; head++)
		if (l->kind == PAIRS)
			pack_head(l, task / blocks, task % blocks, head, PAIRS);
		else
			pack_head(l, task / blocks, task % blocks, head, FLOATS);
}

// A query_tile is the rows of a tile, which attend to the tokens of their picture in one head.
struct query_tile {
	const struct self_attention *l;
	int64_t batch, head, row, rows;
	char *queries;   // [TILE_ROWS, units(head)]
	float *scores;   // [TILE_ROWS, padded(tokens)]
	uint16_t *pairs; // PAIRS: likewise
};

FN void score(const struct query_tile *g, const char *keys) {
	const struct self_attention *l = g->l;
	int64_t deep = units(l->head, l->kind), wide = padded(l->tokens);
	for (int64_t t = 0; t < wide; t += SPAN) {
		const char *b = keys + t * deep * 4;
		struct tile s = {.a = g->queries, .a_row = deep * 4, .b0 = b, .b1 = b, .b_unit = LANES * 4, .n = deep, .y = g->scores + t, .y_row = wide, .columns = LANES};
		if (wide - t > LANES)
			s.b1 = b + deep * LANES * 4, s.columns = SPAN;
		tiles(&s, l->kind, g->rows);
	}
}

FN void read_values(const struct query_tile *g, const char *values, const float *totals) {
	const struct self_attention *l = g->l;
	int64_t wide = padded(l->tokens), deep = padded(l->head), stride = l->heads * l->head;
	float *out = l->out + (g->batch * l->tokens + g->row) * stride + g->head * l->head;
	struct tile s = {.a = (char *)g->scores, .a_row = wide * 4, .b_unit = deep * 4, .n = units(l->tokens, l->kind), .y_row = stride};
	if (l->kind == PAIRS)
		s.a = (char *)g->pairs, s.a_row = wide * 2;
	for (int64_t d = 0; d < l->head; d += SPAN) {
		s.b0 = values + d * 4, s.b1 = s.b0, s.y = out + d, s.columns = l->head - d < SPAN ? l->head - d : SPAN;
		if (s.columns > LANES)
			s.b1 += LANES * 4;
		tiles(&s, l->kind, g->rows);
	}
	for (int64_t r = 0; r < g->rows; r++) {
		float scale = 1 / totals[r];
		for (int64_t d = 0; d < l->head; d += WIDTH)
			store_some(out + r * stride + d, load_some(out + r * stride + d, l->head - d) * scale, l->head - d);
	}
}

FN float weigh_pairs(float *scores, uint16_t *pairs, int64_t n) { return weigh_into(scores, pairs, n); }

FN void attend_tile(const struct query_tile *g) {
	const struct self_attention *l = g->l;
	struct place at = place_of(l, g->batch * l->heads + g->head);
	int64_t deep = units(l->head, l->kind), wide = padded(l->tokens);
	float totals[TILE_ROWS], scale = 1 / sqrtf((float)l->head);
	for (int64_t r = 0; r < g->rows; r++) {
		const float *q = projected(l, g->batch * l->tokens + g->row + r, g->head, 0);
		char *to = g->queries + r * deep * 4;
		for (int64_t d = 0; d < l->head; d += WIDTH) {
			vec v = load_some(q + d, l->head - d) * scale;
			if (l->kind == PAIRS)
				store_bfloats((uint16_t *)to + d, v, l->head - d);
			else
				store_some((float *)to + d, v, l->head - d);
		}
	}
	score(g, at.keys);
	for (int64_t r = 0; r < g->rows; r++) {
		float *s = g->scores + r * wide;
		for (int64_t t = l->tokens; t < wide; t++)
			s[t] = -INFINITY;
		totals[r] = l->kind == PAIRS ? weigh_pairs(s, g->pairs + r * wide, wide) : weigh(s, wide);
	}
	read_values(g, at.values, totals);
}

FN int attend_self(const struct self_attention *l, int64_t task) {
	int64_t blocks = query_blocks(l), block = task % blocks, head = task / blocks, wide = padded(l->tokens);
	int64_t first = even(l->tokens, blocks, block), rows = even(l->tokens, blocks, block + 1) - first, parts = (rows + TILE_ROWS - 1) / TILE_ROWS;
	char *room = aligned_alloc(64, (TILE_ROWS * (units(l->head, l->kind) * 4 + wide * 6) + 63) / 64 * 64);
	if (!room)
		return -1;
	struct query_tile g = {.l = l, .batch = head / l->heads, .head = head % l->heads, .scores = (float *)room};
	g.queries = room + TILE_ROWS * wide * 4;
	g.pairs = (uint16_t *)(g.queries + TILE_ROWS * units(l->head, l->kind) * 4);
	for (int64_t i = 0; i < parts; i++) {
		g.row = first + even(rows, parts, i), g.rows = first + even(rows, parts, i + 1) - g.row;
		attend_tile(&g);
	}
	free(room);
	return 0;
}

// product.h for one kind of processor: products, gated products and MLPs.

enum {
	DEPTH = 768, // units of a row that a task copies at a time, to lie in the nearest caches
	GAP = 16,    // units between the rows of a copy, so that they do not share a set of the cache
};

// An operand is rows of a product as tiles read them.
struct operand {
	const struct product *p;
	int64_t first, rows;  // which rows of x and y
	const char *units;    // what tiles read now: [rows, some units], from one row to the next stride bytes
	int64_t stride;
	char *copy;           // [rows, DEPTH + GAP] units, where units are copied or rounded to
	float *sums;          // what tiles add up; y itself unless that is bfloat16
	int64_t sums_stride;  // from one row of sums to the next, in floats
	int64_t first_column; // of y, which the first column of sums is
	int one_tile;         // sums are of one tile only: its results leave as soon as it is done
	float *row_scales;    // INT8: each row's
	int32_t *zero_sums;   // INT8: 128 times the sum of a row's bytes, which the weights' zero point has added to each of its sums
};

// scale_rows finds the scale of each row of an operand in INT8, and begins its zero sum.
FN void scale_rows(struct operand *o) {
	const struct product *p = o->p;
	for (int64_t r = 0; r < o->rows; r++) {
		const float *x = (const float *)p->x + (o->first + r) * p->x_stride;
		vec most = {};
		for (int64_t i = 0; i < p->in; i += WIDTH) {
			vec v = (vec)((ints)load_some(x + i, p->in - i) & 0x7fffffff);
			most = larger(v, most);
		}
		float far = most[0];
		for (int i = 1; i < WIDTH; i++)
			far = most[i] > far ? most[i] : far;
		o->row_scales[r] = far / 127;
		o->zero_sums[r] = 0;
	}
}

// round_to_int8 rounds n numbers of row r to bytes, and adds them to the row's zero sum.
FN void round_to_int8(struct operand *o, int64_t r, const float *from, int8_t *to, int64_t n) {
	const float magic = 0x1.8p23f; // added, it leaves a whole number in the lowest bits
	float inverse = o->row_scales[r] >= 0x1p-126f ? 1 / o->row_scales[r] : 0; // of less, the inverse is no number
	ints sums = {};
	for (int64_t i = 0; i < n; i += WIDTH) {
		ints q = (ints)(load_some(from + i, n - i) * inverse + magic) - (ints)splat(magic);
		sums += q;
		bytes b = __builtin_convertvector(q, bytes);
		memcpy(to + i, &b, n - i < WIDTH ? (n - i + 3) / 4 * 4 : WIDTH);
	}
	for (int i = 0; i < WIDTH; i++)
		o->zero_sums[r] += 128 * sums[i];
}

// read_in_place says that tiles may read x where it is: it is rounded already, or need not be and its rows do not all share a set of
// the cache.
INLINE int read_in_place(const struct product *p) { return p->x_bf16 || (p->format == FP32 && p->x_stride * 4 % 4096 != 0); }

// bring makes units [from, from+n) of an operand's rows those that tiles read.
FN void bring(struct operand *o, int64_t from, int64_t n) {
	const struct product *p = o->p;
	if (read_in_place(p)) {
		o->stride = p->x_stride * (p->x_bf16 ? 2 : 4);
		o->units = (const char *)p->x + o->first * o->stride + from * 4;
		return;
	}
	o->units = o->copy, o->stride = (DEPTH + GAP) * 4;
	int64_t per = p->format == INT8 ? 4 : p->format == BF16 ? 2 : 1, first = from * per, count = n * per < p->in - first ? n * per : p->in - first;
	for (int64_t r = 0; r < o->rows && count > 0; r++) {
		const float *x = (const float *)p->x + (o->first + r) * p->x_stride + first;
		char *to = o->copy + r * (DEPTH + GAP) * 4;
		if (p->format == FP32)
			memcpy(to, x, sizeof(float) * count);
		else if (p->format == BF16)
			round_to_bf16(x, (uint16_t *)to, count);
		else
			round_to_int8(o, r, x, (int8_t *)to, count);
	}
}

INLINE float *sums_of(const struct operand *o, int64_t row, int64_t column) {
	return o->one_tile ? o->sums : o->sums + row * o->sums_stride + column - o->first_column;
}

// finish makes results of a tile's sums.
INLINE void finish_as(const struct operand *o, int64_t row, int64_t rows, int64_t column, int64_t columns, const int act) {
	const struct product *p = o->p;
	float *sums = sums_of(o, row, column);
	for (int64_t r = row; r < row + rows; r++, sums += o->sums_stride) {
		uint16_t *rounded = (uint16_t *)p->y + (o->first + r) * p->y_stride + column;
		for (int64_t c = 0; c < columns; c += WIDTH) {
			vec v = load_some(sums + c, columns - c);
			if (p->format == INT8) {
				v = __builtin_convertvector((ints)v - o->zero_sums[r], vec) * load_some(p->scales + column + c, columns - c) * o->row_scales[r];
				v += load_some(p->bias + column + c, columns - c);
			}
			if (p->y_bf16)
				store_bf16(rounded + c, activate(v, act), columns - c);
			else
				store_some(sums + c, activate(v, act), columns - c);
		}
	}
}

FN void finish(const struct operand *o, int64_t row, int64_t rows, int64_t column, int64_t columns) {
	switch (o->p->act) {
	case NO_ACTIVATION:
		finish_as(o, row, rows, column, columns, NO_ACTIVATION);
		break;
	case QUICK_GELU:
		finish_as(o, row, rows, column, columns, QUICK_GELU);
		break;
	case GELU:
		finish_as(o, row, rows, column, columns, GELU);
		break;
	case TANH_GELU:
		finish_as(o, row, rows, column, columns, TANH_GELU);
		break;
	default:
		finish_as(o, row, rows, column, columns, RELU);
	}
}

// multiply_span does outputs [column, column+columns), at most SPAN, of units [from, from+n) of an operand.
FN void multiply_span(const struct operand *o, int64_t column, int64_t columns, int64_t from, int64_t n) {
	const struct product *p = o->p;
	int64_t panel = units(p->in, p->format) * LANES * 4, parts = (o->rows + TILE_ROWS - 1) / TILE_ROWS;
	const char *b = (const char *)p->weight + column / LANES * panel + from * LANES * 4;
	for (int64_t i = 0; i < parts; i++) {
		int64_t row = part_start(o->rows, parts, i), rows = part_start(o->rows, parts, i + 1) - row;
		struct tile t = {
			.a = o->units + row * o->stride, .a_row = o->stride, .b0 = b, .b1 = columns > LANES ? b + panel : b, .b_unit = LANES * 4, .n = n,
			.y = sums_of(o, row, column), .y_row = o->sums_stride, .columns = columns,
		};
		if (from > 0)
			t.from = t.y, t.from_row = t.y_row;
		else if (p->format != INT8)
			t.from = p->bias + column;
		for (int64_t r = 0; r < rows; r++)
			__builtin_prefetch(t.y + r * t.y_row, 1), __builtin_prefetch(t.y + r * t.y_row + LANES, 1);
		tiles(&t, p->format, rows);
		if (from + n == units(p->in, p->format) && (p->act != NO_ACTIVATION || p->format == INT8 || p->y_bf16))
			finish(o, row, rows, column, columns);
	}
}

// multiply_rows does outputs [from, to) of rows [first, first+rows) of a product. It returns -1 if there is no memory.
FN int multiply_rows(const struct product *p, int64_t first, int64_t rows, int64_t from, int64_t to) {
	int64_t depth = units(p->in, p->format), k = 0, one_tile = p->y_bf16 && depth <= DEPTH;
	int64_t sums = !p->y_bf16 ? 0 : one_tile ? TILE_ROWS * SPAN : rows * padded(to - from), copied = rows * (DEPTH + GAP);
	char *work = videoqa_workspace(WORK_ROWS, (sums + copied + 2 * rows) * 4);
	if (!work)
		return -1;
	struct operand o = {
		.p = p, .first = first, .rows = rows, .sums = (float *)work, .sums_stride = one_tile ? SPAN : padded(to - from), .first_column = from, .one_tile = one_tile,
		.copy = work + sums * 4, .row_scales = (float *)work + sums + copied, .zero_sums = (int32_t *)work + sums + copied + rows,
	};
	if (!p->y_bf16)
		o.sums = (float *)p->y + first * p->y_stride, o.sums_stride = p->y_stride, o.first_column = 0;
	if (p->format == INT8)
		scale_rows(&o);
	do {
		int64_t n = depth - k < DEPTH ? depth - k : DEPTH;
		bring(&o, k, n);
		for (int64_t c = from; c < to; c += SPAN)
			multiply_span(&o, c, to - c < SPAN ? to - c : SPAN, k, n);
		k += n;
	} while (k < depth);
	return 0;
}

// whole_rows does rows [first, first+rows) of a product, and its norm while they are in the caches.
FN int whole_rows(const struct product *p, int64_t first, int64_t rows) {
	int failed = multiply_rows(p, first, rows, 0, p->out);
	for (int64_t row = first; !failed && p->norm && row < first + rows; row++)
		norm_row(p->norm, row);
	return failed;
}

// A share is what one task does of a product: rows [first, first+rows), and of those outputs [from, to).
struct share {
	int64_t first, rows, from, to;
};

INLINE struct share share_of(const struct product *p, int64_t task) {
	struct grid g = grid_of(p);
	int64_t block = task / g.chunks, chunk = task % g.chunks, spans = (p->out + SPAN - 1) / SPAN;
	struct share s = {.first = part_start(p->rows, g.blocks, block), .from = part_start(spans, g.chunks, chunk) * SPAN, .to = part_start(spans, g.chunks, chunk + 1) * SPAN};
	s.rows = part_start(p->rows, g.blocks, block + 1) - s.first;
	if (s.to > p->out)
		s.to = p->out;
	return s;
}

FN int product(const struct product *p, int64_t task) {
	struct share s = share_of(p, task);
	return p->norm ? whole_rows(p, s.first, s.rows) : multiply_rows(p, s.first, s.rows, s.from, s.to);
}

enum { GATED_OUTPUTS = 16 * SPAN }; // of a gated product that are done at a time, so that both halves stay in the caches

// outputs_of is a product of rows [first, first+rows) and outputs [from, to) alone, of which from is a multiple of SPAN.
INLINE struct product outputs_of(const struct product *p, int64_t first, int64_t rows, int64_t from, int64_t to) {
	struct product some = *p;
	some.x = (const char *)p->x + first * p->x_stride * (p->x_bf16 ? 2 : 4);
	some.weight = (const char *)p->weight + from / LANES * units(p->in, p->format) * LANES * 4;
	some.bias = p->bias + from, some.scales = p->scales ? p->scales + from : NULL;
	some.rows = rows, some.out = to - from;
	return some;
}

// multiply_gated does outputs [from, to) of rows [first, first+rows) of a gated product.
FN int multiply_gated(const struct gated *g, int64_t first, int64_t rows, int64_t from, int64_t to) {
	int64_t stride = GATED_OUTPUTS + GAP;
	float *work = videoqa_workspace(WORK_GATED, 2 * rows * stride * sizeof(float));
	if (!work)
		return -1;
	float *other = work + rows * stride;
	for (int64_t c = from, end; c < to; c = end) {
		end = to - c < GATED_OUTPUTS ? to : c + GATED_OUTPUTS;
		struct product gate = outputs_of(&g->gate, first, rows, c, end), linear = outputs_of(&g->linear, first, rows, c, end);
		gate.y = work, linear.y = other, gate.y_stride = linear.y_stride = stride, gate.y_bf16 = linear.y_bf16 = 0;
		if (multiply_rows(&gate, 0, rows, 0, gate.out) || multiply_rows(&linear, 0, rows, 0, linear.out))
			return -1;
		for (int64_t r = 0; r < rows; r++)
			for (int64_t i = 0, at = (first + r) * g->gate.y_stride + c; i < gate.out; i += WIDTH) {
				vec v = load_some(work + r * stride + i, gate.out - i) * load_some(other + r * stride + i, gate.out - i);
				if (g->gate.y_bf16)
					store_bf16((uint16_t *)g->gate.y + at + i, v, gate.out - i);
				else
					store_some((float *)g->gate.y + at + i, v, gate.out - i);
			}
	}
	return 0;
}

FN int gated(const struct gated *g, int64_t task) {
	struct share s = share_of(&g->gate, task);
	return multiply_gated(g, s.first, s.rows, s.from, s.to);
}

// moved is a product's rows from first on.
INLINE struct product moved(const struct product *p, int64_t first) {
	struct product some = *p;
	some.x = (const float *)p->x + first * p->x_stride;
	return some;
}

FN int mlp(const struct mlp *p, int64_t task) {
	int64_t tasks = mlp_tasks(p), first = part_start(p->down.rows, tasks, task), rows = part_start(p->down.rows, tasks, task + 1) - first;
	struct gated up = {moved(&p->up.gate, first), p->gated ? moved(&p->up.linear, first) : p->up.linear};
	struct product down = p->down;
	struct norm norm = *p->down.norm;
	int64_t stride = padded(up.gate.out) + GAP * (up.gate.format == BF16 ? 2 : 1);
	up.gate.y_bf16 = down.x_bf16 = up.gate.format == BF16;
	up.gate.y_stride = down.x_stride = stride;
	up.gate.y = videoqa_workspace(WORK_HIDDEN, rows * stride * (down.x_bf16 ? 2 : 4));
	if (!up.gate.y)
		return -1;
	down.x = up.gate.y, down.y = (float *)down.y + first * down.y_stride;
	norm.x += first * norm.width, norm.y += first * norm.width;
	if (norm.sum)
		norm.sum += first * norm.width;
	if (norm.skip)
		norm.skip += first * norm.width;
	down.norm = &norm;
	return (p->gated ? multiply_gated(&up, 0, rows, 0, up.gate.out) : multiply_rows(&up.gate, 0, rows, 0, up.gate.out)) || whole_rows(&down, 0, rows) ? -1 : 0;
}

// Softmax, and attention of rows to packed keys, for one kind of processor.

// exponentials is softmax of a row of n scores, a multiple of WIDTH and at least that, before the division by their sum, which it
// returns. The results take the scores' place; where bf16 is not NULL they go there instead, rounded to bfloat16.
INLINE float exponentials(float *scores, uint16_t *bf16, int64_t n) {
	vec most = load(scores), total = {};
	for (int64_t i = WIDTH; i < n; i += WIDTH)
		most = larger(load(scores + i), most);
	float top = most[0];
	for (int i = 1; i < WIDTH; i++)
		top = most[i] > top ? most[i] : top;
	top *= 1.44269504f;
	for (int64_t i = 0; i < n; i += WIDTH) {
		vec e = exp2v(load(scores + i) * 1.44269504f - top);
		if (bf16)
			store_bf16(bf16 + i, e, WIDTH);
		else
			store(scores + i, e);
		total += e;
	}
	return sum(total);
}

FN float softmax(float *scores, int64_t n) { return exponentials(scores, NULL, n); }
FN float softmax_bf16(float *scores, uint16_t *bf16, int64_t n) { return exponentials(scores, bf16, n); }

// A part is one task of attention to packed keys: rows [first, first+rows) of one head.
struct part {
	const struct packed *packed;
	int64_t head, first, rows;
	int64_t own;    // how many words of its own a row has beside the packed keys
	int64_t width;  // scores of a row: those of packed keys, padded, then those of its own words, padded
	float *queries; // [rows, head], scaled; then [rows, padded(head)], what the rows have read
	float *scores;  // [rows, width]
	float *totals;  // [rows], what scores are divided by
};

INLINE void key_rows(const struct part *p, const void *keys, int64_t block, int64_t r, const int rows, const int half) {
	const int64_t head = p->packed->head;
	vec acc[KEY_ROWS][EACH];
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int e = 0; e < EACH; e++) acc[i][e] = (vec){};
	for (int64_t d = 0; d < head; d++) {
		vec k[EACH];
		UNROLL for (int e = 0; e < EACH; e++) k[e] = load_as(keys, (block * head + d) * LANES + e * WIDTH, half);
		UNROLL for (int i = 0; i < rows; i++) {
			float q = p->queries[(r + i) * head + d];
			UNROLL for (int e = 0; e < EACH; e++) acc[i][e] += k[e] * q;
		}
	}
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int e = 0; e < EACH; e++) store(p->scores + (r + i) * p->width + block * LANES + e * WIDTH, acc[i][e]);
}

INLINE void score_packed_as(const struct part *p, const int half) {
	const struct packed *k = p->packed;
	int64_t blocks = padded(k->tokens) / LANES, each = blocks * k->head * LANES;
	const void *keys = half ? (const void *)((const uint16_t *)k->keys + p->head * each) : (const void *)((const float *)k->keys + p->head * each);
	for (int64_t b = 0; b < blocks; b++) {
		int64_t r = 0;
		for (; r + KEY_ROWS <= p->rows; r += KEY_ROWS)
			key_rows(p, keys, b, r, KEY_ROWS, half);
		for (; r < p->rows; r++)
			key_rows(p, keys, b, r, 1, half);
	}
	for (int64_t r = 0; r < p->rows; r++) // a packed block's last keys may be none
		for (int64_t t = k->tokens; t < blocks * LANES; t++)
			p->scores[r * p->width + t] = -INFINITY;
}

FN void score_packed(const struct part *p) { p->packed->half ? score_packed_as(p, 1) : score_packed_as(p, 0); }

INLINE void value_rows(const struct part *p, const void *values, int64_t d, int64_t r, const int rows, const int chunks, const int half) {
	int64_t stride = padded(p->packed->head);
	vec acc[VALUE_ROWS][VALUE_CHUNK];
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int c = 0; c < chunks; c++) acc[i][c] = (vec){};
	const float *weights = p->scores + r * p->width;
	for (int64_t t = 0; t < p->packed->tokens; t++) {
		vec v[VALUE_CHUNK];
		UNROLL for (int c = 0; c < chunks; c++) v[c] = load_as(values, t * stride + d + c * WIDTH, half);
		UNROLL for (int i = 0; i < rows; i++)
			UNROLL for (int c = 0; c < chunks; c++) acc[i][c] += v[c] * weights[i * p->width + t];
	}
	UNROLL for (int i = 0; i < rows; i++)
		UNROLL for (int c = 0; c < chunks; c++) store(p->queries + (r + i) * stride + d + c * WIDTH, acc[i][c]);
}

// read_packed_as leaves what the rows read of packed values where their queries were.
INLINE void read_packed_as(const struct part *p, const int half) {
	const struct packed *k = p->packed;
	int64_t stride = padded(k->head), each = k->tokens * stride;
	const void *values = half ? (const void *)((const uint16_t *)k->values + p->head * each) : (const void *)((const float *)k->values + p->head * each);
	for (int64_t r = 0, rows; r < p->rows; r += rows) {
		rows = r + VALUE_ROWS <= p->rows ? VALUE_ROWS : 1;
		int64_t d = 0;
		for (; d + VALUE_CHUNK * WIDTH <= stride; d += VALUE_CHUNK * WIDTH)
			rows == 1 ? value_rows(p, values, d, r, 1, VALUE_CHUNK, half) : value_rows(p, values, d, r, VALUE_ROWS, VALUE_CHUNK, half);
		for (; d < stride; d += WIDTH)
			rows == 1 ? value_rows(p, values, d, r, 1, 1, half) : value_rows(p, values, d, r, VALUE_ROWS, 1, half);
	}
}

FN void read_packed(const struct part *p) { p->packed->half ? read_packed_as(p, 1) : read_packed_as(p, 0); }

// part_of is what a task of so many rows in all does, with memory to do it in; without memory, scores is NULL.
INLINE struct part part_of(const struct packed *packed, int64_t rows, int64_t own, int64_t task) {
	int64_t blocks = row_blocks(rows), first = task % blocks * ATTENTION_ROWS;
	struct part p = {.packed = packed, .head = task / blocks, .first = first, .rows = rows - first < ATTENTION_ROWS ? rows - first : ATTENTION_ROWS, .own = own};
	p.width = padded(packed->tokens) + padded(own);
	p.scores = videoqa_workspace(WORK_SCORES, sizeof(float) * p.rows * (p.width + padded(packed->head) + 1));
	if (p.scores)
		p.queries = p.scores + p.rows * p.width, p.totals = p.queries + p.rows * padded(packed->head);
	return p;
}

FN int cross_attention(const struct cross_attention *a, int64_t task) {
	struct part p = part_of(&a->packed, a->rows, 0, task);
	if (!p.scores)
		return -1;
	int64_t head = a->packed.head, stride = a->packed.heads * head, at = p.first * stride + p.head * head;
	float scale = scale_of(a->scale, head);
	for (int64_t r = 0; r < p.rows; r++)
		for (int64_t d = 0; d < head; d++)
			p.queries[r * head + d] = a->queries[at + r * stride + d] * scale;
	score_packed(&p);
	for (int64_t r = 0; r < p.rows; r++)
		p.totals[r] = softmax(p.scores + r * p.width, p.width);
	read_packed(&p);
	for (int64_t r = 0; r < p.rows; r++) {
		float whole = 1 / p.totals[r];
		for (int64_t d = 0; d < head; d++)
			a->out[at + r * stride + d] = p.queries[r * padded(head) + d] * whole;
	}
	return 0;
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

// word is the query (which = 0), key (1) or value (2) of word t of row's own question, in one head. Words of the past have no query.
INLINE const float *word(const struct prefix_attention *a, int64_t h, int64_t row, int64_t t, int which) {
	int64_t question = row / a->words, head = a->prefix.head, heads = a->prefix.heads;
	if (t < a->past)
		return (which == 1 ? a->past_keys : a->past_values) + ((h * a->questions + question) * a->past + t) * head;
	return a->qkv + ((question * a->words + t - a->past) * 3 + which) * heads * head + h * head;
}

FN void score_words(const struct prefix_attention *a, const struct part *p) {
	const float *mask = a->mask + p->head * a->mask_head;
	for (int64_t r = 0; r < p->rows; r++) {
		int64_t row = p->first + r;
		float *s = p->scores + r * p->width + padded(a->prefix.tokens);
		for (int64_t t = 0; t < p->own; t++)
			s[t] = dot(p->queries + r * a->prefix.head, word(a, p->head, row, t, 1), a->prefix.head) + mask[row * p->own + t];
		for (int64_t t = p->own; t < padded(p->own); t++)
			s[t] = -INFINITY;
	}
}

FN void read_words(const struct prefix_attention *a, const struct part *p) {
	int64_t head = a->prefix.head, stride = padded(head);
	for (int64_t r = 0; r < p->rows; r++) {
		int64_t row = p->first + r;
		const float *weights = p->scores + r * p->width + padded(a->prefix.tokens);
		float *read = p->queries + r * stride, *out = a->out + (row * a->prefix.heads + p->head) * head, scale = 1 / p->totals[r];
		for (int64_t t = 0; t < p->own; t++) {
			const float *v = word(a, p->head, row, t, 2);
			for (int64_t d = 0; d < head; d++)
				read[d] += weights[t] * v[d];
		}
		for (int64_t d = 0; d < head; d++)
			out[d] = read[d] * scale;
	}
}

// keep_words copies the rows' keys and values to where the next step looks for them. A question's first row copies those of its past too.
FN void keep_words(const struct prefix_attention *a, const struct part *p) {
	int64_t head = a->prefix.head;
	for (int64_t row = p->first; row < p->first + p->rows; row++) {
		int64_t question = row / a->words, at = ((p->head * a->questions + question) * p->own) * head;
		int64_t from = row % a->words == 0 ? 0 : a->past + row % a->words, to = a->past + row % a->words + 1;
		for (int64_t t = from; t < to; t++) {
			memcpy(a->new_keys + at + t * head, word(a, p->head, row, t, 1), sizeof(float) * head);
			memcpy(a->new_values + at + t * head, word(a, p->head, row, t, 2), sizeof(float) * head);
		}
	}
}

FN int prefix_attention(const struct prefix_attention *a, int64_t task) {
	struct part p = part_of(&a->prefix, a->questions * a->words, a->past + a->words, task);
	if (!p.scores)
		return -1;
	int64_t head = a->prefix.head;
	float scale = scale_of(a->scale, head);
	for (int64_t r = 0; r < p.rows; r++)
		for (int64_t d = 0; d < head; d++)
			p.queries[r * head + d] = word(a, p.head, p.first + r, a->past + (p.first + r) % a->words, 0)[d] * scale;
	score_packed(&p);
	score_words(a, &p);
	for (int64_t r = 0; r < p.rows; r++)
		p.totals[r] = softmax(p.scores + r * p.width, p.width);
	read_packed(&p);
	read_words(a, &p);
	keep_words(a, &p);
	return 0;
}

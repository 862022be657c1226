// Self-attention for one kind of processor: keys and values of all heads are laid out as panels, and softmax stands between two
// products of the same tiles.

// A place is where keys and values of one head of one sequence lie in panels.
struct place {
	char *keys;   // [padded(tokens)/LANES, units(head), LANES] units
	char *values; // [units(tokens), padded(head)] units, each of LANES dimensions
};

INLINE struct place place_of(const struct self_attention *l, int64_t head) {
	char *keys = (char *)l->panels + head * head_bytes(l);
	return (struct place){keys, keys + padded(l->tokens) * units(l->head, l->format) * 4};
}

// projected is the query (which = 0), key (1) or value (2) of a token of the batch, in one head.
INLINE const float *projected(const struct self_attention *l, int64_t token, int64_t head, int which) {
	return l->qkv + ((token * 3 + which) * l->heads + head) * l->head;
}

// pack_key puts up to LANES numbers as units into one lane of a block of keys.
INLINE void pack_key(const float *from, uint32_t *lane, int64_t n, const int format) {
	uint32_t some[LANES] = {0};
	if (n == LANES && format == FP32)
		memcpy(some, from, sizeof some);
	else if (format == FP32)
		memcpy(some, from, sizeof(float) * n);
	else
		round_to_bf16(from, (uint16_t *)some, n);
	if (n == LANES && format == FP32)
		UNROLL for (int u = 0; u < LANES; u++) lane[u * LANES] = some[u];
	else if (n == LANES)
		UNROLL for (int u = 0; u < LANES / 2; u++) lane[u * LANES] = some[u];
	else
		for (int64_t u = 0; u < units(n, format); u++)
			lane[u * LANES] = some[u];
}

// pack_two puts up to WIDTH numbers of two tokens, of which the second may be none, side by side.
INLINE void pack_two(const float *one, const float *other, uint32_t *to, int64_t n) {
	uint16_t low[WIDTH] = {0}, high[WIDTH] = {0};
	store_bf16(low, load_some(one, n), n);
	if (other)
		store_bf16(high, load_some(other, n), n);
	shorts l, h;
	memcpy(&l, low, sizeof l), memcpy(&h, high, sizeof h);
	uints both = __builtin_convertvector(l, uints) | __builtin_convertvector(h, uints) << 16;
	memcpy(to, &both, sizeof both);
}

INLINE void pack_value(const struct self_attention *l, const float *value, const float *next, char *to, const int format) {
	for (int64_t d = 0; d < padded(l->head); d += WIDTH) {
		int64_t n = l->head - d;
		if (format == FP32)
			store((float *)to + d, n > 0 ? load_some(value + d, n) : (vec){});
		else if (n > 0)
			pack_two(value + d, next ? next + d : NULL, (uint32_t *)to + d, n);
		else
			memset((uint32_t *)to + d, 0, sizeof(uint32_t) * WIDTH);
	}
}

INLINE void pack_head(const struct self_attention *l, int64_t batch, int64_t block, int64_t head, const int format) {
	struct place at = place_of(l, batch * l->heads + head);
	int64_t deep = units(l->head, format), first = block * LANES, tokens = l->tokens - first < LANES ? l->tokens - first : LANES;
	uint32_t *keys = (uint32_t *)at.keys + block * deep * LANES;
	if (tokens < LANES)
		memset(keys, 0, sizeof(*keys) * deep * LANES);
	for (int64_t t = 0; t < tokens; t++) {
		int64_t token = batch * l->tokens + first + t;
		const float *key = projected(l, token, head, 1), *value = projected(l, token, head, 2);
		for (int64_t d = 0; d < l->head; d += LANES) // a few tokens ahead: rows lie too far apart for the processor to see what comes next
			__builtin_prefetch(key + AHEAD * 3 * l->heads * l->head + d), __builtin_prefetch(value + AHEAD * 3 * l->heads * l->head + d);
		for (int64_t d = 0; d < l->head; d += LANES)
			pack_key(key + d, keys + units(d, format) * LANES + t, l->head - d < LANES ? l->head - d : LANES, format);
		if (format == FP32 || t % 2 == 0)
			pack_value(l, value, t + 1 < tokens ? projected(l, token + 1, head, 2) : NULL, at.values + units(first + t, format) * padded(l->head) * 4, format);
	}
}

FN void pack_tokens(const struct self_attention *l, int64_t task) {
	int64_t blocks = padded(l->tokens) / LANES;
	for (int64_t head = 0; head < l->heads; head++)
		if (l->format == BF16)
			pack_head(l, task / blocks, task % blocks, head, BF16);
		else
			pack_head(l, task / blocks, task % blocks, head, FP32);
}

// A query_tile is the rows of a tile, which attend to the tokens of their picture in one head.
struct query_tile {
	const struct self_attention *l;
	int64_t batch, head, row, rows;
	char *queries;   // [TILE_ROWS, units(head)]
	float *scores;   // [TILE_ROWS, padded(tokens)]
	uint16_t *bf16;  // BF16: likewise, what softmax makes of them
};

FN void score(const struct query_tile *g, const char *keys) {
	const struct self_attention *l = g->l;
	int64_t deep = units(l->head, l->format), wide = padded(l->tokens);
	for (int64_t t = 0; t < wide; t += SPAN) {
		const char *b = keys + t * deep * 4;
		struct tile s = {.a = g->queries, .a_row = deep * 4, .b0 = b, .b1 = b, .b_unit = LANES * 4, .n = deep, .y = g->scores + t, .y_row = wide, .columns = LANES};
		if (wide - t > LANES)
			s.b1 = b + deep * LANES * 4, s.columns = SPAN;
		tiles(&s, l->format, g->rows);
	}
}

FN void read_values(const struct query_tile *g, const char *values, const float *totals) {
	const struct self_attention *l = g->l;
	int64_t wide = padded(l->tokens), deep = padded(l->head), stride = l->heads * l->head;
	float *out = l->out + (g->batch * l->tokens + g->row) * stride + g->head * l->head;
	struct tile s = {.a = (char *)g->scores, .a_row = wide * 4, .b_unit = deep * 4, .n = units(l->tokens, l->format), .y_row = stride};
	if (l->format == BF16)
		s.a = (char *)g->bf16, s.a_row = wide * 2;
	for (int64_t d = 0; d < l->head; d += SPAN) {
		s.b0 = values + d * 4, s.b1 = s.b0, s.y = out + d, s.columns = l->head - d < SPAN ? l->head - d : SPAN;
		if (s.columns > LANES)
			s.b1 += LANES * 4;
		tiles(&s, l->format, g->rows);
	}
	for (int64_t r = 0; r < g->rows; r++) {
		float scale = 1 / totals[r];
		for (int64_t d = 0; d < l->head; d += WIDTH)
			store_some(out + r * stride + d, load_some(out + r * stride + d, l->head - d) * scale, l->head - d);
	}
}

INLINE void add_bias(const struct query_tile *g, int64_t r, float *scores) {
	const struct bias *b = &g->l->bias;
	const float *of = b->data + g->batch * b->batch + g->head * b->head + (g->row + r) * b->query;
	for (int64_t t = 0; t < g->l->tokens; t++)
		scores[t] += of[t];
}

FN void attend_tile(const struct query_tile *g) {
	const struct self_attention *l = g->l;
	struct place at = place_of(l, g->batch * l->heads + g->head);
	int64_t deep = units(l->head, l->format), wide = padded(l->tokens);
	float totals[TILE_ROWS], scale = scale_of(l->scale, l->head);
	for (int64_t r = 0; r < g->rows; r++) {
		const float *q = projected(l, g->batch * l->tokens + g->row + r, g->head, 0);
		char *to = g->queries + r * deep * 4;
		for (int64_t d = 0; d < l->head; d += WIDTH) {
			vec v = load_some(q + d, l->head - d) * scale;
			if (l->format == BF16)
				store_bf16((uint16_t *)to + d, v, l->head - d);
			else
				store_some((float *)to + d, v, l->head - d);
		}
	}
	score(g, at.keys);
	for (int64_t r = 0; r < g->rows; r++) {
		float *s = g->scores + r * wide;
		if (l->bias.data)
			add_bias(g, r, s);
		for (int64_t t = l->tokens; t < wide; t++)
			s[t] = -INFINITY;
		totals[r] = l->format == BF16 ? softmax_bf16(s, g->bf16 + r * wide, wide) : softmax(s, wide);
	}
	read_values(g, at.values, totals);
}

FN int self_attention(const struct self_attention *l, int64_t task) {
	int64_t blocks = query_blocks(l), block = task % blocks, head = task / blocks, wide = padded(l->tokens);
	int64_t first = part_start(l->tokens, blocks, block), rows = part_start(l->tokens, blocks, block + 1) - first, parts = (rows + TILE_ROWS - 1) / TILE_ROWS;
	char *work = videoqa_workspace(WORK_SCORES, TILE_ROWS * (units(l->head, l->format) * 4 + wide * 6));
	if (!work)
		return -1;
	struct query_tile g = {.l = l, .batch = head / l->heads, .head = head % l->heads, .scores = (float *)work};
	g.queries = work + TILE_ROWS * wide * 4;
	g.bf16 = (uint16_t *)(g.queries + TILE_ROWS * units(l->head, l->format) * 4);
	for (int64_t i = 0; i < parts; i++) {
		g.row = first + part_start(rows, parts, i), g.rows = first + part_start(rows, parts, i + 1) - g.row;
		attend_tile(&g);
	}
	return 0;
}

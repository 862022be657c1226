// Norms for one kind of processor.

// add_skip leaves v = x + skip of a row, in sum or, without one, in y, and returns where.
INLINE float *add_skip(const struct norm *n, int64_t row) {
	const float *x = n->x + row * n->width, *skip = n->skip + row * n->width;
	float *v = (n->sum ? n->sum : n->y) + row * n->width;
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH)
		store_some(v + i, load_some(x + i, left) + load_some(skip + i, left), left);
	return v;
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

FN void layer_norm_row(const struct norm *n, int64_t row) {
	float *v = (n->sum ? n->sum : n->y) + row * n->width, *y = n->y + row * n->width;
	const float *x = n->x + row * n->width, *skip = n->skip + row * n->width;
	vec sums[2] = {};
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH) {
		vec both = load_some(x + i, left) + load_some(skip + i, left);
		store_some(v + i, both, left);
		sums[i / WIDTH % 2] += both;
	}
	float mean = sum(sums[0] + sums[1]) / n->width, scale = 1 / sqrtf(squares(v, n->width, mean) / n->width + n->epsilon);
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH)
		store_some(y + i, (load_some(v + i, left) - mean) * scale * load_some(n->gamma + i, left) + load_some(n->beta + i, left), left);
}

FN void rms_norm_row(const struct norm *n, int64_t row) {
	const float *v = n->x + row * n->width;
	float *y = n->y + row * n->width;
	if (n->skip)
		v = add_skip(n, row);
	float scale = 1 / sqrtf(squares(v, n->width, 0) / n->width + n->epsilon);
	for (int64_t i = 0, left = n->width; left > 0; i += WIDTH, left -= WIDTH)
		store_some(y + i, load_some(v + i, left) * scale * load_some(n->gamma + i, left), left);
}

FN void norm_row(const struct norm *n, int64_t row) { n->kind == RMS_NORM ? rms_norm_row(n, row) : layer_norm_row(n, row); }

FN void norms(const struct norms *n, int64_t task) {
	for (int64_t row = task * NORM_ROWS; row < n->rows && row < (task + 1) * NORM_ROWS; row++)
		norm_row(&n->norm, row);
}

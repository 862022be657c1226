// linear.h for one kind of processor.

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


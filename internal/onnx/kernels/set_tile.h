// Tiles: up to TILE_ROWS rows by two panels, whose sums stay in registers. TILES names a file with tiles of the processor's own
// instructions; without it, GENERAL_ROWS rows are done at a time. Each sum is added up in one order, whatever the tile.

// A tile is y = from + a [rows, n units] · b [n units, two panels].
struct tile {
	const char *a;         // units of the rows, from one row to the next a_row bytes
	const char *b0, *b1;   // panels, from one unit to the next b_unit bytes; b1 is not used where columns <= LANES, but can be read
	const float *from;     // what sums begin with, from one row to the next from_row floats; NULL: 0
	float *y;              // from one row to the next y_row floats; INT8: 32-bit integers
	int64_t a_row, b_unit, from_row, y_row;
	int64_t n;             // units of a row
	int64_t columns;       // of y: 1 to SPAN
};

// madd adds to WIDTH sums the products of as many units of weights and of one unit of a row. INT8 keeps its sums as 32-bit integers.
INLINE vec madd(vec sum, vec weights, const char *unit, const int format) {
	uint32_t u;
	memcpy(&u, unit, sizeof u);
	uints w = (uints)weights;
	if (format == BF16) {
		sum += (vec)(w << 16) * (vec)((uints){} + (u << 16));
		return sum + (vec)(w & 0xffff0000) * (vec)((uints){} + (u & 0xffff0000));
	}
	if (format == INT8) {
		ints add = (ints)sum;
		for (int i = 0; i < 32; i += 8)
			add += (ints)((w >> i) & 255) * (int8_t)(u >> i);
		return (vec)add;
	}
	float f;
	memcpy(&f, unit, sizeof f);
	return sum + weights * f;
}

INLINE void tile_panel(const struct tile *t, const char *b, int64_t at, const int rows, const int format) {
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
			UNROLL for (int e = 0; e < EACH; e++) acc[i][e] = madd(acc[i][e], v[e], t->a + i * t->a_row + k * 4, format);
	}
	UNROLL for (int i = 0; i < rows; i++) {
		float sums[LANES];
		UNROLL for (int e = 0; e < EACH; e++) store(sums + e * WIDTH, acc[i][e]);
		memcpy(t->y + i * t->y_row + at, sums, sizeof(float) * columns);
	}
}

INLINE void tile_rows(const struct tile *t, const int rows, const int format) {
	tile_panel(t, t->b0, 0, rows, format);
	if (t->columns > LANES)
		tile_panel(t, t->b1, LANES, rows, format);
}

INLINE void tiles_of(const struct tile *t, int64_t rows, const int format) {
	for (int64_t row = 0, n; row < rows; row += n) {
		struct tile some = *t;
		some.a += row * t->a_row, some.y += row * t->y_row;
		if (t->from)
			some.from += row * t->from_row;
		switch (n = rows - row < GENERAL_ROWS ? rows - row : GENERAL_ROWS) {
		case 1:
			tile_rows(&some, 1, format);
			break;
		case 2:
			tile_rows(&some, 2, format);
			break;
		case 3:
			tile_rows(&some, 3, format);
			break;
		case 4:
			tile_rows(&some, 4, format);
			break;
		case 5:
			tile_rows(&some, 5, format);
			break;
		default:
			tile_rows(&some, GENERAL_ROWS, format);
		}
	}
}

// any_tiles is for processors that have no instruction for a format.
FN void any_tiles(const struct tile *t, int format, int64_t rows) {
	if (format == BF16)
		tiles_of(t, rows, BF16);
	else if (format == INT8)
		tiles_of(t, rows, INT8);
	else
		tiles_of(t, rows, FP32);
}

#ifdef TILES
#include TILES
#else
#define tiles any_tiles
#endif


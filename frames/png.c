#include "png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// Takes a row's filter off; above is the row before it, or zeros.
static int unfilter(int filter, uint8_t *row, const uint8_t *above, int n, int width) {
	int i;
	switch (filter) {
	case 0:
		return 1;
	case 1:
		for (i = width; i < n; i++)
			row[i] += row[i - width];
		return 1;
	case 2:
		for (i = 0; i < n; i++)
			row[i] += above[i];
		return 1;
	case 3:
		for (i = 0; i < n; i++)
			row[i] += ((i < width ? 0 : row[i - width]) + above[i]) / 2;
		return 1;
	case 4:
		for (i = 0; i < n && i < width; i++)
			row[i] += above[i];
		for (; i < n; i++) {
			int a = row[i - width], b = above[i], c = above[i - width];
			int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
			row[i] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
		}
		return 1;
	}
	return 0;
}

// Inflates n bytes to out. Returns 1 when they are there, 2 when the data ended with them, 0 when data are missing, less than 0
// for zlib's errors.
static int inflate_row(z_stream *z, uint8_t *out, int n) {
	z->next_out = out;
	z->avail_out = n;
	if (!z->avail_in)
		return 0;
	int rc = inflate(z, Z_NO_FLUSH);
	if (rc < 0 || rc == Z_NEED_DICT)
		return -1;
	return z->avail_out ? 0 : rc == Z_STREAM_END ? 2 : 1;
}

static int rows(z_stream *z, const videoqa_pass *passes, int n, int width, uint8_t *out, uint8_t *zeros) {
	for (int p = 0; p < n; p++) {
		const uint8_t *above = zeros;
		for (int y = 0; y < passes[p].rows; y++) {
			// The filter's name is inflated with the row, before it, because where data end decides what is missing.
			uint8_t *row = out - 1, kept = *row;
			int rc = inflate_row(z, row, 1 + passes[p].bytes);
			int filter = *row;
			*row = kept;
			if (rc <= 0)
				return rc ? VIDEOQA_PNG_BROKEN : VIDEOQA_PNG_CUT;
			if (!unfilter(filter, out, above, passes[p].bytes, width))
				return VIDEOQA_PNG_FILTER;
			if (rc == 2)
				return VIDEOQA_PNG_WHOLE;
			above = out;
			out += passes[p].bytes;
		}
	}
	return VIDEOQA_PNG_WHOLE;
}

int videoqa_png(const uint8_t *data, size_t size, const videoqa_pass *passes, int n, int width, uint8_t *out) {
	int widest = 1;
	for (int p = 0; p < n; p++)
		if (passes[p].bytes > widest)
			widest = passes[p].bytes;
	uint8_t *zeros = calloc(1, widest);
	z_stream z = {.next_in = (uint8_t *)data, .avail_in = size};
	int outcome = VIDEOQA_PNG_BROKEN;
	if (zeros && inflateInit(&z) == Z_OK) {
		outcome = rows(&z, passes, n, width, out, zeros);
		inflateEnd(&z);
	}
	free(zeros);
	return outcome;
}

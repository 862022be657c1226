// A decoder that ends before its picture does need not say so: an HEVC slice ends where damaged bits say it does, and VP8 and JPEG
// where their bytes do. What it never wrote is then what the memory held. So marks are put there first, and looked for behind it:
// eight bytes in every block of 16 x 16, in two rows, since a field has every other one.

#include "pool.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 16, ROWS = 2 };

// mark is one that no picture has at that place but by chance, of 2^64 (splitmix64, Steele et al. 2014).
static uint64_t mark(int row, int column) {
	uint64_t x = ((uint64_t)row << 32 | (uint32_t)column) + 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

// step is how many bytes of its first plane a block of f has in a row.
static int step(const AVFrame *f) {
	const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(f->format);
	return kind ? BLOCK * kind->comp[0].step : 0;
}

// visit puts the marks of what f shows into its first plane, which begins at origin, or counts those that are there.
static int visit(const AVFrame *f, uint8_t *origin, int put) {
	ptrdiff_t stride = f->linesize[0], cropped = f->data[0] - origin;
	int each = step(f), wide = av_image_get_linesize(f->format, f->width, 0), found = 0;
	if (each <= 0 || wide < 0 || stride <= 0)
		return 0;
	int top = cropped / stride, left = cropped % stride;
	for (int block = top / BLOCK * BLOCK; block < top + f->height; block += BLOCK)
		for (int row = FFMAX(block, top); row < top + f->height && row < block + ROWS; row++)
			for (int at = (left + each - 1) / each * each; at + (int)sizeof(uint64_t) <= left + wide; at += each) {
				uint64_t m = mark(row, at);
				uint8_t *place = origin + row * stride + at;
				if (put)
					memcpy(place, &m, sizeof m);
				else
					found += memcmp(place, &m, sizeof m) == 0;
			}
	return found;
}

void videoqa_mark(AVFrame *f) {
	visit(f, f->data[0], 1);
}

int videoqa_unwritten(const AVFrame *f) {
	const AVBufferRef *memory = f->buf[0];
	if (!memory || !memory->data || f->linesize[0] <= 0)
		return 0;
	uint8_t *origin = videoqa_origin(memory), *end = memory->data + memory->size;
	int wide = av_image_get_linesize(f->format, f->width, 0);
	if (f->data[0] < origin || f->data[0] > end || end - f->data[0] < (ptrdiff_t)(f->height - 1) * f->linesize[0] + wide)
		return 0; // a plane elsewhere
	return visit(f, origin, 0);
}

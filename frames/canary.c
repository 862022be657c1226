// A decoder that ends before its picture does need not say so: an HEVC slice ends where damaged bits say it does, and VP8 where
// its bytes do. What is never written is then what the memory held. So canaries are written first, and looked for afterwards:
// eight bytes next to eight bytes, in every plane, in two of each 16 rows, since a field has every other one. (JPEG's decoder
// works on its samples in place, canaries among them; its pictures are decoded twice, twice.go.)

#include "pool.h"

#include <libavutil/common.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <string.h>

enum { BLOCK = 16, ROWS = 2, CANARY = sizeof(uint64_t) };

// STEP is how much one canary differs from the next in its row.
static const uint64_t STEP = 0x9e3779b97f4a7c15;

// canary is the first of a row: one that no picture has at that place but by chance, of 2^64 (splitmix64, Steele et al. 2014).
static uint64_t canary(ptrdiff_t row) {
	uint64_t x = (uint64_t)row + STEP;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

// lines is how many rows of plane i f shows.
static int lines(const AVFrame *f, const AVPixFmtDescriptor *kind, int i) {
	return i == 1 || i == 2 ? AV_CEIL_RSHIFT(f->height, kind->log2_chroma_h) : f->height;
}

// plane_of tells which plane of l holds the place at, as planes may have been swapped; -1: none does.
static int plane_of(const videoqa_layout *l, const uint8_t *at) {
	for (int i = 0; i < 4; i++)
		if (l->size[i] && at >= l->origin[i] && at < l->origin[i] + l->size[i])
			return i;
	return -1;
}

// visit_row writes the canaries of a row of what is shown, wide bytes from at on, or counts those that are there. Rows and canaries count
// from the plane's origin, which cropping does not move. A canary begins in what is shown, and may end behind it.
static int visit_row(const videoqa_layout *l, int plane, const uint8_t *at, int wide, int put) {
	ptrdiff_t from = at - l->origin[plane], row = from / l->stride[plane], left = from % l->stride[plane];
	uint8_t *begin = l->origin[plane] + row * l->stride[plane];
	int found = 0;
	if (row % BLOCK >= ROWS)
		return 0;
	ptrdiff_t x = (left + CANARY - 1) / CANARY * CANARY;
	for (uint64_t m = canary(row) + x * STEP; x < left + wide && x + CANARY <= l->stride[plane]; x += CANARY, m += CANARY * STEP) {
		if (put)
			memcpy(begin + x, &m, CANARY);
		else
			found += memcmp(begin + x, &m, CANARY) == 0;
	}
	return found;
}

static int visit(const AVFrame *f, const videoqa_layout *l, int put) {
	const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(f->format);
	int found = 0;
	for (int i = 0; i < 4 && kind && f->data[i]; i++) {
		int plane = plane_of(l, f->data[i]), wide = av_image_get_linesize(f->format, f->width, i), high = lines(f, kind, i);
		if (plane < 0 || wide <= 0 || plane_of(l, f->data[i] + (ptrdiff_t)(high - 1) * f->linesize[i] + wide - 1) != plane)
			continue; // elsewhere
		for (int y = 0; y < high; y++)
			found += visit_row(l, plane, f->data[i] + (ptrdiff_t)y * f->linesize[i], wide, put);
	}
	return found;
}

void videoqa_put_canary(AVFrame *f) {
	visit(f, (const videoqa_layout *)f->buf[0]->data, 1);
}

int videoqa_unwritten(const AVFrame *f) {
	const videoqa_layout *l = videoqa_layout_of(f);
	return l ? visit(f, l, 0) : 0;
}

// sum adds a row of n bytes to h, eight at a time (FNV-1a's step on words, with the high half brought down).
static uint64_t sum(uint64_t h, const uint8_t *row, int n) {
	for (int i = 0; i < n; i += 8) {
		uint64_t word = 0;
		memcpy(&word, row + i, FFMIN(8, n - i));
		h = (h ^ word) * 0x9e3779b97f4a7c15;
		h ^= h >> 32;
	}
	return h;
}

uint64_t videoqa_digest(const AVFrame *f) {
	const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(f->format);
	uint64_t h = (uint64_t)f->width << 32 ^ f->height ^ (uint64_t)f->format << 16;
	for (int i = 0; i < 4 && kind && f->data[i] && f->linesize[i]; i++) {
		int wide = av_image_get_linesize(f->format, f->width, i);
		for (int y = 0; y < lines(f, kind, i); y++)
			h = sum(h, f->data[i] + (ptrdiff_t)y * f->linesize[i], wide);
	}
	return h;
}

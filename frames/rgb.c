// swscale converts 4:2:0 to RGB with exact rounding and full chroma in plain C, a pixel at a time: half of what it takes to
// sample a clip. This does the same arithmetic on sixteen pixels at once, and a test compares every byte. The arithmetic
// is of libswscale 8.3 (initFilter, yuv2rgb_full_X, ff_yuv2rgb_c_init_tables):
//
//	chroma across   4 taps of 14 bits on bytes, >> 7, to 16 bits
//	chroma down     4 taps of 12 bits, rounded, >> 10, to 9 bits of fraction
//	colours         13 bits of matrix, rounded, >> 22, clipped
//
// The taps are Keys' cubic with a = -0.6 at a quarter and three quarters of a sample; what lies beyond an edge is the edge.
// Only the first and the third pixel of a row or column do without their farthest tap, which swscale loses in rounding a
// position towards zero; the others are weighed anew.

#include "rgb.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <libavutil/mem.h>
#include <stdint.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

enum {
	ACROSS_FAR = -461, ACROSS_NEXT = 3943, ACROSS_NEAR = 14284, ACROSS_BEYOND = -1382, // of 1 << 14
	DOWN_FAR = -115, DOWN_NEXT = 985, DOWN_NEAR = 3572, DOWN_BEYOND = -346,            // of 1 << 12
	ACROSS_FIRST_NEAR = 17729, ACROSS_THIRD_NEXT = 3835, ACROSS_THIRD_NEAR = 13894, ACROSS_LESS_BEYOND = -1345,
	DOWN_FIRST_NEAR = 4432, DOWN_THIRD_NEXT = 959, DOWN_THIRD_NEAR = 3473, DOWN_LESS_BEYOND = -336,
	BLOCK = 16,  // pixels at a time
	EDGE = 2,    // samples that the taps reach beyond an edge
	SPARE = 64,  // room for whole blocks at a row's end
	KEPT = 8,    // widened chroma rows kept, of the 5 that two rows of pixels read
	SMALLEST = 32,
};

// matrix is what turns samples into colours.
struct matrix {
	int y, offset, v2r, v2g, u2g, u2b;
};

static int rounded(int64_t v) {
	int64_t r = (v * (1 << 13) + (1 << 15)) >> 16;
	return r < -0x7fff ? -0x7fff : r > 0x7fff ? 0x7fff : (int)r;
}

static struct matrix matrix_of(const int k[4], int full) {
	int64_t red = k[0], blue = k[1], green_u = -(int64_t)k[2], green_v = -(int64_t)k[3], light = 1 << 16;
	if (full)
		red = red * 224 / 255, blue = blue * 224 / 255, green_u = green_u * 224 / 255, green_v = green_v * 224 / 255;
	else
		light = light * 255 / 219;
	int y = rounded(light);
	return (struct matrix){y << 9, (1 << 21) - (full ? 0 : (16 << 9) * y), rounded(red), rounded(green_v), rounded(green_u), rounded(blue)};
}

// pair gives a and b in turn, as pmaddwd wants two taps.
AVX2 static inline __m256i pair(int a, int b) {
	return _mm256_set1_epi32((int)((uint32_t)(uint16_t)a | (uint32_t)(uint16_t)b << 16));
}

AVX2 static inline __m256i samples(const uint8_t *p) {
	return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}

// four sums a*ka + b*kb + c*kc + d*kd, of the lower or upper halves of each lane.
AVX2 static inline __m256i low4(__m256i a, __m256i b, __m256i ab, __m256i c, __m256i d, __m256i cd) {
	return _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), ab), _mm256_madd_epi16(_mm256_unpacklo_epi16(c, d), cd));
}

AVX2 static inline __m256i high4(__m256i a, __m256i b, __m256i ab, __m256i c, __m256i d, __m256i cd) {
	return _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), ab), _mm256_madd_epi16(_mm256_unpackhi_epi16(c, d), cd));
}

AVX2 static inline __m256i across(__m256i a, __m256i b, __m256i ab, __m256i c, __m256i d, __m256i cd) {
	return _mm256_packs_epi32(_mm256_srai_epi32(low4(a, b, ab, c, d, cd), 7), _mm256_srai_epi32(high4(a, b, ab, c, d, cd), 7));
}

static int least(int a, int b) { return a < b ? a : b; }

// widen doubles a row of n chroma samples. line has room for EDGE + n + SPARE bytes, out for 2n + SPARE samples.
AVX2 static void widen(const uint8_t *row, int n, uint8_t *line, int16_t *out) {
	memset(line, row[0], EDGE);
	memcpy(line + EDGE, row, n);
	memset(line + EDGE + n, row[n - 1], SPARE);
	const __m256i far_next = pair(ACROSS_FAR, ACROSS_NEXT), near_beyond = pair(ACROSS_NEAR, ACROSS_BEYOND);
	const __m256i beyond_near = pair(ACROSS_BEYOND, ACROSS_NEAR), next_far = pair(ACROSS_NEXT, ACROSS_FAR);
	for (int i = 0; i < n; i += BLOCK) {
		__m256i a = samples(line + i), b = samples(line + i + 1), c = samples(line + i + 2), d = samples(line + i + 3), e = samples(line + i + 4);
		__m256i even = across(a, b, far_next, c, d, near_beyond), odd = across(b, c, beyond_near, d, e, next_far);
		__m256i low = _mm256_unpacklo_epi16(even, odd), high = _mm256_unpackhi_epi16(even, odd);
		_mm256_storeu_si256((__m256i *)(out + 2 * i), _mm256_permute2x128_si256(low, high, 0x20));
		_mm256_storeu_si256((__m256i *)(out + 2 * i + BLOCK), _mm256_permute2x128_si256(low, high, 0x31));
	}
	out[0] = least((row[0] * ACROSS_FIRST_NEAR + row[1] * ACROSS_LESS_BEYOND) >> 7, INT16_MAX);
	out[2] = least((row[0] * ACROSS_THIRD_NEXT + row[1] * ACROSS_THIRD_NEAR + row[2] * ACROSS_LESS_BEYOND) >> 7, INT16_MAX);
}

// taps are the weights of four rows of chroma, in two pairs.
struct taps {
	__m256i ab, cd;
};

AVX2 static struct taps taps_of(int y) {
	if (y == 0)
		return (struct taps){pair(0, 0), pair(DOWN_FIRST_NEAR, DOWN_LESS_BEYOND)};
	if (y == 2)
		return (struct taps){pair(0, DOWN_THIRD_NEXT), pair(DOWN_THIRD_NEAR, DOWN_LESS_BEYOND)};
	if (y % 2)
		return (struct taps){pair(DOWN_BEYOND, DOWN_NEAR), pair(DOWN_NEXT, DOWN_FAR)};
	return (struct taps){pair(DOWN_FAR, DOWN_NEXT), pair(DOWN_NEAR, DOWN_BEYOND)};
}

// chroma holds 16 pixels' worth of one difference, in two halves as unpack leaves them.
struct chroma {
	__m256i low, high;
};

AVX2 static inline struct chroma down(const int16_t *const rows[4], int x, struct taps t) {
	const __m256i half = _mm256_set1_epi32((1 << 9) - (128 << 19));
	__m256i a = _mm256_loadu_si256((const __m256i *)(rows[0] + x)), b = _mm256_loadu_si256((const __m256i *)(rows[1] + x));
	__m256i c = _mm256_loadu_si256((const __m256i *)(rows[2] + x)), d = _mm256_loadu_si256((const __m256i *)(rows[3] + x));
	return (struct chroma){
		_mm256_srai_epi32(_mm256_add_epi32(low4(a, b, t.ab, c, d, t.cd), half), 10),
		_mm256_srai_epi32(_mm256_add_epi32(high4(a, b, t.ab, c, d, t.cd), half), 10),
	};
}

// bytes takes two halves of a colour to 16 bytes; saturation is the clipping.
AVX2 static inline __m128i bytes(__m256i low, __m256i high) {
	__m256i words = _mm256_packs_epi32(_mm256_srai_epi32(low, 22), _mm256_srai_epi32(high, 22));
	return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x08));
}

AVX2 static inline __m256i times(__m256i v, int k) { return _mm256_mullo_epi32(v, _mm256_set1_epi32(k)); }

// interleave stores 16 pixels, three bytes each.
AVX2 static inline void interleave(__m128i r, __m128i g, __m128i b, uint8_t *out) {
	const __m128i r0 = _mm_setr_epi8(0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5);
	const __m128i r1 = _mm_setr_epi8(-1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1);
	const __m128i r2 = _mm_setr_epi8(-1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1);
	const __m128i g0 = _mm_setr_epi8(-1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1);
	const __m128i g1 = _mm_setr_epi8(5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10);
	const __m128i g2 = _mm_setr_epi8(-1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1);
	const __m128i b0 = _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
	const __m128i b1 = _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1);
	const __m128i b2 = _mm_setr_epi8(10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15);
	__m128i *to = (__m128i *)out;
	_mm_storeu_si128(to, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(r, r0), _mm_shuffle_epi8(g, g0)), _mm_shuffle_epi8(b, b0)));
	_mm_storeu_si128(to + 1, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(r, r1), _mm_shuffle_epi8(g, g1)), _mm_shuffle_epi8(b, b1)));
	_mm_storeu_si128(to + 2, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(r, r2), _mm_shuffle_epi8(g, g2)), _mm_shuffle_epi8(b, b2)));
}

// colour writes one row of pixels. The last block begins where it still fits, so that nothing is written behind the row.
AVX2 static void colour(const uint8_t *luma, const int16_t *const us[4], const int16_t *const vs[4], int row, int width, struct matrix m, uint8_t *out) {
	const struct taps t = taps_of(row);
	const __m256i zero = _mm256_setzero_si256(), offset = _mm256_set1_epi32(m.offset);
	for (int i = 0; i < width; i += BLOCK) {
		int x = i + BLOCK <= width ? i : width - BLOCK;
		struct chroma u = down(us, x, t), v = down(vs, x, t);
		__m256i y = samples(luma + x);
		__m256i low = _mm256_add_epi32(times(_mm256_unpacklo_epi16(y, zero), m.y), offset);
		__m256i high = _mm256_add_epi32(times(_mm256_unpackhi_epi16(y, zero), m.y), offset);
		__m128i r = bytes(_mm256_add_epi32(low, times(v.low, m.v2r)), _mm256_add_epi32(high, times(v.high, m.v2r)));
		__m128i g = bytes(_mm256_add_epi32(low, _mm256_add_epi32(times(v.low, m.v2g), times(u.low, m.u2g))),
			_mm256_add_epi32(high, _mm256_add_epi32(times(v.high, m.v2g), times(u.high, m.u2g))));
		__m128i b = bytes(_mm256_add_epi32(low, times(u.low, m.u2b)), _mm256_add_epi32(high, times(u.high, m.u2b)));
		interleave(r, g, b, out + 3 * x);
	}
}

static int clamp(int i, int n) { return i < 0 ? 0 : i < n ? i : n - 1; }

int videoqa_rgb_420(const AVFrame *f, const int coefficients[4], int full, unsigned char *out) {
	int width = f->width, height = f->height, rows = height / 2, room = width + SPARE;
	if (f->format != AV_PIX_FMT_YUV420P && f->format != AV_PIX_FMT_YUVJ420P || width % 2 || height % 2 || width < SMALLEST || height < SMALLEST ||
		!__builtin_cpu_supports("avx2"))
		return 0;
	int16_t *wide = av_malloc(sizeof(int16_t) * 2 * KEPT * room + EDGE + width + SPARE);
	if (!wide)
		return -1;
	uint8_t *line = (uint8_t *)(wide + 2 * KEPT * room);
	struct matrix m = matrix_of(coefficients, full);
	int widened = 0;
	for (int y = 0; y < height; y++) {
		int first = y / 2 - 2 + y % 2;
		for (; widened <= clamp(first + 3, rows); widened++) {
			int16_t *to = wide + 2 * (widened % KEPT) * room;
			widen(f->data[1] + (ptrdiff_t)widened * f->linesize[1], width / 2, line, to);
			widen(f->data[2] + (ptrdiff_t)widened * f->linesize[2], width / 2, line, to + room);
		}
		const int16_t *us[4], *vs[4];
		for (int i = 0; i < 4; i++) {
			us[i] = wide + 2 * (clamp(first + i, rows) % KEPT) * room;
			vs[i] = us[i] + room;
		}
		colour(f->data[0] + (ptrdiff_t)y * f->linesize[0], us, vs, y, width, m, out + (ptrdiff_t)3 * width * y);
	}
	av_free(wide);
	return 1;
}

#else

int videoqa_rgb_420(const AVFrame *f, const int coefficients[4], int full, unsigned char *out) { return 0; }

#endif

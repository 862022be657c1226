#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define SET videoqa_kernels_avx2
#define NAME "AVX2"
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define WIDTH 8
#define DOT_ROWS 2
#define DOT_OUTPUTS 4
#define KEY_ROWS 4
#define VALUE_ROWS 1
#define TILE_ROWS 6
#define GENERAL_ROWS 6
#define VALUE_CHUNK 8
#define WIDEN widen_avx2
#define NARROW narrow_avx2
#define LARGER _mm256_max_ps

TARGET static inline __attribute__((always_inline)) __m256 widen_avx2(const uint16_t *p) {
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

TARGET static inline void narrow_avx2(const float *from, uint16_t *to) {
	// The second operand is taken where the other is not a number, which must stay one.
	__m256 v = _mm256_max_ps(_mm256_set1_ps(-65504), _mm256_min_ps(_mm256_set1_ps(65504), _mm256_loadu_ps(from)));
	_mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

#include "set.h"

#endif

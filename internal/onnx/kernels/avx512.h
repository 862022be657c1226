// The macros of set.h for processors with AVX-512, whichever of its extensions they have.

#include <immintrin.h>
#include <stdint.h>

#define WIDTH 16
#define DOT_ROWS 6
#define DOT_OUTPUTS 4
#define KEY_ROWS 8
#define VALUE_ROWS 4
#define TILE_ROWS 14
#define GENERAL_ROWS 6
#define TILES "tile_avx512.h"
#define VALUE_CHUNK 4
#define WIDEN widen_avx512
#define NARROW narrow_avx512
#define LARGER _mm512_max_ps
#define INVERSE inverse_avx512
#define FRACTION(v) _mm512_reduce_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)
#define SCALE(p, v) _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(v, _mm512_set1_ps(-126), _CMP_NLE_UQ), p, v)

TARGET static inline __attribute__((always_inline)) __m512 widen_avx512(const uint16_t *p) {
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

TARGET static inline void narrow_avx512(const float *from, uint16_t *to) {
	// The second operand is taken where the other is not a number, which must stay one.
	__m512 v = _mm512_max_ps(_mm512_set1_ps(-65504), _mm512_min_ps(_mm512_set1_ps(65504), _mm512_loadu_ps(from)));
	_mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

TARGET static inline __attribute__((always_inline)) __m512 inverse_avx512(__m512 v) {
	__m512 guess = _mm512_rcp14_ps(v); // 14 bits of it, which a step of Newton's doubles
	return _mm512_mul_ps(guess, _mm512_fnmadd_ps(v, guess, _mm512_set1_ps(2)));
}

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>

#define SET videoqa_kernels_avx512
#define NAME "AVX-512"
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define WIDTH 16
#define DOT_ROWS 6
#define DOT_OUTPUTS 4
#define KEY_ROWS 8
#define VALUE_ROWS 4
#define VALUE_CHUNK 4
#define WIDEN widen_avx512
#define NARROW narrow_avx512

TARGET static inline __attribute__((always_inline)) __m512 widen_avx512(const uint16_t *p) {
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

TARGET static inline void narrow_avx512(const float *from, uint16_t *to) {
	// The second operand is taken where the other is not a number, which must stay one.
	__m512 v = _mm512_max_ps(_mm512_set1_ps(-65504), _mm512_min_ps(_mm512_set1_ps(65504), _mm512_loadu_ps(from)));
	_mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

#include "kernel.inc"

#endif

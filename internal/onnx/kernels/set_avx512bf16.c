#if defined(__x86_64__)

#define SET videoqa_kernels_avx512bf16
#define NAME "AVX-512 BF16"
#define TARGET __attribute__((target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define ROUND_BF16 round_bf16_avx512

#include "avx512.h"

TARGET static inline __attribute__((always_inline)) __m256i round_bf16_avx512(__m512 v) { return (__m256i)_mm512_cvtneps_pbh(v); }

#include "set.h"

#endif

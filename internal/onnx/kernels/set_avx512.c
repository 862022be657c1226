#if defined(__x86_64__)

#define SET videoqa_kernels_avx512
#define NAME "AVX-512"
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

#include "avx512.h"

#include "set.h"

#endif

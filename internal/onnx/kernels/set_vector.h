// Registers of WIDTH floats, and what is done with them.

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef float vec4 __attribute__((vector_size(16)));
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t uints __attribute__((vector_size(4 * WIDTH))); // for what may go beyond an int
typedef uint16_t shorts __attribute__((vector_size(2 * WIDTH)));
typedef int8_t bytes __attribute__((vector_size(WIDTH)));
typedef struct { vec v; } __attribute__((packed, aligned(4), may_alias)) loose; // a vec anywhere
typedef struct { shorts v; } __attribute__((packed, aligned(2), may_alias)) loose_half;

enum { EACH = LANES / WIDTH }; // registers for LANES numbers

INLINE vec load(const float *p) { return ((const loose *)p)->v; }
INLINE void store(float *p, vec v) { ((loose *)p)->v = v; }
INLINE vec splat(float f) { return (vec){} + f; }

// load_some and store_some are load and store of the first n numbers; of fewer than WIDTH, load_some gives 0 behind them.
INLINE vec load_some(const float *p, int64_t n) {
	if (n >= WIDTH)
		return load(p);
	float some[WIDTH] = {0};
	memcpy(some, p, sizeof(float) * n);
	return load(some);
}

INLINE void store_some(float *p, vec v, int64_t n) {
	if (n >= WIDTH)
		store(p, v);
	else {
		float some[WIDTH];
		store(some, v);
		memcpy(p, some, sizeof(float) * n);
	}
}

// sum adds a register's numbers up in one order, whatever WIDTH is: quarters first, then across.
INLINE float sum(vec v) {
	vec4 quarters[WIDTH / 4];
	memcpy(quarters, &v, sizeof v);
	vec4 b = quarters[0];
#if WIDTH == 16
	b = (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
#elif WIDTH == 8
	b = quarters[0] + quarters[1];
#endif
	return (b[0] + b[2]) + (b[1] + b[3]);
}

#ifndef WIDEN
// widen takes float16 to float. The exponent is moved by a multiplication, which is right for subnormal numbers too; what is no
// number keeps an exponent of ones.
INLINE vec widen(const uint16_t *p) {
	ints h = __builtin_convertvector(((const loose_half *)p)->v, ints);
	vec magnitude = (vec)((h & 0x7fff) << 13) * 0x1p112f;
	return (vec)((ints)magnitude | ((magnitude >= 0x1p16f) & 0x7f800000) | (ints)((uints)(h & 0x8000) << 16));
}
#else
INLINE vec widen(const uint16_t *p) { return WIDEN(p); }
#endif

INLINE vec load_as(const void *p, int64_t at, const int half) {
	return half ? widen((const uint16_t *)p + at) : load((const float *)p + at);
}

// choose is a in the lanes of which mask has all bits set, and b in those of which it has none.
INLINE vec choose(ints mask, vec a, vec b) { return (vec)(((ints)a & mask) | ((ints)b & ~mask)); }

// larger is the larger of both, lane by lane; the second where one is not a number.
#ifndef LARGER
INLINE vec larger(vec a, vec b) { return choose(a > b, a, b); }
#else
INLINE vec larger(vec a, vec b) { return LARGER(a, b); }
#endif

// exp2v is 2 to the power of v, which is 0 or less, within two units in the last place; 0 below 2^-126. The polynomial, of what v is
// above the whole number below it, was fitted to have the least error relative to the power.
INLINE vec exp2v(vec v) {
#ifdef FRACTION
	vec r = FRACTION(v);
#else
	const float magic = 0x1.8p23f; // added, it leaves a whole number in the lowest bits
	vec n = v - 0.5f + magic, r = v - (n - magic);
#endif
	vec p = r * 0.0018775759963318706f + 0.00898934155702591f;
	p = p * r + 0.05582631751894951f;
	p = p * r + 0.24015361070632935f;
	p = p * r + 0.6931530833244324f;
	p = p * r + 0.9999999403953552f;
#ifdef SCALE
	return SCALE(p, v);
#else
	vec two = (vec)(((uints)n << 23) + (127u << 23)); // what magic adds to the bits is shifted out
	return (vec)((ints)(p * two) & ~(v <= -126.0f)); // what is not a number stays so
#endif
}

// expv is e to the power of v, which is 0 or less; v's own rounding, times log2 e, is in its error.
INLINE vec expv(vec v) { return exp2v(v * 1.44269504f); }

// store_bf16 rounds up to WIDTH numbers to the nearest bfloat16, to even between two. An odd number of them gets another behind.
INLINE void store_bf16(uint16_t *to, vec v, int64_t n) {
#ifdef ROUND_BF16
	shorts high = (shorts)ROUND_BF16(v);
#else
	uints bits = (uints)v, odd = (bits >> 16) & 1, nan = (uints)(v != v);
	bits = ((bits + 0x7fff + odd) & ~nan) | ((bits | 0x400000) & nan);
	shorts high = __builtin_convertvector(bits >> 16, shorts);
#endif
	if (n >= WIDTH)
		memcpy(to, &high, sizeof high);
	else
		memcpy(to, &high, sizeof(uint16_t) * ((n + 1) / 2 * 2));
}

// round_to_bf16 is store_bf16 of n numbers.
INLINE void round_to_bf16(const float *from, uint16_t *to, int64_t n) {
	for (int64_t i = 0; i < n; i += WIDTH)
		store_bf16(to + i, load_some(from + i, n - i), n - i);
}

#ifndef NARROW
// narrow_one rounds to the nearest float16, to even between two; what is larger than the largest becomes that.
FN uint16_t narrow_one(float f) {
	uint32_t bits, sign;
	memcpy(&bits, &f, 4);
	sign = bits >> 16 & 0x8000, bits &= 0x7fffffff;
	if (bits > 0x7f800000)
		return sign | 0x7e00; // not a number
	if (bits >= 0x477fe000)
		return sign | 0x7bff;
	if (bits < 0x38800000) { // subnormal: the sum's last bit is worth 2^-24
		float shifted;
		memcpy(&shifted, &bits, 4);
		shifted += 0.5f;
		memcpy(&bits, &shifted, 4);
		return sign | (bits - 0x3f000000);
	}
	return sign | (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
}
#define NARROW(from, to) for (int lane = 0; lane < WIDTH; lane++) (to)[lane] = narrow_one((from)[lane])
#endif

FN void narrow(const float *from, uint16_t *to, int64_t n) {
	int64_t i = 0;
	for (; i + WIDTH <= n; i += WIDTH)
		NARROW(from + i, to + i);
	if (i < n) {
		float last[WIDTH] = {0};
		uint16_t out[WIDTH];
		memcpy(last, from + i, sizeof(float) * (n - i));
		NARROW(last, out);
		memcpy(to + i, out, sizeof(uint16_t) * (n - i));
	}
}

#ifndef INVERSE
INLINE vec inverse(vec v) { return 1 / v; }
#else
INLINE vec inverse(vec v) { return INVERSE(v); }
#endif

// sigmoid is 1/(1 + e^-v).
INLINE vec sigmoid(vec v) {
	ints below = v < 0;
	vec e = expv((vec)((ints)v | (int32_t)0x80000000)), d = inverse(1 + e);
	return choose(below, e * d, d);
}

// normal is the normal distribution's probability below v, by the error function: near 0 as a polynomial of v² times v, beyond as
// e to the power of one. Both were fitted on Chebyshev's nodes; neither is off by more than 2e-9 before it is rounded.
INLINE vec normal(vec v) {
	ints below = v < 0;
	vec t = (vec)((ints)v & 0x7fffffff) * 0.707106781f, z = t * t;
	ints far = t > 4, near = t < 1;
	vec small = z * 7.882500358391553e-05f - 0.0008018859080038965f;
	small = small * z + 0.005189312621951103f;
	small = small * z - 0.02685432881116867f;
	small = small * z + 0.11283597350120544f;
	small = small * z - 0.3761262595653534f;
	small = (small * z + 1.1283791065216064f) * t;
	t = choose(far, splat(4), t);
	vec rest = t * 1.6140494242184388e-06f - 4.5590394454327765e-05f;
	rest = rest * t + 0.0005927677272273284f;
	rest = rest * t - 0.004740214397413186f;
	rest = rest * t + 0.02636469636486367f;
	rest = rest * t - 0.10997821100145247f;
	rest = rest * t - 0.6319371268576054f;
	rest = rest * t - 1.130166657909649f;
	rest = expv(rest * t + 0.00030320908860836937f);
	rest = choose(near, 1 - small, rest) * 0.5f;
	return choose(below, rest, 1 - rest);
}

INLINE vec activate(vec v, const int act) {
	switch (act) {
	case RELU:
		return larger(splat(0), v); // what is not a number stays so
	case QUICK_GELU:
		return v * sigmoid(v);
	case GELU:
		return v * normal(v);
	case TANH_GELU:
		return v * sigmoid(1.59576912f * v * (1 + 0.044715f * v * v));
	}
	return v;
}


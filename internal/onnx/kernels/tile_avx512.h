// Tiles of up to 14 rows by two panels, of which the registers hold 28 sums, the two units of weights of a step, and the unit of a
// row that meets them, in all lanes. A compiler left to itself moves sums through memory. In vpdpbusd a row's unit is the signed
// operand.

#define ROW_0 "(%[a])"
#define ROW_1 "(%[a],%[s])"
#define ROW_2 "(%[a],%[s],2)"
#define ROW_3 "(%[a],%[s3])"
#define ROW_4 "(%[a],%[s],4)"
#define ROW_5 "(%[a],%[s5])"
#define ROW_6 "(%[a],%[s3],2)"
#define ROW_7 "(%[a],%[s7])"
#define ROW_8 "(%[a],%[s],8)"
#define ROW_9 "(%[z])"
#define ROW_10 "(%[z],%[s])"
#define ROW_11 "(%[z],%[s],2)"
#define ROW_12 "(%[z],%[s3])"
#define ROW_13 "(%[z],%[s],4)"

// Of one row, whose sums are in registers i and j.
#define MULTIPLY_ROW(op, row, i, j) "vbroadcastss " row ", %%zmm30\n" op " %%zmm30, %%zmm28, %%zmm" #i "\n" op " %%zmm30, %%zmm29, %%zmm" #j "\n"
#define FETCH_ROW(op, row, i, j) "vmovups (%[from]), %%zmm" #i "%{%%k3%}%{z%}\nvmovups 64(%[from]), %%zmm" #j "%{%%k4%}%{z%}\nadd %[from_row], %[from]\n"
#define STORE_ROW(op, row, i, j) "vmovups %%zmm" #i ", (%[y])%{%%k1%}\nvmovups %%zmm" #j ", 64(%[y])%{%%k2%}\nadd %[y_row], %[y]\n"

// Of the first so many rows.
#define ROWS_1(do, op) do(op, ROW_0, 0, 1)
#define ROWS_2(do, op) ROWS_1(do, op) do(op, ROW_1, 2, 3)
#define ROWS_3(do, op) ROWS_2(do, op) do(op, ROW_2, 4, 5)
#define ROWS_4(do, op) ROWS_3(do, op) do(op, ROW_3, 6, 7)
#define ROWS_5(do, op) ROWS_4(do, op) do(op, ROW_4, 8, 9)
#define ROWS_6(do, op) ROWS_5(do, op) do(op, ROW_5, 10, 11)
#define ROWS_7(do, op) ROWS_6(do, op) do(op, ROW_6, 12, 13)
#define ROWS_8(do, op) ROWS_7(do, op) do(op, ROW_7, 14, 15)
#define ROWS_9(do, op) ROWS_8(do, op) do(op, ROW_8, 16, 17)
#define ROWS_10(do, op) ROWS_9(do, op) do(op, ROW_9, 18, 19)
#define ROWS_11(do, op) ROWS_10(do, op) do(op, ROW_10, 20, 21)
#define ROWS_12(do, op) ROWS_11(do, op) do(op, ROW_11, 22, 23)
#define ROWS_13(do, op) ROWS_12(do, op) do(op, ROW_12, 24, 25)
#define ROWS_14(do, op) ROWS_13(do, op) do(op, ROW_13, 26, 27)

#define TILE(name, op, rows) \
	FN void name##rows(const struct tile *t) { \
		const char *a = t->a, *z = a + 9 * t->a_row, *b0 = t->b0, *b1 = t->b1; \
		const float *from = t->from ? t->from : t->y; /* nothing is read there, but for a page that is not there processors stop to think */ \
		float *y = t->y; \
		int64_t n = t->n, y_row = t->y_row * 4, from_row = t->from_row * 4; \
		uint16_t first = t->columns >= LANES ? 0xffff : (1 << t->columns) - 1, second = t->columns > LANES ? (1 << (t->columns - LANES)) - 1 : 0; \
		uint16_t old_first = t->from ? first : 0, old_second = t->from ? second : 0; \
		__asm__ volatile( \
			"kmovw %[first], %%k1\nkmovw %[second], %%k2\nkmovw %[old_first], %%k3\nkmovw %[old_second], %%k4\n" \
			ROWS_##rows(FETCH_ROW, op) \
			"test %[n], %[n]\njz 2f\n" \
			".p2align 5\n1:\n" \
			"vmovups (%[b0]), %%zmm28\nvmovups (%[b1]), %%zmm29\n" \
			"prefetcht0 4096(%[b0])\nprefetcht0 4096(%[b1])\n" \
			"add %[step], %[b0]\nadd %[step], %[b1]\n" ROWS_##rows(MULTIPLY_ROW, op) \
			"add $4, %[a]\nadd $4, %[z]\ndec %[n]\njnz 1b\n2:\n" ROWS_##rows(STORE_ROW, op) \
			: [a] "+r"(a), [z] "+r"(z), [b0] "+r"(b0), [b1] "+r"(b1), [n] "+r"(n), [y] "+r"(y), [from] "+r"(from) \
			: [s] "r"(t->a_row), [s3] "r"(3 * t->a_row), [s5] "r"(5 * t->a_row), [s7] "r"(7 * t->a_row), [step] "r"(t->b_unit), [y_row] "r"(y_row), \
			  [from_row] "m"(from_row), [first] "m"(first), [second] "m"(second), [old_first] "m"(old_first), [old_second] "m"(old_second) \
			: "cc", "memory", "k1", "k2", "k3", "k4", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4", "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", \
			  "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20", "zmm21", "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", \
			  "zmm28", "zmm29", "zmm30"); \
	}

#define TILES_OF(name, op) \
	TILE(name, op, 1) TILE(name, op, 2) TILE(name, op, 3) TILE(name, op, 4) TILE(name, op, 5) TILE(name, op, 6) TILE(name, op, 7) \
	TILE(name, op, 8) TILE(name, op, 9) TILE(name, op, 10) TILE(name, op, 11) TILE(name, op, 12) TILE(name, op, 13) TILE(name, op, 14)
#define ALL_OF(name) {name##1, name##2, name##3, name##4, name##5, name##6, name##7, name##8, name##9, name##10, name##11, name##12, name##13, name##14}

TILES_OF(fp32_, "vfmadd231ps")
#ifdef ROUND_BF16
TILES_OF(bf16_, "vdpbf16ps")
#endif
TILES_OF(int8_, "vpdpbusd")

FN void tiles(const struct tile *t, int format, int64_t rows) {
	static void (*const fp32[])(const struct tile *) = ALL_OF(fp32_), (*const int8[])(const struct tile *) = ALL_OF(int8_);
#ifdef ROUND_BF16
	static void (*const bf16[])(const struct tile *) = ALL_OF(bf16_);
#endif
	if (format == FP32)
		fp32[rows - 1](t);
#ifdef ROUND_BF16
	else if (format == BF16)
		bf16[rows - 1](t);
#endif
	else if (format == INT8 && __builtin_cpu_supports("avx512vnni"))
		int8[rows - 1](t);
	else
		any_tiles(t, format, rows);
}

#undef ROW_0
#undef ROW_1
#undef ROW_2
#undef ROW_3
#undef ROW_4
#undef ROW_5
#undef ROW_6
#undef ROW_7
#undef ROW_8
#undef ROW_9
#undef ROW_10
#undef ROW_11
#undef ROW_12
#undef ROW_13
#undef MULTIPLY_ROW
#undef FETCH_ROW
#undef STORE_ROW
#undef ROWS_1
#undef ROWS_2
#undef ROWS_3
#undef ROWS_4
#undef ROWS_5
#undef ROWS_6
#undef ROWS_7
#undef ROWS_8
#undef ROWS_9
#undef ROWS_10
#undef ROWS_11
#undef ROWS_12
#undef ROWS_13
#undef ROWS_14
#undef TILE
#undef TILES_OF
#undef ALL_OF

// All kernels for one kind of processor. A file that includes this one defines the macros of the table in README.md before, and is a
// kernel set; behind it none of them is defined any more.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "workspace.h"

#if !defined(SET) || !defined(NAME) || !defined(TARGET) || !defined(WIDTH)
#error "a kernel set defines SET, NAME, TARGET and WIDTH"
#endif
#if !defined(DOT_ROWS) || !defined(DOT_OUTPUTS) || !defined(KEY_ROWS) || !defined(VALUE_ROWS) || !defined(VALUE_CHUNK) || !defined(TILE_ROWS) || !defined(GENERAL_ROWS)
#error "a kernel set defines how much its registers hold: DOT_ROWS, DOT_OUTPUTS, KEY_ROWS, VALUE_ROWS, VALUE_CHUNK, TILE_ROWS, GENERAL_ROWS"
#endif
#if defined(FRACTION) && !defined(SCALE)
#error "a kernel set that defines FRACTION defines SCALE"
#endif

_Static_assert(WIDTH == 4 || WIDTH == 8 || WIDTH == 16, "sum knows registers of 4, 8 and 16 floats");
_Static_assert(GENERAL_ROWS >= 1 && GENERAL_ROWS <= 6, "tiles_of has a case for each number of rows below 6");
_Static_assert(TILE_ROWS >= GENERAL_ROWS && TILE_ROWS <= 14, "the largest tile has 14 rows");

#define FN TARGET static
#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#include "set_vector.h"

#include "set_linear.h"

#include "set_attention.h"

#include "set_tile.h"

#include "set_norm.h"

#include "set_product.h"

#include "set_self_attention.h"

const struct kernels SET = {
	.name = NAME, .linear = linear, .product = product, .gated = gated, .mlp = mlp, .norms = norms, .pack_tokens = pack_tokens,
	.self_attention = self_attention, .cross_attention = cross_attention, .prefix_attention = prefix_attention, .narrow = narrow,
};

#undef SET
#undef NAME
#undef TARGET
#undef WIDTH
#undef DOT_ROWS
#undef DOT_OUTPUTS
#undef KEY_ROWS
#undef VALUE_ROWS
#undef VALUE_CHUNK
#undef TILE_ROWS
#undef GENERAL_ROWS
#undef TILES
#undef WIDEN
#undef NARROW
#undef LARGER
#undef INVERSE
#undef FRACTION
#undef SCALE
#undef ROUND_BF16
#undef FN
#undef INLINE
#undef UNROLL
#undef tiles

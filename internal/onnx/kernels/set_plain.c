#define SET videoqa_kernels_plain
#define NAME "plain"
#define TARGET
#define WIDTH 4
#define DOT_ROWS 2
#define DOT_OUTPUTS 4
#define KEY_ROWS 2
#define VALUE_ROWS 1
#define TILE_ROWS 4
#define GENERAL_ROWS 4
#define VALUE_CHUNK 8

#include "set.h"

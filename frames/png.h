#include <stddef.h>
#include <stdint.h>

// Rows of one length that follow each other in a PNG's data: all of a plain picture, or one pass of an interlaced one.
typedef struct {
	int32_t rows, bytes; // bytes of a row, without the one that names its filter
} videoqa_pass;

enum { VIDEOQA_PNG_WHOLE, VIDEOQA_PNG_CUT, VIDEOQA_PNG_BROKEN, VIDEOQA_PNG_FILTER };

// Inflates a PNG's data and takes the filters off, into rows that follow each other without gaps in out; width is the bytes of
// a pixel, at least 1. Data that end with a row end the picture, as in Pillow. Returns one of the above.
int videoqa_png(const uint8_t *data, size_t size, const videoqa_pass *passes, int n, int width, uint8_t *out);

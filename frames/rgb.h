#include <libavutil/frame.h>

// Writes f as RGB24 into out, rows unpadded, and returns 1; 0 if f or the processor is of a kind that it does not know,
// with out untouched; -1 if there is no memory. coefficients are swscale's for f's matrix.
int videoqa_rgb_420(const AVFrame *f, const int coefficients[4], int full, unsigned char *out);

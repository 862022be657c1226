#include <stddef.h>
#include <stdint.h>

enum { VIDEOQA_JPEG_WHOLE, VIDEOQA_JPEG_CUT, VIDEOQA_JPEG_BROKEN, VIDEOQA_JPEG_STOPPED, VIDEOQA_JPEG_WHY = 200, VIDEOQA_JPEG_SCANS = 100 };

// Decodes a JPEG of width x height pixels into pix, rows of width pixels of 1 (grey), 3 (RGB) or 4 (CMYK as stored) bytes.
// Returns one of the above; for BROKEN, why says the reason. A *stop that is not 0 ends the decoding.
int videoqa_jpeg(const uint8_t *file, size_t size, int components, int width, int height, uint8_t *pix, const int *stop, char *why);

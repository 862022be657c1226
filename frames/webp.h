#include <stddef.h>
#include <stdint.h>

typedef struct {
	int width, height, frames;
	size_t exif_at, exif_size, xmp_at, xmp_size; // places in the file; sizes are 0 where there is none
} videoqa_webp_info;

// Reads what a WebP says of itself. Returns 0 if it is whole and well-formed, as far as its chunks tell.
int videoqa_webp_head(const uint8_t *file, size_t size, videoqa_webp_info *info);

// Decodes the first picture of a WebP that has a head into pix, width x height pixels of red, green, blue and alpha.
// Returns 0 on success.
int videoqa_webp(const uint8_t *file, size_t size, uint8_t *pix);

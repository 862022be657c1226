#include "jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

// What Pillow's JpegDecode.c does with libjpeg-turbo, whose warnings it does not heed either: a picture counts when all of
// its rows came, and the data must not end before that.
struct decoding {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	struct jpeg_progress_mgr progress;
	jmp_buf out;
	const int *stop;
	char *why;
};

static void fail(j_common_ptr jpeg) {
	struct decoding *d = jpeg->client_data;
	if (__atomic_load_n(d->stop, __ATOMIC_RELAXED))
		longjmp(d->out, VIDEOQA_JPEG_STOPPED);
	jpeg->err->format_message(jpeg, d->why);
	longjmp(d->out, VIDEOQA_JPEG_BROKEN);
}

static void say_nothing(j_common_ptr jpeg) {}

static void nothing(j_decompress_ptr jpeg) {}

// The end of the file: the library gives back to its caller that it needs more.
static boolean no_more(j_decompress_ptr jpeg) { return FALSE; }

static void skip(j_decompress_ptr jpeg, long n) {
	struct jpeg_source_mgr *s = jpeg->src;
	size_t step = n < 0 ? 0 : (size_t)n;
	if (step > s->bytes_in_buffer)
		step = s->bytes_in_buffer;
	s->next_input_byte += step;
	s->bytes_in_buffer -= step;
}

static void stop_if_told(j_common_ptr jpeg) {
	struct decoding *d = jpeg->client_data;
	if (__atomic_load_n(d->stop, __ATOMIC_RELAXED))
		fail(jpeg);
	if (d->jpeg.input_scan_number > VIDEOQA_JPEG_SCANS) { // counted before; a second opinion
		snprintf(d->why, VIDEOQA_JPEG_WHY, "it has more than %d scans", VIDEOQA_JPEG_SCANS);
		longjmp(d->out, VIDEOQA_JPEG_BROKEN);
	}
}

static int decode(struct decoding *d, int components, int width, int height, uint8_t *pix) {
	j_decompress_ptr jpeg = &d->jpeg;
	int header;
	do
		header = jpeg_read_header(jpeg, FALSE);
	while (header == JPEG_HEADER_TABLES_ONLY);
	if (header == JPEG_SUSPENDED)
		return VIDEOQA_JPEG_CUT;
	jpeg->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
	if (!jpeg_start_decompress(jpeg))
		return VIDEOQA_JPEG_CUT;
	if (jpeg->output_width != (JDIMENSION)width || jpeg->output_components != components) {
		snprintf(d->why, VIDEOQA_JPEG_WHY, "its headers contradict each other");
		return VIDEOQA_JPEG_BROKEN;
	}
	for (int y = 0; y < height; y++) {
		JSAMPROW row = pix + (size_t)y * width * components;
		if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
			return VIDEOQA_JPEG_CUT;
	}
	jpeg_finish_decompress(jpeg); // fails on what is wrong behind the pixels; a missing end is not
	return VIDEOQA_JPEG_WHOLE;
}

int videoqa_jpeg(const uint8_t *file, size_t size, int components, int width, int height, uint8_t *pix, const int *stop, char *why) {
	struct decoding d = {.stop = stop, .why = why};
	d.jpeg.err = jpeg_std_error(&d.errors);
	d.jpeg.client_data = &d;
	d.errors.error_exit = fail;
	d.errors.output_message = say_nothing;
	int outcome = setjmp(d.out);
	if (!outcome) {
		jpeg_create_decompress(&d.jpeg);
		d.source = (struct jpeg_source_mgr){file, size, nothing, no_more, skip, jpeg_resync_to_restart, nothing};
		d.progress.progress_monitor = stop_if_told;
		d.jpeg.src = &d.source;
		d.jpeg.progress = &d.progress;
		outcome = decode(&d, components, width, height, pix);
	}
	jpeg_destroy_decompress(&d.jpeg);
	return outcome;
}

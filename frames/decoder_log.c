// Where a picture is decoded by one thread and handed out by another, its decode_error_flags may be set after it was handed
// out, and an AVFrame has no way back to them. What libavcodec logs while a thread decodes it has said before that ends.

#include "pool.h"

#include <libavutil/log.h>
#include <string.h>

static int starts_with(const char *text, const char *with) {
	return strncmp(text, with, strlen(with)) == 0;
}

// What ff_er_frame_end says before it makes up blocks and sets the flag: the only place where that is done in H.264, MPEG-4 and
// MPEG-1/2 (7.1.5: error_resilience.c). An H.264 slice of which the frame's blocks before it are missing comes to it as well.
static int conceals(const char *format) {
	return starts_with(format, "concealing ");
}

// What is said of damage for which one thread need neither set a flag nor return an error: an H.264 slice that cannot be begun
// (h264dec.c; if it is the picture's only one, that is handed out as the memory was) or read on, in a field and not the last
// (h264_slice.c), and an HEVC slice that is left out (hevcdec.c).
static int gives_up(const char *format) {
	return starts_with(format, "decode_slice_header error") || starts_with(format, "error while decoding MB ") ||
		starts_with(format, "Skipping invalid undecodable NALU");
}

static void on_log(void *from, int level, const char *format, va_list args) {
	if (from && *(const AVClass **)from == avcodec_get_class()) {
		videoqa_client *k = videoqa_client_of(from);
		if (k && gives_up(format))
			videoqa_client_tell(k, VIDEOQA_LOGGED_ERROR | VIDEOQA_GAVE_UP);
		else if (k && (conceals(format) || (level & 0xff) <= AV_LOG_ERROR))
			videoqa_client_tell(k, VIDEOQA_LOGGED_ERROR);
	}
	av_log_default_callback(from, level, format, args);
}

void videoqa_watch_log(void) {
	av_log_set_callback(on_log);
}

#include "webp.h"

#include <string.h>
#include <webp/demux.h>

static void find(const WebPDemuxer *d, const char *kind, const uint8_t *file, size_t *at, size_t *size) {
	WebPChunkIterator it;
	if (WebPDemuxGetChunk(d, kind, 1, &it)) {
		*at = it.chunk.bytes - file;
		*size = it.chunk.size;
		WebPDemuxReleaseChunkIterator(&it);
	}
}

int videoqa_webp_head(const uint8_t *file, size_t size, videoqa_webp_info *info) {
	WebPData data = {file, size};
	WebPDemuxer *d = WebPDemux(&data);
	memset(info, 0, sizeof *info);
	if (!d)
		return -1;
	info->width = WebPDemuxGetI(d, WEBP_FF_CANVAS_WIDTH);
	info->height = WebPDemuxGetI(d, WEBP_FF_CANVAS_HEIGHT);
	info->frames = WebPDemuxGetI(d, WEBP_FF_FRAME_COUNT);
	find(d, "EXIF", file, &info->exif_at, &info->exif_size);
	find(d, "XMP ", file, &info->xmp_at, &info->xmp_size);
	WebPDemuxDelete(d);
	return 0;
}

int videoqa_webp(const uint8_t *file, size_t size, uint8_t *pix) {
	WebPData data = {file, size};
	WebPAnimDecoder *d = WebPAnimDecoderNew(&data, NULL);
	WebPAnimInfo info;
	uint8_t *canvas;
	int timestamp, ok;
	if (!d)
		return -1;
	ok = WebPAnimDecoderGetInfo(d, &info) && WebPAnimDecoderGetNext(d, &canvas, &timestamp);
	if (ok)
		memcpy(pix, canvas, (size_t)4 * info.canvas_width * info.canvas_height);
	WebPAnimDecoderDelete(d);
	return ok ? 0 : -1;
}

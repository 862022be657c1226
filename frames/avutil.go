package frames

/*
#cgo pkg-config: libavformat libavcodec libavutil libswscale
#include <libavcodec/codec_desc.h>
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>
#include "pool.h"
#include "rgb.h"

// go-astiav has neither a frame's damage nor swscale's colour details.
static int videoqa_damage(const AVFrame *f) {
	return f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT || videoqa_unwritten(f);
}

static int videoqa_full_range(const AVFrame *f) {
	switch (f->format) {
	case AV_PIX_FMT_YUVJ420P: case AV_PIX_FMT_YUVJ422P: case AV_PIX_FMT_YUVJ444P: case AV_PIX_FMT_YUVJ440P: case AV_PIX_FMT_YUVJ411P:
		return 1;
	}
	return f->color_range == AVCOL_RANGE_JPEG;
}

static int videoqa_wide(const AVFrame *f) {
	return f->colorspace == AVCOL_SPC_BT2020_NCL || f->colorspace == AVCOL_SPC_BT2020_CL ||
		f->color_primaries == AVCOL_PRI_BT2020 || f->color_trc == AVCOL_TRC_SMPTE2084 || f->color_trc == AVCOL_TRC_ARIB_STD_B67;
}

static const int *videoqa_matrix(const AVFrame *f) {
	return sws_getCoefficients(f->colorspace == AVCOL_SPC_UNSPECIFIED || f->colorspace == AVCOL_SPC_RGB ? SWS_CS_DEFAULT : f->colorspace);
}

// Writes f as RGB24, rows of stride bytes with room for what vector code writes past a row's end.
static int videoqa_rgb(const AVFrame *f, unsigned char *out, int stride) {
	struct SwsContext *c = sws_getContext(f->width, f->height, f->format, f->width, f->height, AV_PIX_FMT_RGB24,
		SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
	if (!c)
		return AVERROR(EINVAL);
	sws_setColorspaceDetails(c, videoqa_matrix(f), videoqa_full_range(f), sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
	unsigned char *planes[4] = {out};
	int strides[4] = {stride};
	int rows = sws_scale(c, (const unsigned char *const *)f->data, f->linesize, 0, f->height, planes, strides);
	sws_freeContext(c);
	return rows == f->height ? 0 : AVERROR(EINVAL);
}

// What a demuxer's index says of one packet.
typedef struct {
	int64_t at, dts;
	int32_t size, flags;
} videoqa_entry;

static void videoqa_entries(AVStream *s, videoqa_entry *out, int n) {
	for (int i = 0; i < n; i++) {
		const AVIndexEntry *e = avformat_index_get_entry(s, i);
		out[i] = (videoqa_entry){e->pos, e->timestamp, e->size, e->flags};
	}
}

// The container's cropping: top, bottom, left, right, or zeros.
static void videoqa_cropping(const AVCodecParameters *p, uint32_t out[4]) {
	const AVPacketSideData *d = av_packet_side_data_get(p->coded_side_data, p->nb_coded_side_data, AV_PKT_DATA_FRAME_CROPPING);
	memset(out, 0, 4 * sizeof *out);
	for (int i = 0; d && d->size >= 16 && i < 4; i++)
		out[i] = AV_RL32(d->data + 4 * i);
}

// Crops f in place as the filter crop does, to whole chroma samples: size and corner are rounded down. What leaves nothing is not done.
static void videoqa_crop(AVFrame *f, const uint32_t by[4]) {
	const AVPixFmtDescriptor *kind = av_pix_fmt_desc_get(f->format);
	if (!kind || (int64_t)by[0] + by[1] >= f->height || (int64_t)by[2] + by[3] >= f->width)
		return;
	int across = ~((1 << kind->log2_chroma_w) - 1), down = ~((1 << kind->log2_chroma_h) - 1);
	int w = (f->width - by[2] - by[3]) & across, h = (f->height - by[0] - by[1]) & down;
	if (w <= 0 || h <= 0)
		return;
	f->crop_top = by[0] & down;
	f->crop_left = by[2] & across;
	f->crop_bottom = f->height - h - f->crop_top;
	f->crop_right = f->width - w - f->crop_left;
	av_frame_apply_cropping(f, AV_FRAME_CROP_UNALIGNED);
}

static int videoqa_rgb_fast(const AVFrame *f, unsigned char *out) {
	return videoqa_rgb_420(f, videoqa_matrix(f), videoqa_full_range(f), out);
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/asticode/go-astiav"

	"videoqa/internal/fault"
)

// forceCodec says what a demuxer's video is where it would guess. go-astiav has
// neither the field nor a pointer to the context, which is its wrapper's first
// field; a program stream that opens in the tests holds it to that.
func forceCodec(fc *astiav.FormatContext, codec astiav.CodecID) {
	(*(**C.AVFormatContext)(unsafe.Pointer(fc))).video_codec_id = C.enum_AVCodecID(codec)
}

// newExtraData returns a copy of the configuration that comes with p, for it and
// all that follow; nil: none does. go-astiav has no pointer to the packet either.
func newExtraData(p *astiav.Packet) []byte {
	var size C.size_t
	data := C.av_packet_get_side_data(*(**C.AVPacket)(unsafe.Pointer(p)), C.AV_PKT_DATA_NEW_EXTRADATA, &size)
	if data == nil || size == 0 {
		return nil
	}
	return C.GoBytes(unsafe.Pointer(data), C.int(size))
}

// codecTitle is a codec's name for people.
func codecTitle(id astiav.CodecID) string {
	d := C.avcodec_descriptor_get(C.enum_AVCodecID(id))
	if d == nil || d.long_name == nil {
		return "unnamed"
	}
	return C.GoString(d.long_name)
}

// A cropping is how many pixels a container cuts off at the top, the bottom, the
// left and the right of every picture, before it is turned.
type cropping [4]uint32

// croppingOf returns what a container says of its stream: MP4's clap box, Matroska's
// PixelCrop elements.
func croppingOf(p *astiav.CodecParameters) (c cropping) {
	C.videoqa_cropping(*(**C.AVCodecParameters)(unsafe.Pointer(p)), (*C.uint32_t)(&c[0]))
	return c
}

// crop cuts f, which the caller owns or was lent, to what is shown of it: as the
// ffmpeg program does, to whole chroma samples.
func (c cropping) crop(f *astiav.Frame) {
	if c != (cropping{}) {
		C.videoqa_crop((*C.AVFrame)(f.UnsafePointer()), (*C.uint32_t)(&c[0]))
	}
}

// indexed is how many packets of s its demuxer knows of beforehand.
func indexed(s *astiav.Stream) int {
	return int(C.avformat_index_get_entries_count(*(**C.AVStream)(unsafe.Pointer(s))))
}

// An entry is what a demuxer's index says of one packet.
type entry struct {
	at, size, dts int64
	key, dropped  bool
}

// entriesOf returns all that the demuxer knows of beforehand.
func entriesOf(s *astiav.Stream) []entry {
	raw := make([]C.videoqa_entry, indexed(s))
	if len(raw) > 0 {
		C.videoqa_entries(*(**C.AVStream)(unsafe.Pointer(s)), &raw[0], C.int(len(raw)))
	}
	all := make([]entry, len(raw))
	for i, e := range raw {
		all[i] = entry{int64(e.at), int64(e.size), int64(e.dts), e.flags&C.AVINDEX_KEYFRAME != 0, e.flags&C.AVINDEX_DISCARD_FRAME != 0}
	}
	return all
}

// bytesOf lends p's bytes until p is let go of. go-astiav copies them, which is
// most of what it takes to index a long file.
func bytesOf(p *astiav.Packet) []byte {
	c := *(**C.AVPacket)(unsafe.Pointer(p))
	return unsafe.Slice((*byte)(c.data), int(c.size))
}

// damaged reports whether the decoder itself says that f is not what was encoded:
// lost references, concealed blocks, a packet that was cut.
func damaged(f *astiav.Frame) bool {
	return C.videoqa_damage((*C.AVFrame)(f.UnsafePointer())) != 0
}

// digest sums up what f shows. That of two decodings differs if any sample does, but by chance.
func digest(f *astiav.Frame) uint64 {
	return uint64(C.videoqa_digest((*C.AVFrame)(f.UnsafePointer())))
}

// wideColour reports whether f's colours are BT.2020 or HDR, which are converted by
// their matrix only.
func wideColour(f *astiav.Frame) bool {
	return C.videoqa_wide((*C.AVFrame)(f.UnsafePointer())) != 0
}

// toRGB converts f as the ffmpeg program does with
// -sws_flags bicubic+accurate_rnd+full_chroma_int: an unspecified matrix is
// BT.601, an unspecified range is limited, the sample aspect ratio is left alone.
// Common frames go through rgb.c, whose bytes are swscale's.
func toRGB(f *astiav.Frame) (Picture, error) {
	p := blank(f.Width(), f.Height(), 0)
	rc := C.videoqa_rgb_fast((*C.AVFrame)(f.UnsafePointer()), (*C.uchar)(&p.Pix[0]))
	runtime.KeepAlive(f)
	switch {
	case rc < 0:
		return Picture{}, fmt.Errorf("convert %d x %d to RGB: no memory", p.Width, p.Height)
	case rc > 0:
		return p, nil
	}
	return p, bySwscale(f, p)
}

// bySwscale sets p's pixels to f's.
func bySwscale(f *astiav.Frame, p Picture) error {
	w, h := p.Width, p.Height
	stride := (3*w + 63) &^ 63
	buffer := C.av_malloc(C.size_t(stride*h + 64))
	if buffer == nil {
		return fmt.Errorf("convert %d x %d to RGB: no memory", w, h)
	}
	defer C.av_free(buffer)
	if rc := C.videoqa_rgb((*C.AVFrame)(f.UnsafePointer()), (*C.uchar)(buffer), C.int(stride)); rc < 0 {
		return fmt.Errorf("convert %s to RGB: %w: %w", f.PixelFormat(), astiav.Error(rc), fault.BadVideo)
	}
	runtime.KeepAlive(f)
	rows := unsafe.Slice((*byte)(buffer), stride*h)
	for y := range h {
		copy(p.Pix[3*w*y:3*w*(y+1)], rows[stride*y:])
	}
	return nil
}

package frames

/*
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/mem.h>
#include <stdatomic.h>

// While FFmpeg makes out streams it keeps each packet that it reads, however small, and asks before each whether to go on.
typedef struct {
	AVIOInterruptCB asked; // whoever was asked before
	atomic_int packets, most;
} videoqa_probing;

static int videoqa_goes_on(void *p) {
	videoqa_probing *probing = p;
	if (atomic_load(&probing->most) && atomic_fetch_add(&probing->packets, 1) >= atomic_load(&probing->most))
		return 1;
	return probing->asked.callback ? probing->asked.callback(probing->asked.opaque) : 0;
}

static videoqa_probing *videoqa_watch(AVFormatContext *fc) {
	videoqa_probing *p = av_mallocz(sizeof *p);
	if (p) {
		p->asked = fc->interrupt_callback;
		fc->interrupt_callback = (AVIOInterruptCB){videoqa_goes_on, p};
	}
	return p;
}

// Tells how much there is of what FFmpeg compares with all before it whenever it adds some.
static int videoqa_tags(const AVFormatContext *fc) {
	int n = av_dict_count(fc->metadata) + fc->nb_programs + fc->nb_chapters;
	for (unsigned i = 0; i < fc->nb_streams; i++)
		n += av_dict_count(fc->streams[i]->metadata);
	return n;
}

static int videoqa_streams(const AVFormatContext *fc) { return fc->nb_streams; }

static void videoqa_limit(videoqa_probing *p, int most) {
	atomic_store(&p->packets, 0);
	atomic_store(&p->most, most);
}

static int videoqa_limited(videoqa_probing *p) {
	return atomic_load(&p->most) && atomic_load(&p->packets) > atomic_load(&p->most);
}
*/
import "C"

import (
	"strconv"
	"unsafe"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
)

// perPacket is how many bytes a packet takes that FFmpeg keeps to make out what streams are: in a transport stream each
// packet whose length is not told lies in a buffer of its own, of which it touches a page or more.
const perPacket = 16 << 10

// probedOf is how many packets of a file that may be.
func probedOf(format string, size int64) int {
	if format != "mpegts" {
		return bitstream.ProbedPackets
	}
	return int(min(bitstream.ProbedPackets, bitstream.OpeningMemory(size)/perPacket))
}

// mostProbes is how many packets of a stream FFmpeg keeps while it makes out by them what
// that is, at any time: streams that no program names appear later on. A transport
// stream's may take a buffer of 200 KB each.
func mostProbes(format string) int {
	if format == "mpegts" {
		return 250
	}
	return 2500
}

// A probing limits what FFmpeg does to make out streams. It lies in C memory, belongs to
// an input, and is freed after its context.
type probing struct{ c *C.videoqa_probing }

// newProbing has fc ask it; nil is no memory.
func newProbing(fc *astiav.FormatContext) probing {
	return probing{C.videoqa_watch((*C.AVFormatContext)(pointerTo(fc)))}
}

// begin limits what is read from now on to so many packets, and end ends that. It tells whether more was
// asked for.
func (p probing) begin(most int) {
	if p.c != nil {
		C.videoqa_limit(p.c, C.int(most))
	}
}

func (p probing) end() (over bool) {
	if p.c == nil {
		return false
	}
	over = C.videoqa_limited(p.c) != 0
	C.videoqa_limit(p.c, 0)
	return over
}

func (p *probing) free() {
	C.av_free(unsafe.Pointer(p.c))
	p.c = nil
}

// checkTags holds what a context has gathered so far to the limit. The source asks before
// each read, and thus every 64 KiB.
func checkTags(fc unsafe.Pointer) error {
	if n := int64(C.videoqa_tags((*C.AVFormatContext)(fc))); n > bitstream.MaxTags {
		return bitstream.TooManyTags(n)
	}
	return nil
}

// checkStreams holds the streams that a context knows to their limit. It may know one more,
// by which it is told that there are too many.
func checkStreams(fc unsafe.Pointer, most int) error {
	if n := int(C.videoqa_streams((*C.AVFormatContext)(fc))); n > most {
		return bitstream.TooManyStreams("more than "+strconv.Itoa(most), most)
	}
	return nil
}

// pointerTo is a context's own, which is its wrapper's first field.
func pointerTo(fc *astiav.FormatContext) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(fc))
}

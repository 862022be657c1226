package frames

/*
#include <libavformat/avio.h>
#include <stdint.h>

extern int videoqaRead(uintptr_t, uint8_t *, int);
extern int64_t videoqaSeek(uintptr_t, int64_t, int);

// A handle is no pointer, and Go's collector must not meet it as one.
static int videoqa_read(void *source, uint8_t *buffer, int size) { return videoqaRead((uintptr_t)source, buffer, size); }
static int64_t videoqa_seek(void *source, int64_t offset, int whence) { return videoqaSeek((uintptr_t)source, offset, whence); }

static void videoqa_read_by(AVIOContext *io, uintptr_t source) {
	io->opaque = (void *)source;
	io->read_packet = videoqa_read;
	io->seek = videoqa_seek;
}
*/
import "C"

import (
	"errors"
	"runtime/cgo"
	"unsafe"

	"github.com/asticode/go-astiav"
)

// readBy has io read straight from the source that handle stands for. go-astiav
// makes a slice for every read and copies it, which for a long file is as much
// work as reading it. The wrapper's first field is the context.
func readBy(io *astiav.IOContext, handle cgo.Handle) {
	C.videoqa_read_by(*(**C.AVIOContext)(unsafe.Pointer(io)), C.uintptr_t(handle))
}

//export videoqaRead
func videoqaRead(handle C.uintptr_t, buffer *C.uint8_t, size C.int) C.int {
	n, err := cgo.Handle(handle).Value().(*source).read(unsafe.Slice((*byte)(buffer), int(size)))
	if err != nil {
		return number(err)
	}
	return C.int(n)
}

//export videoqaSeek
func videoqaSeek(handle C.uintptr_t, offset C.int64_t, whence C.int) C.int64_t {
	at, err := cgo.Handle(handle).Value().(*source).seek(int64(offset), int(whence))
	if err != nil {
		return C.int64_t(number(err))
	}
	return C.int64_t(at)
}

// number is FFmpeg's for one of the errors that a source gives.
func number(err error) C.int {
	var code astiav.Error
	errors.As(err, &code)
	return C.int(code)
}

package frames

// #include "pool.h"
import "C"

import (
	"runtime"

	"github.com/asticode/go-astiav"

	"videoqa/internal/native"
)

// A pool is memory for the decoded pictures of one plan, which its decoders hand
// on to each other. Whoever made it closes it, after the decoders.
type pool struct {
	c    *C.videoqa_pool // nil: closed, or there was no memory; decoders then have their own
	leak runtime.Cleanup
}

func newPool() *pool {
	p := &pool{c: C.videoqa_pool_new()}
	p.leak = native.Track(p, "frames pool", 1)
	return p
}

// serve has cc, which is not open yet, draw on p.
func (p *pool) serve(cc *astiav.CodecContext) {
	if p.c != nil {
		C.videoqa_pool_serve(p.c, (*C.AVCodecContext)(cc.UnsafePointer()))
	}
}

func (p *pool) close() {
	if p.c != nil {
		C.videoqa_pool_free(p.c)
		p.c = nil
	}
	native.Untrack(p.leak, 1)
}

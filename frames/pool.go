package frames

// #include "pool.h"
import "C"

import (
	"runtime"

	"github.com/asticode/go-astiav"

	"videoqa/internal/native"
)

// A pool is memory for the decoded pictures of one plan, which its decoders hand
// on to each other. Its maker closes it, after the decoders.
type pool struct {
	c    *C.videoqa_pool // nil: closed, or there was no memory; decoders then have their own
	leak runtime.Cleanup
}

func newPool() *pool {
	p := &pool{c: C.videoqa_pool_new()}
	p.leak = native.Track(p, "frames pool", 1)
	return p
}

// A client is a decoder as the pool sees it: on the C heap, for all of its threads,
// and what these log of damage is noted with it. nil: closed, or there was no memory.
type client struct{ c *C.videoqa_client }

// unfilled leaves memory for pictures as it was.
const unfilled = -1

// serve has cc, which is not open yet, draw on p. Every sample of its pictures' memory
// is fill first, unless that is [unfilled]. The client is closed after cc.
func (p *pool) serve(cc *astiav.CodecContext, fill int) client {
	return client{C.videoqa_client_new(p.c, (*C.AVCodecContext)(cc.UnsafePointer()), C.int(fill))}
}

// loggedDamage reports whether any of the decoder's threads logged an error, however
// small, or gave up part of a picture. Once it is closed, that is all there was.
func (k client) loggedDamage() bool { return C.videoqa_client_said(k.c)&C.VIDEOQA_LOGGED_ERROR != 0 }

// gaveUp reports whether part of a picture was left out since it was last asked.
func (k client) gaveUp() bool { return C.videoqa_client_forget(k.c, C.VIDEOQA_GAVE_UP) != 0 }

func (k *client) close() {
	C.videoqa_client_free(k.c)
	k.c = nil
}

func (p *pool) close() {
	if p.c != nil {
		C.videoqa_pool_free(p.c)
		p.c = nil
	}
	native.Untrack(p.leak, 1)
}

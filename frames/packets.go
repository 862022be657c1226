package frames

import (
	"runtime"

	"github.com/asticode/go-astiav"

	"videoqa/internal/native"
)

// packets are compressed pictures kept in C memory between demuxing and
// decoding. Whoever made them closes them.
type packets struct {
	keep   bool
	list   []*astiav.Packet // nil for those that nobody needs
	leak   runtime.Cleanup
	closed bool
}

// newPackets returns an empty list that keeps what is added only if keep is set.
func newPackets(keep bool) *packets {
	p := &packets{keep: keep}
	p.leak = native.Track(p, "frames packets", 1)
	return p
}

// add keeps a reference to p's bytes, which are not copied.
func (ps *packets) add(p *astiav.Packet) {
	if ps.keep {
		ps.list = append(ps.list, p.Clone())
	}
}

// close frees the packets. It may be called again.
func (ps *packets) close() {
	if ps.closed {
		return
	}
	for _, p := range ps.list {
		if p != nil {
			p.Free()
		}
	}
	ps.list, ps.closed = nil, true
	native.Untrack(ps.leak, 1)
}

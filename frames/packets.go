package frames

import (
	"runtime"

	"github.com/asticode/go-astiav"

	"videoqa/internal/native"
)

// packets are compressed pictures kept in C memory between demuxing and
// decoding. Their maker closes them.
type packets struct {
	keep   bool
	bytes  int64            // of those kept, with what FFmpeg adds to each
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

// mostKept is how many bytes packets may take that are kept while a file is read, and
// packetTakes how many each takes beside its own. What has more is read again.
const (
	mostKept    = 48 << 20
	packetTakes = 512
)

// add keeps a reference to p's bytes, which are not copied.
func (ps *packets) add(p *astiav.Packet) {
	if ps.keep {
		ps.list = append(ps.list, p.Clone())
	}
}

// offer is add, as long as all that was kept does not take too much; then none is.
func (ps *packets) offer(p *astiav.Packet) {
	if ps.bytes += int64(p.Size()) + packetTakes; ps.bytes > mostKept && ps.keep {
		ps.drop()
		ps.keep = false
	}
	ps.add(p)
}

// close frees the packets. It may be called again.
func (ps *packets) close() {
	if ps.closed {
		return
	}
	ps.drop()
	ps.closed = true
	native.Untrack(ps.leak, 1)
}

// drop frees what was kept.
func (ps *packets) drop() {
	for _, p := range ps.list {
		if p != nil {
			p.Free()
		}
	}
	ps.list = nil
}

package frames

import (
	"context"
	"fmt"
	"math"
	"sort"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// A packetReader reads planned packets of a file whose index is known, skipping what
// lies between. Seeking in a container is a hint: every packet read is compared
// with the index, and where they do not agree the file is read from its start.
type packetReader struct {
	x    *Index
	open func() (*input, error)
	lent *input // somebody else's
	in   *input // lent, or owned
	p    *astiav.Packet
	next int  // row of the packet that is read next
	held bool // p already holds row next

	sought bool // where it is came out of a seek
	blind  bool // seeks are of no use in this file
}

// seekGap is how many bytes are cheaper to read than to jump over.
const seekGap = 1 << 20

// nowhere is after every row, so that what comes next is sought.
const nowhere = math.MaxInt

// newPacketReader reads from in, which is at its start unless read, and where that is no
// use from what open opens.
func newPacketReader(x *Index, in *input, read bool, open func() (*input, error)) *packetReader {
	return &packetReader{x: x, open: open, lent: in, in: in, p: astiav.AllocPacket(), next: ifElse(read, nowhere, 0)}
}

func (c *packetReader) close() {
	c.p.Free()
	c.letGo()
}

// letGo closes the input unless it is somebody else's, to whom decoders may have
// to look back.
func (c *packetReader) letGo() {
	if c.in != c.lent {
		c.in.close()
	}
}

// collect returns the packets of a run that have to be decoded, by row; skipped
// ones are nil.
func (c *packetReader) collect(ctx context.Context, r run) (*packets, error) {
	if err := c.moveTo(ctx, r.first); err != nil {
		return nil, err
	}
	kept := newPackets(true)
	if c.x.fromTable {
		return kept, c.collectByTable(ctx, r, kept)
	}
	for i := r.first; i <= r.last; i++ {
		if err := c.read(ctx); err != nil {
			kept.close()
			return nil, err
		}
		if c.x.skips(r, i) {
			kept.list = append(kept.list, nil)
			continue
		}
		kept.add(c.p)
	}
	return kept, nil
}

// read puts the packet of row next into p, and moves on.
func (c *packetReader) read(ctx context.Context) error {
	if !c.held {
		if err := c.in.next(ctx, c.p); err != nil {
			return c.changed(ctx, err)
		}
	}
	c.held = false
	switch matches := c.x.matches(c.next, c.p); {
	case matches:
		c.next++
		return nil
	case c.sought && !c.x.fromTable: // some demuxers give packets other times behind a seek
		c.blind = true
		row := c.next
		if err := c.restart(ctx, row); err != nil {
			return err
		}
		return c.read(ctx)
	}
	return c.changed(ctx, fmt.Errorf("packet %d is another one", c.next))
}

// restart reads from the start of the file up to row.
func (c *packetReader) restart(ctx context.Context, row int) error {
	in, err := c.open()
	if err != nil {
		return err
	}
	c.letGo()
	c.in, c.next, c.held, c.sought = in, 0, false, false
	return c.readTo(ctx, row)
}

// changed says that what was read is not what the index promised, unless that is
// because reading itself was given up or failed.
func (c *packetReader) changed(ctx context.Context, err error) error {
	if ctx.Err() != nil || c.in.source.err != nil {
		return err
	}
	return fmt.Errorf("the file is no longer what was indexed (%w): %w", err, fault.BadVideo)
}

// moveTo makes row the next one, by reading on, by seeking, or from the start. A
// file whose clock jumps or runs over has no times to seek by.
func (c *packetReader) moveTo(ctx context.Context, row int) error {
	blind := c.blind || c.x.jumps > 0 || c.x.turns > 0
	if row >= c.next && (blind || c.bytes(c.next, row) < seekGap) {
		return c.readTo(ctx, row)
	}
	for back := row; !blind; back = c.x.before(back) {
		if ok, err := c.jump(ctx, back, row); err != nil {
			return err
		} else if ok {
			return c.readTo(ctx, row)
		}
		if back <= 0 || row-back > 2000 || ctx.Err() != nil {
			break
		}
	}
	return c.restart(ctx, row)
}

func (c *packetReader) readTo(ctx context.Context, row int) error {
	for c.next < row {
		if err := c.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// jump seeks to row at's time and tells whether that came out at or before row.
func (c *packetReader) jump(ctx context.Context, at, row int) (bool, error) {
	ts := c.x.rows[at].dts
	if ts == noTime {
		ts = c.x.rows[at].pts
	}
	if err := c.in.seek(ts, astiav.SeekFlagBackward); err != nil {
		return false, nil
	}
	if err := c.in.next(ctx, c.p); err != nil {
		if ctx.Err() != nil || c.in.source.err != nil {
			return false, err
		}
		return false, nil
	}
	found := c.x.find(c.p)
	if found < 0 || found > row {
		return false, nil
	}
	c.next, c.held, c.sought = found, true, true
	return true, nil
}

func (c *packetReader) bytes(from, to int) (sum int64) {
	for _, r := range c.x.rows[from:to] {
		if sum += int64(r.size); sum >= seekGap {
			break
		}
	}
	return sum
}

// before returns the last point of access before row, or 0.
func (x *Index) before(row int) int {
	for row--; row > 0 && x.rows[row].roles&bitstream.Clean == 0; row-- {
	}
	return max(row, 0)
}

func (x *Index) matches(row int, p *astiav.Packet) bool {
	r := x.rows[row]
	return r.size == int32(p.Size()) && r.pts == p.Pts() && r.dts == p.Dts()
}

// find returns the row of p, or -1 if there is none or more than one could be it.
func (x *Index) find(p *astiav.Packet) int {
	if p.Dts() == noTime {
		return -1
	}
	at := sort.Search(len(x.rows), func(i int) bool { return x.rows[i].dts >= p.Dts() })
	if at < len(x.rows) && x.matches(at, p) && (at+1 == len(x.rows) || !x.matches(at+1, p)) {
		return at
	}
	return -1
}

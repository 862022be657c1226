package frames

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
)

// minTablePackets is how many packets a video needs for its sample table to be used: to read fewer takes less than a few
// milliseconds.
const minTablePackets = 1000

// errNeedFullScan says that the sample table is not to be trusted, or that something
// is damaged. How far damage reaches, only all packets together tell.
var errNeedFullScan = errors.New("the file has to be read as a whole")

// trustTable indexes an MP4 file by its sample table, without reading a packet. It
// returns nil where the table cannot be used, and then in is still at its start. The
// table says when each picture is shown, and which packets it calls keys. It may be
// wrong: the packets of each run are compared with it when they are read, and at the
// first difference ([errNeedFullScan]) the file is read from start to end as any
// other. So the pictures are those that a full scan gives. Damage outside the runs is
// not seen.
func trustTable(in *input, least int) *Index {
	n := indexed(in.video)
	codec := in.video.CodecParameters().CodecID()
	switch {
	case in.format != "mov", codec != astiav.CodecIDH264 && codec != astiav.CodecIDHevc, n < least, in.limits.Packets > 0 && n > in.limits.Packets:
		return nil
	}
	t, ok := in.source.file().SampleTable(in.video.ID())
	if !ok || int(t.Samples) != n {
		return nil
	}
	x := newIndex(in)
	x.fromTable, x.shifted = true, t.HasShifts()
	if !x.fillFromTable(entriesOf(in.video), t) {
		return nil
	}
	return x
}

// fillFromTable makes rows, whose timestamps are still off by the same amount. It
// fails where samples lie outside the file, or in no order of time.
func (x *Index) fillFromTable(entries []entry, t bitstream.SampleTable) bool {
	const most = 1 << 60 // of ticks, so that sums are safe
	x.rows = make([]row, 0, len(entries))
	before := int64(-most)
	for i, shift := range t.Shifts {
		e := entries[i]
		r := row{pts: e.dts + shift, dts: e.dts, size: int32(e.size)}
		if e.dts <= before || e.dts >= most || e.dropped || e.size <= 0 || e.size != t.SizeOf(i) || e.at < 0 || e.at > x.size-e.size {
			return false
		}
		if e.key {
			r.roles = bitstream.Clean
		}
		x.rows, before = append(x.rows, r), e.dts
	}
	return len(x.rows) == len(entries)
}

// sampleByTable is [Index.Sample] by an index from [trustTable]. in is at its start.
// After any error that is not ctx's the file needs a full scan.
func (x *Index) sampleByTable(ctx context.Context, in *input, plan Plan, see func(int, *astiav.Frame)) ([]Picture, Report, error) {
	if err := x.anchor(ctx, in); err != nil {
		return nil, Report{}, err
	}
	if err := x.order(ctx, in.source.r); err != nil {
		return nil, Report{}, err
	}
	if err := x.check(); err != nil {
		return nil, Report{}, err
	}
	s := sampling{x: x, r: in.source.r, in: in, read: true, see: see}
	return s.sample(ctx, plan)
}

// anchor corrects all timestamps by the first packet's, and takes from the one
// that is shown last how long it stays.
func (x *Index) anchor(ctx context.Context, in *input) error {
	p := astiav.AllocPacket()
	defer p.Free()
	if err := in.next(ctx, p); err != nil {
		return err
	}
	off, last := p.Pts()-x.rows[0].pts, 0
	x.rows[0].duration = durationOf(p)
	if p.Pts() == noTime || off > math.MaxInt32 || off < -math.MaxInt32 {
		return errNeedFullScan
	}
	for i := range x.rows {
		x.rows[i].pts += off
		if x.rows[i].pts < x.rows[0].pts { // it may show nothing
			return errNeedFullScan
		}
		if x.rows[i].pts > x.rows[last].pts {
			last = i
		}
	}
	if !x.matches(0, p) || !x.agrees(0, newRow(p, newClassifier(in.params)), p) || x.rows[0].roles&bitstream.Clean == 0 {
		return errNeedFullScan
	}
	return x.measureLast(ctx, in, p, last)
}

// measureLast finds out how long the picture of a row is shown.
func (x *Index) measureLast(ctx context.Context, in *input, p *astiav.Packet, row int) error {
	if err := in.seek(x.rows[row].dts, astiav.SeekFlagBackward, astiav.SeekFlagAny); err != nil {
		return errNeedFullScan
	}
	const near = 64 // a seek goes by time of showing, and so comes out a little before
	for range near {
		if err := in.next(ctx, p); err != nil {
			return fmt.Errorf("%w: %w", errNeedFullScan, err)
		}
		if !x.matches(row, p) {
			continue
		}
		x.rows[row].duration = durationOf(p)
		if x.shifted && x.rows[row].duration != x.rows[0].duration {
			break // FFmpeg goes by what it read before
		}
		return nil
	}
	return errNeedFullScan
}

// agrees reports whether a packet is as the table says, whole, and not the first
// after one that is missing.
func (x *Index) agrees(i int, read row, p *astiav.Packet) bool {
	return read.roles&bitstream.Clean == x.rows[i].roles&bitstream.Clean && !read.lost && !read.corrupt && !read.dropped && newExtraData(p) == nil
}

// collectByTable adds to kept the packets of a run that have to be decoded, and
// notes what they are for. Where it fails it closes kept.
func (c *packetReader) collectByTable(ctx context.Context, r run, kept *packets) (err error) {
	classify := newClassifier(c.in.params)
	for i := r.first; i <= r.last && err == nil; i++ {
		if err = c.read(ctx); err != nil {
			break
		}
		read := newRow(c.p, classify)
		if !c.x.agrees(i, read, c.p) {
			err = errNeedFullScan
		}
		c.x.rows[i].roles, c.x.rows[i].layer = read.roles, read.layer
		kept.add(c.p)
	}
	if err != nil {
		kept.close()
		return err
	}
	c.x.dropUnneeded(r, kept)
	return nil
}

// dropUnneeded lets go of the packets that nothing of their run refers to. Which
// temporal layer is the highest, only the run itself can say.
func (x *Index) dropUnneeded(r run, kept *packets) {
	top := uint8(0)
	for _, row := range x.rows[r.first : r.last+1] {
		top = max(top, row.layer)
	}
	for i := r.first; i <= r.last; i++ {
		if x.rows[i].layer < top {
			x.rows[i].roles &^= bitstream.Disposable
		}
		x.rows[i].layer = x.topLayer
		if x.skips(r, i) {
			kept.list[i-r.first].Free()
			kept.list[i-r.first] = nil
		}
	}
}

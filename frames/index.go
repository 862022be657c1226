package frames

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
	"videoqa/temporal"
)

// A row is one packet of the video stream, in decoding order: 32 bytes each, so
// that two hours cost megabytes.
type row struct {
	pts, dts int64 // noTime where the container does not say
	duration int32
	size     int32
	roles    bitstream.Roles
	layer    uint8 // temporal layer, HEVC
	dropped  bool  // decoded, but outside the edit list
	corrupt  bool  // bytes are missing: the container says so, or it is emptied
	emptied  bool  // zeros are where none may be
	lost     bool  // the pictures' own numbers say that one before it is missing
}

const noTime = math.MinInt64

// An Index says where a video's pictures are, for many plans of one file. It is
// opaque: callers keep it, and give it back through its methods. It is plain data,
// some 40 bytes a packet, with no pointer to the reader or to C memory, so that it
// may stay where the decoder is, or be sent there. It never changes, so any number
// of goroutines may use it.
type Index struct {
	container, codec string
	size             int64
	rotation         int // degrees clockwise that make pictures upright: 0, 90, 180, 270
	width, height    int // of the coded pictures, before turning, as the file's head says

	cropping    cropping
	orientation int // as EXIF counts: rotation and mirroring

	num, den  int64   // the time base, in seconds
	rows      []row   // in decoding order
	shown     []int32 // rows that show a picture, in order of presentation
	pts       []int64 // of shown, ascending and distinct
	end       int64   // last pts + its duration
	counted   bool    // pictures have no timestamps and are known by their order
	topLayer  uint8
	jumps     int  // of the file's clock; rows have times that go on
	turns     int  // of the file's clock, which has run over so often
	fromTable bool // rows are what the MP4 sample table says; a run's packets are checked when they are read
	shifted   bool // from a table that shows pictures in another order; it says nothing of durations
	limits    Limits

	configurations []configuration // in decoding order
}

// Open reads a video once from start to end and notes what it holds. r is
// borrowed until Open returns. Errors: [fault.BadVideo] with what is wrong,
// [fault.TooLarge] with the limit, r's own, or ctx's.
func Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*Index, error) {
	x, in, kept, err := open(ctx, r, size, limits, false)
	if err != nil {
		return nil, err
	}
	in.close()
	kept.close()
	return x, nil
}

// open is Open; it also returns the input, which has been read to its end, and
// with keep the packets, in C memory. The caller closes both.
func open(ctx context.Context, r io.ReaderAt, size int64, limits Limits, keep bool) (*Index, *input, *packets, error) {
	in, err := openInput(ctx, r, size, limits)
	if err != nil {
		return nil, nil, nil, err
	}
	x, kept, err := readAll(ctx, in, r, keep)
	if err != nil {
		in.close()
		return nil, nil, nil, err
	}
	return x, in, kept, nil
}

// readAll indexes what in, which is at its start, holds.
func readAll(ctx context.Context, in *input, r io.ReaderAt, keep bool) (*Index, *packets, error) {
	x, kept := newIndex(in), newPackets(keep)
	if err := x.fill(ctx, in, r, kept); err != nil {
		kept.close()
		return nil, nil, err
	}
	return x, kept, nil
}

func (x *Index) fill(ctx context.Context, in *input, r io.ReaderAt, kept *packets) error {
	if err := x.scan(ctx, in, kept); err != nil {
		return fmt.Errorf("frames: read video: %w", err)
	}
	if err := x.order(ctx, r); err != nil {
		return fmt.Errorf("frames: index video: %w", err)
	}
	return x.check()
}

func newIndex(in *input) *Index {
	base, p := in.video.TimeBase(), in.video.CodecParameters()
	turn := orientationOf(in.video)
	return &Index{
		container: in.fc.InputFormat().Name(), codec: in.codec.Name(), size: in.source.size, limits: in.limits,
		width: p.Width(), height: p.Height(), orientation: turn, rotation: turnedBy(turn),
		num: int64(base.Num()), den: int64(base.Den()), cropping: croppingOf(p),
	}
}

// orientationOf gives the EXIF orientation that a display matrix amounts to,
// rounded to quarters of a turn; mirroring is told by the matrix's determinant.
func orientationOf(s *astiav.Stream) int {
	m, ok := s.CodecParameters().SideData().DisplayMatrix().Get()
	if !ok {
		return 1
	}
	a, b, c, d := float64(int32(m[0])), float64(int32(m[1])), float64(int32(m[3])), float64(int32(m[4]))
	switch {
	case a == 0 && b == 0, c == 0 && d == 0: // squashed flat: it says nothing
		return 1
	case math.Abs(a) >= math.Abs(b) && a*d-b*c > 0: // a turn by 0 or 180
		return ifElse(a > 0, 1, 3)
	case math.Abs(a) >= math.Abs(b):
		return ifElse(a > 0, 4, 2)
	case a*d-b*c > 0:
		return ifElse(b > 0, 6, 8)
	}
	return ifElse(b > 0, 5, 7)
}

func ifElse(holds bool, yes, no int) int {
	if holds {
		return yes
	}
	return no
}

// scan notes every packet. A file that breaks off keeps what came before.
func (x *Index) scan(ctx context.Context, in *input, kept *packets) error {
	classify := newClassifier(in.video.CodecParameters())
	p := astiav.AllocPacket()
	defer p.Free()
	for {
		err := in.next(ctx, p)
		var damage astiav.Error
		switch {
		case errors.Is(err, io.EOF), err != nil && len(x.rows) > 0 && errors.As(err, &damage) && in.source.err == nil && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		}
		if extra := newExtraData(p); extra != nil {
			if len(x.configurations) == mostConfigurations {
				return fmt.Errorf("more than %d configurations of its codec: %w", mostConfigurations, fault.TooLarge)
			}
			x.configurations = append(x.configurations, configuration{len(x.rows), extra})
			classify.Configure(extra)
		}
		x.add(p, classify)
		if in.jumps() > x.jumps || in.turns() > x.turns {
			x.jumps, x.turns = in.jumps(), in.turns()
			x.beginPart()
		}
		kept.offer(p)
		if x.limits.Packets > 0 && len(x.rows) > x.limits.Packets {
			return fmt.Errorf("more than %d pictures: %w", x.limits.Packets, fault.TooLarge)
		}
		if int64(len(x.rows)) > bitstream.OpeningMemory(x.size)/rowTakes {
			return bitstream.TooMuchMemory(x.size, fmt.Sprintf("its packets, more than %d", len(x.rows)-1))
		}
	}
}

// beginPart notes that the last row may be the first of another recording. MPEG-TS
// numbers its packets, so some seem to be missing there, and the container calls the
// row before corrupt, or the one before that, whose end FFmpeg found in it. Whether
// they are, only the decoder tells. A jump at a row that cannot begin a recording
// may come of damage.
func (x *Index) beginPart() {
	n := len(x.rows) - 1
	if x.rows[n].roles&bitstream.Clean == 0 {
		return
	}
	for i := max(0, n-2); i < n; i++ {
		x.rows[i].corrupt = x.rows[i].emptied
	}
}

func (x *Index) add(p *astiav.Packet, classify *bitstream.Classifier) {
	r := newRow(p, classify)
	x.topLayer = max(x.topLayer, r.layer)
	x.rows = append(x.rows, r)
}

func durationOf(p *astiav.Packet) int32 { return int32(min(max(p.Duration(), 0), math.MaxInt32)) }

func newRow(p *astiav.Packet, classify *bitstream.Classifier) row {
	flags := p.Flags()
	r := row{pts: p.Pts(), dts: p.Dts(), size: int32(p.Size()), dropped: flags.Has(astiav.PacketFlagDiscard), corrupt: flags.Has(astiav.PacketFlagCorrupt)}
	r.duration = durationOf(p)
	read := classify.Classify(bytesOf(p), flags.Has(astiav.PacketFlagKey))
	r.roles, r.layer, r.lost, r.emptied, r.corrupt = read.Roles, read.Layer, read.Lost, read.Emptied, r.corrupt || read.Emptied
	if flags.Has(astiav.PacketFlag(0x10)) { // AV_PKT_FLAG_DISPOSABLE
		r.roles |= bitstream.Disposable
	}
	return r
}

// rowTakes is how many bytes a packet may take: its row, FFmpeg's entry, as much again
// while slices grow, and a run of its own where all of a damaged file is looked at.
const rowTakes = 512

// A configuration is what a decoder has to be told that starts at row first or
// later: an MP4 may describe its samples in several ways, one after the other.
type configuration struct {
	first int
	extra []byte
}

// mostConfigurations is more than any joined recording has.
const mostConfigurations = 1024

// extraAt returns the configuration in force at a row; nil: the container's first.
func (x *Index) extraAt(row int) (extra []byte) {
	for _, c := range x.configurations {
		if c.first > row {
			break
		}
		extra = c.extra
	}
	return extra
}

// order finds which packets show pictures, and when.
func (x *Index) order(ctx context.Context, r io.ReaderAt) error {
	if len(x.rows) == 0 && (bitstream.File{Reader: r, Size: x.size}).RefersElsewhere() {
		return fmt.Errorf("its pictures lie in another file, and no file is followed to another: %w", fault.BadVideo)
	}
	if len(x.rows) == 0 {
		return fmt.Errorf("its video stream holds no packets: %w", fault.BadVideo)
	}
	cut := x.rows[0].roles&bitstream.Clean == 0
	x.rows[0].roles |= bitstream.Clean // decoding has to start somewhere
	for _, r := range x.rows {
		if !r.dropped && r.roles&bitstream.Hidden == 0 && r.pts == noTime {
			x.counted = true
		}
	}
	if x.counted {
		return x.count(ctx, r)
	}
	if cut {
		if err := x.hideLeadingPictures(ctx, r); err != nil {
			return err
		}
	}
	for i := range x.rows {
		if x.shows(i) {
			x.shown = append(x.shown, int32(i))
		}
	}
	slices.SortStableFunc(x.shown, func(a, b int32) int { return cmp.Compare(x.rows[a].pts, x.rows[b].pts) })
	x.shown = slices.CompactFunc(x.shown, func(a, b int32) bool { return x.rows[a].pts == x.rows[b].pts })
	for _, i := range x.shown {
		x.pts = append(x.pts, x.rows[i].pts)
	}
	if len(x.shown) > 0 {
		x.end = x.pts[len(x.pts)-1] + x.lastDuration()
	}
	return nil
}

// shows reports whether row i shows a picture that can be decoded: pictures that
// lead the first point of access show nothing.
func (x *Index) shows(i int) bool {
	r := x.rows[i]
	return !r.dropped && r.roles&bitstream.Hidden == 0 && (r.pts >= x.rows[0].pts || x.start(i) >= 0)
}

// start returns the row from which row i has to be decoded: the last point of
// access that neither comes after it in the file nor is shown after it, so that
// pictures leading a key are decoded from the key before. -1 if there is none.
func (x *Index) start(i int) int {
	for k := i; k >= 0; k-- {
		if x.rows[k].roles&bitstream.Clean != 0 && (x.counted || x.rows[k].pts <= x.rows[i].pts) {
			return k
		}
	}
	return -1
}

// lastDuration is how long the last picture stays: what the container says, else
// as long as the one before it, else one tick.
func (x *Index) lastDuration() int64 {
	last := x.rows[x.shown[len(x.shown)-1]]
	switch n := len(x.pts); {
	case last.duration > 0:
		return int64(last.duration)
	case n > 1:
		return x.pts[n-1] - x.pts[n-2]
	}
	return 1
}

// longest is more than anybody records in one file: timestamps that say so are
// wrong, and their arithmetic would soon overflow.
const longest = 10 * 365 * 24 * time.Hour

func (x *Index) check() error {
	if len(x.pts) == 0 {
		return fmt.Errorf("frames: index video: none of its %d packets shows a picture: %w", len(x.rows), fault.BadVideo)
	}
	d := x.Duration()
	if d < 0 || d > longest {
		return fmt.Errorf("frames: index video: its timestamps are damaged, the last picture ends %v after the first: %w", x.since(x.end), fault.BadVideo)
	}
	if x.limits.Duration > 0 && d > x.limits.Duration {
		return fmt.Errorf("frames: index video: it lasts %v, at most %v: %w", d.Round(time.Second), x.limits.Duration, fault.TooLarge)
	}
	return nil
}

// Duration is the time from the first shown picture to the end of the last.
func (x *Index) Duration() time.Duration { return x.since(x.end).Duration() }

// Frames is how many pictures the video shows.
func (x *Index) Frames() int { return len(x.pts) }

func (x *Index) since(pts int64) temporal.Seconds {
	return temporal.NewSeconds(pts-x.pts[0], x.num, x.den)
}

// ticks converts an offset from the first shown picture into its timestamp.
func (x *Index) ticks(d time.Duration) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return x.pts[0] + whole*x.den/x.num + rest*x.den/x.num/int64(time.Second)
}

package frames

import (
	"context"
	"io"
	"math"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
)

// SampleSeeing is Index.Sample, or with keep the function Sample, that shows the
// test every wanted frame as decoded, from several goroutines.
func SampleSeeing(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, keep bool, see func(shown int, f *astiav.Frame)) ([]Picture, Report, *Index, error) {
	x, in, kept, err := open(ctx, r, size, limits, keep)
	if err != nil {
		return nil, Report{}, nil, err
	}
	defer in.close()
	defer kept.close()
	s := sampling{x: x, r: r, in: in, read: true, kept: kept, see: see}
	pics, report, err := s.sample(ctx, plan)
	return pics, report, x, err
}

// SampleHolding is Sample of a file whose every byte is read, in memory that holds
// the byte held before a picture is decoded into it.
func SampleHolding(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, held byte) ([]Picture, Report, error) {
	x, in, kept, err := open(ctx, r, size, limits, true)
	if err != nil {
		return nil, Report{}, err
	}
	defer in.close()
	defer kept.close()
	s := sampling{x: x, r: r, in: in, read: true, kept: kept, held: &held}
	return s.sample(ctx, plan)
}

// PTS returns the timestamps of the shown pictures and the end, in ticks, with
// the time base.
func (x *Index) PTS() (pts []int64, end, num, den int64) { return x.pts, x.end, x.num, x.den }

// CodedWidth is how many pixels wide the coded pictures are.
func (x *Index) CodedWidth() int { return x.width }

// Only decodes the shown pictures ks and nothing that they do not need.
func (x *Index) Only(ctx context.Context, r io.ReaderAt, ks []int, see func(shown int, f *astiav.Frame)) error {
	in, err := openInput(ctx, r, x.size, x.limits)
	if err != nil {
		return err
	}
	defer in.close()
	s := sampling{x: x, r: r, in: in, see: see, found: map[int]Picture{}, bad: map[int]bool{}, absent: map[int]bool{}, pool: newPool()}
	defer s.pool.close()
	return s.decode(ctx, x.runs(ks))
}

// SampleLosing is SampleSeeing of a file without its packet number lost, as if
// whoever wrote it had never got that one.
func SampleLosing(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, lost int, see func(shown int, f *astiav.Frame)) ([]Picture, Report, *Index, error) {
	in, err := openInput(ctx, r, size, limits)
	if err != nil {
		return nil, Report{}, nil, err
	}
	defer in.close()
	x, kept, classify := newIndex(in), newPackets(true), newClassifier(in.video.CodecParameters())
	defer kept.close()
	p := astiav.AllocPacket()
	defer p.Free()
	for n := 0; in.next(ctx, p) == nil; n++ {
		if n != lost {
			x.add(p, classify)
			kept.add(p)
		}
	}
	if err := x.order(ctx, r); err != nil {
		return nil, Report{}, x, err
	}
	s := sampling{x: x, r: r, in: in, read: true, kept: kept, see: see}
	pics, report, err := s.sample(ctx, plan)
	return pics, report, x, err
}

// ToRGB converts f as the sampler does, and by swscale.
func ToRGB(f *astiav.Frame) (ours, swscales Picture, err error) {
	if ours, err = toRGB(f); err != nil {
		return ours, swscales, err
	}
	swscales = blank(f.Width(), f.Height(), 0)
	return ours, swscales, bySwscale(f, swscales)
}

// Convert and ConvertBySwscale are for timing.
func Convert(f *astiav.Frame) error { _, err := toRGB(f); return err }

func ConvertBySwscale(f *astiav.Frame) error { return bySwscale(f, blank(f.Width(), f.Height(), 0)) }

// Whole decodes all of a video's runs for the shown pictures ks, two pictures at a
// time or one on one thread, and tells whether it came out undamaged.
func (x *Index) Whole(ctx context.Context, r io.ReaderAt, ks []int, severalPictures bool, see func(shown int, f *astiav.Frame)) (bool, error) {
	open := func() (*input, error) { return openInput(ctx, r, x.size, x.limits) }
	in, err := open()
	if err != nil {
		return false, err
	}
	defer in.close()
	s, c := sampling{x: x, r: r, in: in, see: see, pool: newPool()}, newPacketReader(x, in, false, open)
	defer s.pool.close()
	defer c.close()
	for _, run := range x.runs(ks) {
		from, err := s.supply(ctx, c, run)
		if err != nil {
			return false, err
		}
		by := division{runs: 1, threads: 1, how: bySlice}
		if severalPictures {
			by = division{runs: 1, threads: 2, how: byPicture}
		}
		out, err := s.attempt(ctx, run, from, by, unfilled)
		from.release()
		if err != nil || len(out.damage) > 0 || len(out.pictures) < len(run.want) {
			return false, err
		}
	}
	return true, nil
}

// SampleTrusting is Sample that trusts the sample table of every file at first, or of none.
func SampleTrusting(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, any bool) ([]Picture, Report, error) {
	return sample(ctx, r, size, plan, limits, ifElse(any, 0, math.MaxInt), nil)
}

// SampleByTable samples by a file's own table only; the index is nil if there is
// none that is trusted, and the error says whether the file needs a full scan.
func SampleByTable(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, see func(shown int, f *astiav.Frame)) ([]Picture, Report, *Index, error) {
	in, err := openInput(ctx, r, size, limits)
	if err != nil {
		return nil, Report{}, nil, err
	}
	defer in.close()
	x := trustTable(in, 0)
	if x == nil {
		return nil, Report{}, nil, nil
	}
	pics, report, err := x.sampleByTable(ctx, in, plan, see)
	return pics, report, x, err
}

// ErrNeedFullScan says that a table is not to be trusted.
var ErrNeedFullScan = errNeedFullScan

// Places says where the samples of an MP4 file lie: offset and size of each.
func Places(ctx context.Context, r io.ReaderAt, size int64) (places [][2]int64, err error) {
	in, err := openInput(ctx, r, size, Footage())
	if err != nil {
		return nil, err
	}
	defer in.close()
	for _, e := range entriesOf(in.video) {
		places = append(places, [2]int64{e.at, e.size})
	}
	return places, nil
}

// DamageOfAll decodes all packets as one run, by one thread, and returns the rows at
// which something was wrong, with those where decoding may start.
func (x *Index) DamageOfAll(ctx context.Context, r io.ReaderAt) (rows, keys []int, err error) {
	in, err := openInput(ctx, r, x.size, x.limits)
	if err != nil {
		return nil, nil, err
	}
	defer in.close()
	open := func() (*input, error) { return openInput(ctx, r, x.size, x.limits) }
	s, c := sampling{x: x, r: r, in: in, survey: true, pool: newPool()}, newPacketReader(x, in, false, open)
	defer s.pool.close()
	defer c.close()
	all := run{0, len(x.rows) - 1, map[int]int{}}
	for i, r := range x.rows {
		if r.roles&bitstream.Clean != 0 {
			keys = append(keys, i)
		}
	}
	from, err := s.supply(ctx, c, all)
	if err != nil {
		return nil, nil, err
	}
	defer from.release()
	out, err := s.attempt(ctx, all, from, division{runs: 1, threads: 1, how: bySlice}, unfilled)
	return out.damage, keys, err
}

// Timed gives packets of an MPEG transport stream, decoded at those times of the file, the
// times at which they follow each other.
func Timed(dts []int64) (times []int64, jumps int) {
	c := &clock{base: astiav.NewRational(1, 90000), usual: 40000, turn: 1 << 33, shown: noTime, calm: math.MaxInt64}
	p := astiav.AllocPacket()
	defer p.Free()
	for _, at := range dts {
		p.SetDts(at)
		p.SetPts(at)
		c.set(p)
		times = append(times, p.Dts())
	}
	return times, c.jumps
}

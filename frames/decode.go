package frames

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"videoqa/internal/fault"
)

// runBytes is how much of one run, and readBytes of all of them, is read into
// memory before it is decoded, so that several can be. A longer run, up to a
// whole file without points of access, is decoded while it is read.
const (
	runBytes  = 8 << 20
	readBytes = 192 << 20
)

// A packetSource gives the packets of a run, in order of their rows.
type packetSource struct {
	packet  func(row int) (*astiav.Packet, error) // lent until the next call
	rewind  func(context.Context) error           // makes the run's first row the next one
	release func()
	lent    bool // it reads from the packetReader, so that nothing else may
}

// A division says how the cores share the runs.
type division struct {
	runs    int // decoded at a time
	threads int // of one run's decoder
	how     sharing
}

// decode works on the runs as divide says; packets are read in file order by one
// goroutine.
func (s *sampling) decode(ctx context.Context, runs []run) error {
	var c *packetReader // only where packets have to be read
	if s.kept == nil || !s.kept.keep {
		c = newPacketReader(s.x, s.in, s.read, func() (*input, error) { return openInput(ctx, s.r, s.x.size, s.x.limits) })
		s.read = true
		defer c.close()
	}
	by := s.divide(runs)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(by.runs)
	for _, r := range runs {
		from, err := s.supply(gctx, c, r)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		work := func() error {
			defer from.release()
			return s.decodeRun(gctx, r, from, by)
		}
		if !from.lent {
			g.Go(work)
		} else if err := work(); err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	return g.Wait()
}

func (s *sampling) workers() int {
	if n := s.x.limits.Threads; n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// heldPictures is how many decoded pictures of a run may wait for its end.
const heldPictures = 64

// divide gives each run a core, unless they are too few or too unequal to keep
// all at work: then one after the other gets every core. A survey is about
// damage, and pictures in mid-air do not tell of it. Slices of H.264 and MPEG-1/2
// and tiles of VP9 are one thread's: several do not tell of all that is missing.
func (s *sampling) divide(runs []run) division {
	workers := s.workers()
	alone := division{runs: workers, threads: max(1, workers/len(runs)), how: bySlice}
	if slices.Contains([]string{"h264", "mpeg1video", "mpeg2video", "vp9"}, s.x.codec) {
		alone.threads = 1
	}
	switch {
	case workers == 1, s.survey, s.x.counted, !slices.Contains([]string{"h264", "hevc", "vp9"}, s.x.codec), !s.x.uneven(runs, workers):
		return alone
	case slices.ContainsFunc(runs, func(r run) bool { return len(r.want) > heldPictures }):
		return alone
	}
	return division{runs: 1, threads: min(workers, mostThreads), how: byPicture}
}

// mostThreads is how many pictures of one run can be decoded at a time to some
// use; each costs memory, and waiting at the run's end.
const mostThreads = 8

// uneven reports whether workers that take one run each would wait for the last one
// for longer than decoders of several pictures at a time wait for references.
func (x *Index) uneven(runs []run, workers int) bool {
	var weights []int64
	for _, r := range runs {
		weights = append(weights, x.weight(r))
	}
	slices.Sort(weights)
	loads, sum := make([]int64, workers), int64(0)
	for _, w := range slices.Backward(weights) {
		slices.Sort(loads)
		loads[0] += w
		sum += w
	}
	return slices.Max(loads)*int64(workers) > sum*5/4
}

// supply gives the packets of a run: those kept, those read now, or those that
// the packetReader reads one by one.
func (s *sampling) supply(ctx context.Context, c *packetReader, r run) (packetSource, error) {
	still := func(context.Context) error { return nil }
	if c == nil {
		return packetSource{func(row int) (*astiav.Packet, error) { return s.kept.list[row], nil }, still, func() {}, false}, nil
	}
	if s.x.weight(r) > min(runBytes, readBytes/int64(s.workers()+1)) {
		if s.x.fromTable {
			return packetSource{}, errNeedFullScan // its packets have to be seen before they are decoded
		}
		rewind := func(ctx context.Context) error { return c.moveTo(ctx, r.first) }
		return packetSource{func(int) (*astiav.Packet, error) { return c.p, c.read(ctx) }, rewind, func() {}, true}, rewind(ctx)
	}
	kept, err := c.collect(ctx, r)
	if err != nil {
		return packetSource{}, err
	}
	return packetSource{func(row int) (*astiav.Packet, error) { return kept.list[row-r.first], nil }, still, kept.close, false}, nil
}

// weight is how many bytes of a run have to be decoded.
func (x *Index) weight(r run) (sum int64) {
	for i := r.first; i <= r.last; i++ {
		if !x.skips(r, i) {
			sum += int64(x.rows[i].size)
		}
	}
	return sum
}

// decodeRun decodes one run and notes what came of it. What does not come out whole
// and without an error in the log is decoded again, as [sampling.twice] does: only one thread
// says which pictures are damaged, and before they come out.
func (s *sampling) decodeRun(ctx context.Context, r run, from packetSource, by division) error {
	if s.x.codec != "mjpeg" {
		if done, err := s.decodeOnce(ctx, r, from, by); done || err != nil {
			return err
		}
		if err := from.rewind(ctx); err != nil {
			return err
		}
	}
	out, err := s.twice(ctx, r, from)
	if err != nil {
		return err
	}
	if s.x.fromTable && (len(out.damage) > 0 || len(out.pictures) < len(r.want)) {
		return errNeedFullScan
	}
	s.note(r, out)
	return nil
}

// decodeOnce decodes a run and tells whether nothing seems to be wrong with it; then
// it is noted.
func (s *sampling) decodeOnce(ctx context.Context, r run, from packetSource, by division) (done bool, err error) {
	memory := unfilled
	if s.held != nil {
		memory = int(*s.held)
	}
	out, err := s.attempt(ctx, r, from, by, memory)
	switch {
	case err != nil && (by.threads == 1 || !errors.Is(err, fault.BadVideo)): // several may fail at a head that one puts up with
		return false, err
	case err == nil && !out.loggedDamage && len(out.damage) == 0 && len(out.pictures) == len(r.want):
		s.note(r, out)
		return true, nil
	case s.x.fromTable && by.threads > 1:
		return false, errNeedFullScan
	}
	s.note(run{}, decoded{decoded: out.decoded})
	return false, nil
}

// attempt decodes one run with a decoder of its own, whose pictures' memory is set to
// fill first. What several threads loggedDamage of is damage somewhere in the run.
func (s *sampling) attempt(ctx context.Context, r run, from packetSource, by division, fill int) (decoded, error) {
	d, err := openDecoder(s.in, s.pool, fill, s.x.extraAt(r.first), s.x.limits, by.threads, by.how)
	if err != nil {
		return decoded{}, err
	}
	defer d.close()
	t := s.x.newFrameSink(r, s.survey, s.see)
	defer t.close()
	t.hold = by.how == byPicture
	if fill != unfilled {
		t.out.digests = map[int]uint64{}
	}
	if err := t.decode(ctx, d, from.packet); err != nil {
		return decoded{}, err
	}
	d.close()
	if t.out.loggedDamage = d.loggedDamage; d.loggedDamage && by.threads > 1 {
		t.out.damage = append(t.out.damage, r.first)
	}
	return t.out, t.convertHeld(by.threads)
}

// note adds what a run gave to what is known.
func (s *sampling) note(r run, out decoded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Decoded += out.decoded
	s.report.NoToneMapping = s.report.NoToneMapping || out.wide
	s.x.leaveOut(r, out, s.bad, s.absent)
	for k, p := range out.pictures {
		if !s.bad[k] && !s.survey {
			s.found[k] = p
		}
	}
}

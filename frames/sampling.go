package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/asticode/go-astiav"
	"golang.org/x/sync/errgroup"

	"videoqa/internal/fault"
	"videoqa/temporal"
)

// sampling is the work on one plan.
type sampling struct {
	x    *Index
	r    io.ReaderAt
	kept *packets                         // nil or not keeping: packets are read again
	see  func(shown int, f *astiav.Frame) // told of every wanted frame before it is converted; nil outside tests

	mu     sync.Mutex
	survey bool
	found  map[int]Picture
	bad    map[int]bool // damaged, or reached by damage
	absent map[int]bool // packets that show nothing, without damage
	report Report
}

// patience is how many times pictures are picked again after damage before all
// that the span shows is looked at; a file may be damaged at every picture.
const patience = 3

// sample decodes, and as long as that finds damage it picks again among what is
// left. Every round leaves out at least one picture more.
func (s *sampling) sample(ctx context.Context, plan Plan) ([]Picture, Report, error) {
	x := s.x
	s.found, s.bad, s.absent = map[int]Picture{}, x.harmed(), map[int]bool{}
	s.report = Report{
		Requested: max(plan.Count, len(plan.At)), Frames: x.Frames(), Duration: x.Duration(), Rotation: x.Rotation,
		Width: x.Width, Height: x.Height, Container: x.Container, Codec: x.Codec,
	}
	for round := 0; ; round++ {
		picks, err := x.pick(plan, s.leavesOut)
		if err != nil {
			return nil, s.report, err
		}
		if len(picks) == 0 {
			return nil, s.report, fmt.Errorf("frames: sample video: none of the pictures from %v on is undamaged: %w", plan.From, fault.BadVideo)
		}
		missing := slices.DeleteFunc(slices.Clone(picks), func(k int) bool { _, ok := s.found[k]; return ok })
		if len(missing) == 0 {
			s.report.Degraded = x.anyIn(plan, s.bad)
			s.report.Dropped = s.dropped(plan)
			if len(plan.At) > 0 {
				s.place(plan.At, picks)
			}
			return s.pictures(picks), s.report, nil
		}
		if s.survey = round > 0 && round%patience == 0; s.survey {
			missing = s.all(plan)
		}
		if err := s.decode(ctx, x.runs(missing)); err != nil {
			return nil, s.report, fmt.Errorf("frames: sample video: %w", err)
		}
	}
}

// place notes which of the picks stands for each of the times.
func (s *sampling) place(at []time.Duration, picks []int) {
	own := s.x.pickAt(at, func(k int) bool { return s.absent[k] })
	s.report.Degraded = false
	for i, k := range s.x.pickAt(at, s.leavesOut) {
		place, _ := slices.BinarySearch(picks, k)
		s.report.Shown = append(s.report.Shown, place)
		s.report.Instead = append(s.report.Instead, own[i] != k)
		s.report.Degraded = s.report.Degraded || own[i] != k
	}
}

// dropped counts the pictures that plan would show if none were damaged, and are.
func (s *sampling) dropped(plan Plan) (n int) {
	if len(s.bad) == 0 {
		return 0
	}
	wanted, err := s.x.pick(plan, func(k int) bool { return s.absent[k] })
	if err != nil {
		return 0 // pick has judged plan
	}
	for _, k := range wanted {
		if s.bad[k] {
			n++
		}
	}
	return n
}

func (s *sampling) leavesOut(k int) bool { return s.bad[k] || s.absent[k] }

// all returns what plan's span shows and is not known to be wrong.
func (s *sampling) all(plan Plan) (ks []int) {
	from, to, _ := s.x.span(plan) // pick has judged it
	lo, hi := temporal.Window(s.x.pts, from, to)
	for k := lo; k < hi; k++ {
		if !s.leavesOut(k) {
			ks = append(ks, k)
		}
	}
	return ks
}

func (s *sampling) pictures(picks []int) []Picture {
	out := make([]Picture, len(picks))
	for i, k := range picks {
		out[i] = s.found[k]
	}
	s.report.FewerFrames = len(picks) < s.report.Requested
	return out
}

// runBytes is how much of one run, and readBytes of all of them, is read into
// memory before it is decoded, so that several can be. A longer run, up to a
// whole file without points of access, is decoded while it is read.
const (
	runBytes  = 8 << 20
	readBytes = 192 << 20
)

// decode works on the runs, several at a time; packets are read in file order by
// one goroutine.
func (s *sampling) decode(ctx context.Context, runs []run) error {
	open := func() (*input, error) { return openInput(ctx, s.r, s.x.Size, s.x.limits) }
	params, err := open() // outlives the readers, which reopen
	if err != nil {
		return err
	}
	defer params.close()
	var c *cursor // only where packets have to be read
	if s.kept == nil || !s.kept.keep {
		if c, err = newCursor(s.x, open); err != nil {
			return err
		}
		defer c.close()
	}
	workers := s.workers()
	threads := max(1, workers/len(runs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, r := range runs {
		packet, release, err := s.packets(gctx, c, r)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		work := func() error {
			defer release()
			return s.decodeRun(gctx, params, r, packet, threads)
		}
		if release == nil {
			release = func() {}
			err = work() // it uses the cursor
		} else {
			g.Go(work)
		}
		if err != nil {
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

// packets gives the packets of a run: those kept, those read now, or, with a nil
// release, those that the cursor reads one by one.
func (s *sampling) packets(ctx context.Context, c *cursor, r run) (packet func(int) (*astiav.Packet, error), release func(), err error) {
	if c == nil {
		return func(row int) (*astiav.Packet, error) { return s.kept.list[row], nil }, func() {}, nil
	}
	if s.x.weight(r) > min(runBytes, readBytes/int64(s.workers()+1)) {
		if err := c.moveTo(ctx, r.first); err != nil {
			return nil, nil, err
		}
		return func(int) (*astiav.Packet, error) { return c.p, c.read(ctx) }, nil, nil
	}
	kept, err := c.collect(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return func(row int) (*astiav.Packet, error) { return kept.list[row-r.first], nil }, kept.close, nil
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

// decodeRun decodes one run and notes what came of it.
func (s *sampling) decodeRun(ctx context.Context, in *input, r run, packet func(int) (*astiav.Packet, error), threads int) error {
	d, err := openDecoder(in, s.x.extraAt(r.first), s.x.limits, threads)
	if err != nil {
		return err
	}
	defer d.close()
	out, err := s.x.decodeRun(ctx, d, r, packet, s.survey, s.see)
	if err != nil {
		return err
	}
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
	return nil
}

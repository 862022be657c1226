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
)

// A Report says what was done for a plan and what was wrong on the way.
type Report struct {
	Requested     int
	Degraded      bool // damaged pictures were left out
	FewerFrames   bool // the span shows fewer pictures than were asked for
	NoToneMapping bool // BT.2020 or HDR colours, converted by their matrix only
	Decoded       int  // pictures that were decoded to get those wanted
	Frames        int  // pictures that the whole video shows
	Duration      time.Duration
	Rotation      int // degrees clockwise that the pictures were turned
	Container     string
	Codec         string
}

// Sample returns the pictures of plan, in time order: [Open] and [Index.Sample]
// in one, for videos that are looked at once. Compressed pictures of videos that
// limits.Bytes bounds are kept in between, so that such a file is read once.
//
// Errors: those of [Open]; [fault.BadRequest] if plan makes no sense for this
// video; [fault.BadVideo] if no undamaged picture is left in its span.
func Sample(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits) ([]Picture, Report, error) {
	x, kept, err := open(ctx, r, size, limits, limits.Bytes > 0)
	if err != nil {
		return nil, Report{}, err
	}
	defer kept.close()
	s := sampling{x: x, r: r, kept: kept}
	return s.sample(ctx, plan)
}

// Sample returns the pictures of plan, in time order, reading from r only what
// they need. r holds the bytes that were indexed and is borrowed until Sample
// returns. Errors as those of the function [Sample].
func (x *Index) Sample(ctx context.Context, r io.ReaderAt, plan Plan) ([]Picture, Report, error) {
	s := sampling{x: x, r: r}
	return s.sample(ctx, plan)
}

// sampling is the work on one plan.
type sampling struct {
	x    *Index
	r    io.ReaderAt
	kept *packets                         // nil or not keeping: packets are read again
	see  func(shown int, f *astiav.Frame) // told of every wanted frame before it is converted; nil outside tests

	mu     sync.Mutex
	found  map[int]Picture
	bad    map[int]bool
	report Report
}

// sample decodes, and as long as that finds damage it picks again among what is
// left. Every round leaves out at least one picture more.
func (s *sampling) sample(ctx context.Context, plan Plan) ([]Picture, Report, error) {
	x := s.x
	s.found, s.bad = map[int]Picture{}, x.harmed()
	s.report = Report{Requested: plan.Count, Frames: x.Frames(), Duration: x.Duration(), Rotation: x.Rotation, Container: x.Container, Codec: x.Codec}
	for {
		picks, err := x.pick(plan, s.bad)
		if err != nil {
			return nil, s.report, err
		}
		if len(picks) == 0 {
			return nil, s.report, fmt.Errorf("frames: sample video: none of the pictures from %v on is undamaged: %w", plan.From, fault.BadVideo)
		}
		missing := slices.DeleteFunc(slices.Clone(picks), func(k int) bool { _, ok := s.found[k]; return ok })
		if len(missing) == 0 {
			s.report.Degraded = x.anyIn(plan, s.bad)
			return s.pictures(picks), s.report, nil
		}
		if err := s.decode(ctx, x.runs(missing)); err != nil {
			return nil, s.report, fmt.Errorf("frames: sample video: %w", err)
		}
	}
}

func (s *sampling) pictures(picks []int) []Picture {
	out := make([]Picture, len(picks))
	for i, k := range picks {
		out[i] = s.found[k]
	}
	s.report.FewerFrames = len(picks) < s.report.Requested
	return out
}

// decode works on the runs, several at a time; packets are read in file order by
// one goroutine.
func (s *sampling) decode(ctx context.Context, runs []run) error {
	open := func() (*input, error) { return openInput(ctx, s.r, s.x.Size, s.x.limits) }
	c, err := newCursor(s.x, open)
	if err != nil {
		return err
	}
	defer c.close()
	workers := s.x.limits.Threads
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	threads := max(1, workers/len(runs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	params, err := open()
	if err != nil {
		return err
	}
	defer params.close()
	for _, r := range runs {
		list, release, err := s.collect(gctx, c, r)
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			defer release()
			return s.decodeRun(gctx, params, r, list, threads)
		})
	}
	return g.Wait()
}

func (s *sampling) collect(ctx context.Context, c *cursor, r run) ([]*astiav.Packet, func(), error) {
	if s.kept != nil && s.kept.keep {
		return s.kept.list[r.first : r.last+1], func() {}, nil
	}
	kept, err := c.collect(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return kept.list, kept.close, nil
}

// decodeRun decodes one run. Where several threads find damage, one alone looks
// again, because only then is it known which packet was the first.
func (s *sampling) decodeRun(ctx context.Context, in *input, r run, list []*astiav.Packet, threads int) error {
	out, err := s.x.decodeRun(ctx, in, r, list, threads, s.see)
	if err == nil && threads > 1 && len(out.damage) > 0 {
		out, err = s.x.decodeRun(ctx, in, r, list, 1, s.see)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Decoded += out.decoded
	s.report.NoToneMapping = s.report.NoToneMapping || out.wide
	s.x.leaveOut(r, out, s.bad)
	for k, p := range out.pictures {
		if !s.bad[k] {
			s.found[k] = p
		}
	}
	return nil
}

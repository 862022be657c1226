package frames

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/asticode/go-astiav"

	"videoqa/internal/fault"
	"videoqa/temporal"
)

// sampling is the work on one plan.
type sampling struct {
	x    *Index
	r    io.ReaderAt
	in   *input                           // borrowed: decoders are told by it what they decode, and packets are read from it
	read bool                             // in is not at its start any more
	pool *pool                            // lasts as long as sample
	kept *packets                         // nil or not keeping: packets are read again
	see  func(shown int, f *astiav.Frame) // told of every wanted frame before it is converted; nil outside tests
	held *byte                            // what memory for pictures holds before they are decoded; nil outside tests: what it held

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
	s.pool = newPool()
	defer s.pool.close()
	s.found, s.bad, s.absent = map[int]Picture{}, x.harmed(), map[int]bool{}
	s.report = Report{
		Requested: max(plan.Count, len(plan.At)), Frames: x.Frames(), Duration: x.Duration(), Rotation: x.rotation,
		Width: x.width, Height: x.height, Container: x.container, Codec: x.codec, ClockJump: x.jumps > 0,
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

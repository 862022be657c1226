package answers

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/maypok86/otter/v2"

	"videoqa/internal/fault"
)

// slowness knows what took too long to decode.
type slowness struct {
	known     *otter.Cache[string, fault.Overrun]
	now       func() time.Time
	processor func() time.Duration // that all threads of the process have used so far
}

func newSlowness() slowness {
	return slowness{otter.Must(&otter.Options[string, fault.Overrun]{MaximumSize: 1000}), time.Now, processorTime}
}

// decoding has do decode what key names. If that runs into the limit on one call's
// work, it tells two cases apart. The decoding was at work itself for at least half
// of that time, and the processor with it: it would take as long again, so the error
// is [fault.TooLarge], and later calls for the same get it at once, without
// waiting for it. Or else: it waited for others, for the disk or for a machine that
// stood still, and the error stays one that is tried again.
func (s slowness) decoding(ctx context.Context, key string, do func() error) error {
	if over, ok := s.known.GetIfPresent(key); ok {
		return tooSlow(over)
	}
	began, computed := s.now(), s.processor()
	err := do()
	var over fault.Overrun
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !errors.As(context.Cause(ctx), &over) {
		return err
	}
	if !slowByItself(over.Limit, s.now().Sub(began), s.processor()-computed) {
		return err
	}
	s.known.Set(key, over)
	return tooSlow(over)
}

func tooSlow(over fault.Overrun) error {
	return fmt.Errorf("decoding its pictures takes %w: %w", over, fault.TooLarge)
}

// slowByItself judges decoding that ran into limit: how long it was at work, and how
// much processor time the process used meanwhile.
func slowByItself(limit, took, computed time.Duration) bool {
	return took >= limit/2 && computed >= took/2
}

func processorTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

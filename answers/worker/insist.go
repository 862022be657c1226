package worker

import (
	"context"
	"errors"
	"time"

	"videoqa/internal/fault"
)

const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 5 * time.Second
)

// insist does what needs something that all events need, and does it again
// while that is down or full: the event in hand is not to blame. It returns
// do's error if it is of another kind, or once ctx has ended.
func (g *Guard) insist(ctx context.Context, what string, do func() error) error {
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		err := do()
		if !errors.Is(err, fault.Unavailable) && !errors.Is(err, fault.Overloaded) || ctx.Err() != nil {
			return err
		}
		if pause == pauseFirst || pause == pauseMost {
			g.cfg.Log.Warn("cannot "+what+", trying again until it can be done", "error", err)
		}
		sleep(ctx, pause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

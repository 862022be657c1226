package worker

import (
	"context"
	"errors"
	"time"

	"videoqa/internal/fault"
	"videoqa/internal/sleep"
)

const (
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 5 * time.Second
)

// retryUnavailable calls do until it neither fails because a server is down nor because
// it is full: no question is to blame for that, and it costs none an attempt. It
// returns do's other errors, and any error once ctx has ended.
func (g *CrashJournal) retryUnavailable(ctx context.Context, what string, do func() error) error {
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		err := do()
		if !errors.Is(err, fault.Unavailable) && !errors.Is(err, fault.Overloaded) || ctx.Err() != nil {
			return err
		}
		if pause == pauseFirst || pause == pauseMost {
			g.cfg.Log.Warn("cannot "+what+", trying again until it can be done", "error", err)
		}
		sleep.For(ctx, pause)
	}
}

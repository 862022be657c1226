package cli

import (
	"context"
	"time"

	"github.com/alecthomas/kong"
)

// afterInterrupt is how long a command that is interrupted may take to come to its end.
const afterInterrupt = time.Second

// onlyLooks reports whether a command reads and answers, and leaves nothing that has to be
// brought to its end.
func onlyLooks(parsed *kong.Context) bool {
	switch parsed.Selected().Target.Addr().Interface().(type) {
	case *Ask, *Caption, *Frames, *PrecisionCheck:
		return true
	}
	return false
}

// abandon runs a command, and leaves it behind where it has not ended a second after ctx
// did: a call into a C library cannot be ended, and one picture of 8192 x 4320 pixels takes a
// decoder some seconds. The program ends then.
func abandon(ctx context.Context, run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(afterInterrupt):
		return context.Cause(ctx)
	}
}

package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnInterruptedCommandIsLeftBehindAfterASecond(t *testing.T) {
	for _, tc := range []struct {
		name     string
		takes    time.Duration // behind the interrupt
		want     error
		finishes time.Duration
	}{
		{"a command that ends in time says why it ended", 400 * time.Millisecond, errFinished, 400 * time.Millisecond},
		{"a decoder that is busy for a minute is not waited for", time.Minute, context.Canceled, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{})
			defer close(over)
			began := time.Now()
			cancel()
			err := abandon(ctx, func() error {
				select {
				case <-time.After(tc.takes):
				case <-over:
				}
				return errFinished
			})
			if took := time.Since(began); !errors.Is(err, tc.want) || took != tc.finishes {
				t.Errorf("%s: %v after %v; want %v after %v", tc.name, err, took, tc.want, tc.finishes)
			}
		})
	}
}

var errFinished = errors.New("finished")

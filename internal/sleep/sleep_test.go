package sleep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/internal/sleep"
)

func TestForLastsItsTimeUnlessTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, end := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { end(gone) })
		for _, tc := range []struct {
			d, lasts time.Duration
			err      error
		}{{2 * time.Second, 2 * time.Second, nil}, {2 * time.Second, time.Second, gone}, {time.Second, 0, gone}} {
			began := time.Now()
			if err := sleep.For(ctx, tc.d); err != tc.err || time.Since(began) != tc.lasts {
				t.Errorf("For(%v) = %v after %v; want %v after %v", tc.d, err, time.Since(began), tc.err, tc.lasts)
			}
		}
	})
}

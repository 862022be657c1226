package answers

import (
	"context"
	"errors"
	"testing"
	"time"

	"videoqa/internal/fault"
)

func TestATimeoutThatWouldComeAgainIsNotTriedAgain(t *testing.T) {
	patience := fault.Overrun{Limit: 10 * time.Minute, Setting: "--work-patience"}
	for _, tc := range []struct {
		name           string
		cause          error
		took, computed time.Duration
		err            error
		want           string
		again          bool
		known          bool // the next one does not decode
	}{
		{"decoding computed all the time", patience, 10 * time.Minute, 9 * time.Minute, context.DeadlineExceeded, "too-large", false, true},
		{"decoding came late to its turn", patience, 2 * time.Minute, 2 * time.Minute, context.DeadlineExceeded, "timeout", true, false},
		{"the machine stood still", patience, 10 * time.Minute, time.Minute, context.DeadlineExceeded, "timeout", true, false},
		{"the asker wanted it sooner", context.DeadlineExceeded, 10 * time.Minute, 9 * time.Minute, context.DeadlineExceeded, "timeout", true, false},
		{"the process is told to end", context.Canceled, 10 * time.Minute, 9 * time.Minute, context.Canceled, "cancelled", true, false},
		{"the file is damaged", patience, 10 * time.Minute, 9 * time.Minute, fault.BadVideo, "bad-video", false, false},
		{"nothing is wrong", patience, 10 * time.Minute, 9 * time.Minute, nil, "", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var passed, used time.Duration
			s := newSlowness()
			s.now, s.processor = func() time.Time { return time.Time{}.Add(passed) }, func() time.Duration { return used }
			ctx, cancel := context.WithCancelCause(t.Context())
			runs := 0
			decode := func() error {
				runs++
				passed, used = passed+tc.took, used+tc.computed
				cancel(tc.cause)
				return tc.err
			}
			err := s.decoding(ctx, "a clip", decode)
			if got := fault.Judge(err); got.Name != tc.want || got.Retry != tc.again {
				t.Errorf("%v is judged %+v; want %s, tried again: %v", err, got, tc.want, tc.again)
			}
			again := s.decoding(t.Context(), "a clip", func() error { runs++; return nil })
			if known := runs == 1; known != tc.known || known != errors.Is(again, fault.TooLarge) {
				t.Errorf("decoded %d times, at last with %v; want it known: %v", runs, again, tc.known)
			}
			if err := s.decoding(t.Context(), "another clip", func() error { return nil }); err != nil {
				t.Errorf("another clip: %v", err)
			}
		})
	}
}

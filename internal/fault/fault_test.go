package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"videoqa/internal/fault"
)

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want fault.Verdict
	}{
		{"no error is fine", nil, fault.Verdict{Name: "", Status: 200, Retry: false}},
		{"a kind is found below other words", fmt.Errorf("a: %w", fmt.Errorf("b: %w", fault.BadVideo)), fault.Verdict{Name: "bad-video", Status: 422, Retry: false}},
		{"too large wins over unreadable", fmt.Errorf("%w: %w", fault.BadVideo, fault.TooLarge), fault.Verdict{Name: "too-large", Status: 413, Retry: false}},
		{"damage is no outage, and trying again does not mend it", fmt.Errorf("%w: %w", fault.Unavailable, fault.Damaged), fault.Verdict{Name: "damaged-record", Status: 500, Retry: false}},
		{"the asker's deadline is not a mere timeout", errors.Join(context.DeadlineExceeded, fault.Deadline), fault.Verdict{Name: "deadline", Status: 504, Retry: false}},
		{"a cancelled context is tried again", context.Canceled, fault.Verdict{Name: "cancelled", Status: 499, Retry: true}},
		{"what is final keeps its kind", fmt.Errorf("c: %w", fault.Final(fmt.Errorf("b: %w", fault.UnreachableURI))), fault.Verdict{Name: "unreachable-uri", Status: 502, Retry: false}},
		{"a final error of no kind is a bug that is not retried", fault.Final(errors.New("?")), fault.Verdict{Name: "internal", Status: 500, Retry: false}},
		{"no error is not final", fault.Final(nil), fault.Verdict{Name: "", Status: 200, Retry: false}},
		{"anything else is our own bug", errors.New("?"), fault.Verdict{Name: "internal", Status: 500, Retry: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := fault.Judge(tc.err); got != tc.want {
				t.Errorf("Judge(%v) = %+v; want %+v", tc.err, got, tc.want)
			}
		})
	}
}

func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range fault.Names() {
		if n == "" || seen[n] {
			t.Errorf("Names() holds %q twice or empty", n)
		}
		seen[n] = true
	}
}

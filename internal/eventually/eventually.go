// Package eventually lets a test wait for what another goroutine, process or server does,
// where no channel tells of it and the clock cannot be a bubble's of testing/synctest.
//
//	eventually.True(t, "the worker removes the upload", func() bool { return !spool.Has(digest) })
//
// The wait ends as soon as the condition holds. It fails the test after a minute, so a
// fault never makes a test hang until the time-out of the whole run.
package eventually

import (
	"testing"
	"time"
)

const (
	limit = time.Minute           // what takes longer is stuck, on a busy machine too
	again = 10 * time.Millisecond // between two checks
)

// True waits until holds returns true. It ends the test with what, which says what is
// awaited, if that takes too long. It calls holds in the test's own goroutine.
func True(t testing.TB, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("after %v still awaited: %s", limit, what)
		}
	}
}

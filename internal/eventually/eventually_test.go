package eventually

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A refusal is a test that notes how it failed.
type refusal struct {
	testing.TB
	said string
}

func (r *refusal) Helper() {}

func (r *refusal) Fatalf(format string, args ...any) {
	r.said = format
	panic(r)
}

func TestAWaitEndsWhenTheConditionHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		True(t, "a second passes", func() bool { return time.Since(began) >= time.Second })
		if took := time.Since(began); took > time.Second+again {
			t.Errorf("it waited for %v", took)
		}
	})
}

func TestAWaitThatNeverEndsFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, failed := time.Now(), &refusal{TB: t}
		defer func() {
			if recover() != failed || !strings.Contains(failed.said, "still awaited") || time.Since(began) != limit {
				t.Errorf("after %v the test says %q", time.Since(began), failed.said)
			}
		}()
		True(failed, "something that never happens", func() bool { return false })
	})
}

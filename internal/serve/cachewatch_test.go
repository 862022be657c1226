package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A moody cache is there or not.
type moody struct {
	mu     sync.Mutex
	away   error
	failed int64
}

func (m *moody) Check(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away
}

func (m *moody) Failures() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failed, errors.New("connection refused")
}

func (m *moody) set(away error, failed int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away, m.failed = away, m.failed+failed
}

var counted7 = regexp.MustCompile(`level=WARN msg="the feature cache is not there" failed_calls=7 for=1m0s error="connection refused"`)

func TestACacheThatIsNotThereIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		gone := errors.New("connection refused")
		m := &moody{away: gone}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { cacheWatch{m, slog.New(slog.NewTextHandler(&said, nil))}.run(ctx) })
		next := func(d time.Duration) (lines string) {
			time.Sleep(d)
			synctest.Wait()
			lines = said.String()
			said.Reset()
			return lines
		}
		if lines := next(time.Second); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, "level=WARN") || !strings.Contains(lines, "--redis-url") {
			t.Errorf("at the start: %s", lines)
		}
		if lines := next(50 * time.Second); lines != "" {
			t.Errorf("within a minute: %s", lines)
		}
		m.set(gone, 7)
		if lines := next(10 * time.Second); strings.Count(lines, "\n") != 1 || !counted7.MatchString(lines) {
			t.Errorf("after a minute: %s", lines)
		}
		m.set(nil, 0)
		if lines := next(time.Minute); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, "level=INFO") || !strings.Contains(lines, "is back") {
			t.Errorf("when it is back: %s", lines)
		}
		m.set(nil, 2)
		if lines := next(time.Minute); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, "failed_calls=2") {
			t.Errorf("when some calls fail: %s", lines)
		}
		if lines := next(10 * time.Minute); lines != "" {
			t.Errorf("while it is well: %s", lines)
		}
		cancel()
		running.Wait()
	})
}

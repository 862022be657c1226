package kafka

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A coordinator is one whose answer to a commit takes as long as a test wants.
type coordinator struct {
	hang <-chan struct{} // until this is closed; nil: not at all
	got  []int64
}

func (c *coordinator) CommitOffsets(offsets map[string]map[int]int64) error {
	if c.hang != nil {
		<-c.hang
	}
	c.got = append(c.got, offsets["t"][0])
	return nil
}

func committing() (*consumer, *partitionConsumer) {
	m := &consumer{Client: &Client{cfg: Config{ReadAhead: 10, ReadAheadBytes: 100, Log: slog.New(slog.DiscardHandler)}}}
	return m, m.newPartition("t", 0, 0, make(chan struct{}))
}

func TestARevokedGenerationReturnsWithinASecondWhateverTheCoordinatorDoes(t *testing.T) {
	for name, before := range map[string]time.Duration{"before its first commit": 0, "amid a commit": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, p := committing()
				hang := make(chan struct{})
				ctx, revoke := context.WithCancel(t.Context())
				p.tracker.finish(p.tracker.start(0))
				returned := make(chan time.Time, 1)
				go func() {
					m.commit(ctx, &coordinator{hang: hang}, []*partitionConsumer{p}, func() {})
					returned <- time.Now()
				}()
				time.Sleep(before)
				synctest.Wait()
				revoked := time.Now()
				revoke()
				if took := (<-returned).Sub(revoked); took >= time.Second {
					t.Errorf("it returned %v after the revocation", took)
				}
				close(hang)
				m.handlers.Wait()
			})
		})
	}
}

func TestWhatWasFinishedIsCommittedWhenTheGenerationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, p := committing()
		to := &coordinator{}
		ctx, revoke := context.WithCancel(t.Context())
		owned := true
		p.tracker.finish(p.tracker.start(4))
		revoke()
		m.commit(ctx, to, []*partitionConsumer{p}, func() { owned = false })
		m.handlers.Wait()
		if len(to.got) != 1 || to.got[0] != 5 || owned {
			t.Errorf("committed %v, still owned: %v; want 5, and not", to.got, owned)
		}
	})
}

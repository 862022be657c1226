package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// inStore lets do use the store beside the worker, as another process would.
func (b *bubble) inStore(do func(s *sqlite.Store)) {
	b.t.Helper()
	s, err := sqlite.Join(context.Background(), filepath.Join(b.house.dir, "store.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		b.t.Error(err)
	}
}

// However large the queue is, an overflowed question gets its turn.
func TestOverflowedQuestionsReturnWhateverTheQueuesSize(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		hold := make(chan struct{})
		b.house.asker.hold = hold
		const queue = 600
		b.run(func(c *worker.Config) { c.Slots, c.Queue, c.Ahead = 2, queue, -1 })
		b.sendOf("flood", 0)
		for i := range queue + 200 {
			b.ask(ingest.Question{ID: fmt.Sprint("f-", i), Text: "a?", Camera: "flood", ClipID: "flood-0"})
		}
		close(hold)
		b.pass(time.Minute)
		if n := len(b.outcomes()); n != queue+200 {
			t.Errorf("%d of %d questions have an outcome", n, queue+200)
		}
	})
}

// A miscounting store fails to count its rows, or says that there are n.
type miscounting struct {
	store.Store
	n    int
	fail bool
}

func (m *miscounting) Waiting(ctx context.Context) (int, error) {
	if m.fail {
		return 0, errors.New("hiccup")
	}
	n, err := m.Store.Waiting(ctx)
	return n + m.n, err
}

// Neither a store that cannot count for a while nor a deferred queue that was full once
// holds up a partition for good.
func TestTheOverflowTakesQuestionsAgainOnceThereIsRoom(t *testing.T) {
	for what, bad := range map[string]*miscounting{"it could not count": {fail: true}, "it was full": {n: 1_000_000}} {
		inBubble(t, func(b *bubble) {
			b.stop()
			hold := make(chan struct{})
			b.house.asker.hold = hold
			b.run(func(c *worker.Config) {
				c.Slots, c.Queue, c.Ahead = 2, 4, -1
				bad.Store = c.Store
				c.Store = bad
			})
			flood := func(first int) {
				for i := first; i < first+20; i++ {
					b.sendOf("flood", i)
				}
				for i := first; i < first+20; i++ {
					b.ask(ingest.Question{ID: fmt.Sprint("f-", i), Text: "a?", Camera: "flood", ClipID: fmt.Sprint("flood-", i)})
				}
			}
			flood(0)
			b.pass(time.Minute) // it is counted
			close(hold)
			bad.n, bad.fail = 0, false
			b.pass(time.Minute)
			if n := len(b.outcomes()); n != 20 {
				t.Errorf("%s: %d of 20 questions have an outcome", what, n)
			}
			b.house.asker.hold = make(chan struct{})
			before := b.finished()
			flood(20)
			if n := b.finished() - before; n < 30 { // 20 clips, and the questions that were put aside
				t.Errorf("%s: afterwards %d of 40 records are done while nothing is asked", what, n)
			}
			close(b.house.asker.hold)
			b.pass(time.Minute)
		})
	}
}

// A deadline ends waiting, not answering: what came in time is answered.
func TestFootageThatCameInTimeIsAnsweredAfterTheDeadline(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		b.askRange("q-1", 5, 25, later(b.start, 5*time.Second))
		b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-9", Deadline: later(b.start, 5*time.Second)})
		b.pass(time.Second)
		b.stop() // until both deadlines are past
		b.pass(2 * time.Second)
		b.inStore(func(s *sqlite.Store) {
			c := b.house.clip("c-2", "a cow")
			c.Camera, c.Start, c.End = "dock-3", later(b.start, 10*time.Second), later(b.start, 30*time.Second)
			if err := errors.Join(s.PutClip(context.Background(), c, time.Now()), s.PutClip(context.Background(), b.house.clip("c-9", "a pig"), time.Now())); err != nil {
				t.Fatal(err)
			}
		})
		b.pass(10 * time.Second)
		b.run(nil)
		b.pass(time.Minute)
		if got := strings.Join(b.got(b.start), ", "); !strings.Contains(got, "q-1 a dog+a cow") || !strings.Contains(got, "q-2 a pig") {
			t.Errorf("published %s", got)
		}
	})
}

// Of a range of which one clip cannot be had, the others are answered about in time.
func TestARangeIsAnsweredWithoutAClipThatCannotBeOpened(t *testing.T) {
	for _, tc := range []struct {
		to       int // of 20 s that are recorded
		deadline time.Duration
		by       time.Duration
	}{{20, 20 * time.Second, 20 * time.Second}, {40, 20 * time.Second, 20 * time.Second}, {40, 0, 30 * time.Second}, {20, 0, 30 * time.Second}} {
		inBubble(t, func(b *bubble) {
			b.record("c-1", "a dog", 0, 10)
			b.send(ingest.TopicClips, ingest.Clip{ID: "c-2", URI: "file://" + filepath.Join(b.house.clips, "absent"), Camera: "dock-3", Start: later(b.start, 10*time.Second), End: later(b.start, 20*time.Second)})
			var deadline *ingest.Time
			if tc.deadline > 0 {
				deadline = later(b.start, tc.deadline)
			}
			b.askRange("q-1", 0, tc.to, deadline)
			b.pass(tc.by + time.Second)
			if got := strings.Join(b.got(b.start), ", "); !strings.HasPrefix(got, "q-1 a dog") {
				t.Errorf("to %d s with deadline %v: published %q", tc.to, tc.deadline, got)
			}
		})
	}
}

// A clip that cannot be had before the deadline is said to be that.
func TestAnAttemptAfterTheDeadlineIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-1", URI: "file://" + filepath.Join(b.house.clips, "absent")})
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1", Deadline: later(b.start, 30*time.Second)})
		b.pass(time.Hour)
		b.want("q-1 unreachable-uri 2 after 10s")
	})
}

// What was in progress when a partition went is published by its next owner, also when the
// broker was down meanwhile.
func TestNothingIsPublishedAfterRevocation(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.mu.Lock()
		b.down = fmt.Errorf("no broker: %w", fault.Unavailable)
		b.mu.Unlock()
		b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
		revoked := make(chan struct{})
		b.in <- ingest.NewDelivery(ingest.Record{Origin: ingest.Origin{Topic: ingest.TopicQuestions, Offset: 77}, Value: []byte(`{"question_id":"q-1","question":"a?","clip_id":"c-1"}`), Time: time.Now()}, revoked, func(bool) {})
		b.pass(time.Second)
		close(revoked)
		b.pass(30 * time.Second)
		b.mu.Lock()
		b.down = nil
		b.mu.Unlock()
		b.pass(time.Minute)
		b.want()
		b.inStore(func(s *sqlite.Store) {
			if o, found, err := s.Outcome(context.Background(), "q-1"); err != nil || !found || o.State != store.Answered {
				t.Errorf("what was worked out is not kept: %+v, %v, %v", o, found, err)
			}
		})
	})
}

// crashed writes the journal of processes that ended with keys in progress.
func (b *bubble) crashed(target string, times int, keys ...string) string {
	journal := filepath.Join(b.house.dir, "journal")
	if err := os.MkdirAll(journal, 0o700); err != nil {
		b.t.Fatal(err)
	}
	for i := range times {
		text := fmt.Sprintf(`{"target":%q,"keys":["%s"],"questions":["q-0"],"alone":true}`, target, strings.Join(keys, `","`))
		if err := os.WriteFile(filepath.Join(journal, fmt.Sprint(i, ".part.json")), []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return journal
}

// A range that ended two processes is dead; its clips, of which only one can be to
// blame, are not.
func TestACrashOfARangeIsNotCountedAgainstItsClips(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		key := fmt.Sprintf("range dock-3 %d %d", b.start.UnixMilli(), b.start.Add(20*time.Second).UnixMilli())
		journal := b.crashed(key, 2, "clip c-1", "clip c-2")
		b.run(func(c *worker.Config) { c.Journal, c.Ahead = journal, -1 })
		b.record("c-1", "a dog", 0, 10)
		b.record("c-2", "a cow", 10, 20)
		b.askRange("q-0", 0, 20, nil)
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.askRange("q-2", 2, 18, nil)
		b.pass(time.Minute)
		got := strings.Join(b.got(b.start), ", ")
		for _, want := range []string{"q-0 crashed-worker", "q-1 a dog", "q-2 a dog+a cow"} {
			if !strings.Contains(got, want) {
				t.Errorf("published %s; want %s", got, want)
			}
		}
	})
}

// A clip that is to blame is left out of ranges.
func TestAClipThatCrashedTwiceIsLeftOutOfRanges(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		journal := b.crashed("clip c-1", 2, "clip c-1")
		b.run(func(c *worker.Config) { c.Journal, c.Ahead = journal, -1 })
		b.record("c-1", "a bomb", 0, 10)
		b.record("c-2", "a cow", 10, 20)
		b.askRange("q-1", 0, 20, nil)
		b.askRange("q-2", 0, 9, nil)
		b.pass(time.Minute)
		if got := strings.Join(b.got(b.start), ", "); !strings.Contains(got, "q-1 a cow") || !strings.Contains(got, "q-2 crashed-worker") {
			t.Errorf("published %s", got)
		}
	})
}

// Media that could not even be fetched are as suspect as before; and an operator's
// pardon gives what was condemned two more exits, not endless ones.
func TestOnlyDecodingReleasesAClipFromQuarantine(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		journal := b.crashed("clip c-1", 1, "clip c-1")
		b.run(func(c *worker.Config) { c.Journal, c.Ahead = journal, -1 })
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-1", URI: "file://" + filepath.Join(b.house.clips, "absent")})
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.pass(time.Second)
		claimed := func(names ...string) {
			t.Helper()
			b.inStore(func(s *sqlite.Store) {
				var got []string
				for _, name := range []string{"suspect clip c-1", "alone 1 clip c-1", "alone 2 clip c-1"} {
					if _, found, err := s.Claimed(context.Background(), name); err != nil {
						t.Error(err)
					} else if found {
						got = append(got, name)
					}
				}
				if strings.Join(got, ", ") != strings.Join(names, ", ") {
					t.Errorf("claimed are %q; want %q", got, names)
				}
			})
		}
		claimed("suspect clip c-1", "alone 1 clip c-1")
		b.inStore(func(s *sqlite.Store) {
			if err := worker.ReleaseQuarantine(context.Background(), s, ingest.Question{ID: "q-1", ClipID: "c-1"}); err != nil {
				t.Error(err)
			}
		})
		claimed("suspect clip c-1")
	})
}

// A slow asker takes a tenth of a second for a clip.
type slowly struct{ worker.Asker }

func (s slowly) Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	select {
	case <-time.After(100 * time.Millisecond):
		return s.Asker.Ask(ctx, about, questions)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A camera that asks two hundred questions at once, while another has thousands
// waiting, shares the slots with it, and afterwards does not wait at all.
func TestABurstIsNotDelayedByAFlood(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		b.run(func(c *worker.Config) { c.Asker, c.Slots, c.Queue, c.Ahead = slowly{c.Asker}, 3, 64, -1 })
		ask := func(id, camera string) {
			c := b.house.clip("c-"+id, camera)
			c.Camera = camera
			b.send(ingest.TopicClips, c)
			b.ask(ingest.Question{ID: id, Text: "a?", Camera: camera, ClipID: c.ID})
		}
		for i := range 1500 { // 75 s and more of work for two slots
			ask(fmt.Sprint("f-", i), "flood")
		}
		asked := time.Now()
		for i := range 100 {
			ask(fmt.Sprint("q-", i), "quiet")
		}
		answered := func(prefix string, since time.Time) (n int) {
			for _, line := range b.got(since) {
				if strings.HasPrefix(line, prefix) {
					n++
				}
			}
			return n
		}
		b.pass(12 * time.Second) // half of three slots have done 180 by then
		if n := answered("q-", asked); n != 100 {
			t.Errorf("%d of 100 questions of the burst are answered after 12 s, and %d of the flood", n, answered("f-", asked))
		}
		ask("single", "quiet")
		b.pass(time.Second)
		if answered("single", asked) != 1 {
			t.Error("a single question after the burst waits behind the flood")
		}
		b.pass(10 * time.Minute)
		if n := answered("f-", asked); n != 1500 {
			t.Errorf("%d of 1500 questions of the flood are answered", n)
		}
	})
}

// A store that is down until a time, for whatever is asked of it while a question is
// worked on.
type downStore struct {
	store.Store
	until time.Time
}

func (d *downStore) err() error {
	if time.Now().Before(d.until) {
		return fmt.Errorf("store: no connection: %w", fault.Unavailable)
	}
	return nil
}

func (d *downStore) Outcome(ctx context.Context, id string) (store.Outcome, bool, error) {
	if err := d.err(); err != nil {
		return store.Outcome{}, false, err
	}
	return d.Store.Outcome(ctx, id)
}

func (d *downStore) Clip(ctx context.Context, id string) (ingest.Clip, store.ClipState, error) {
	if err := d.err(); err != nil {
		return ingest.Clip{}, store.Unknown, err
	}
	return d.Store.Clip(ctx, id)
}

func (d *downStore) SettleAll(ctx context.Context, all []store.Outcome) ([]store.Stored, error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	return d.Store.SettleAll(ctx, all)
}

func (d *downStore) Take(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	return d.Store.Take(ctx, now, lease, n)
}

// A store that is down for longer than all attempts at a question would last costs
// time and no question.
func TestAStoreThatIsDownForLongMakesNoDeadLetter(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		down := &downStore{}
		b.house.asker.hold = make(chan struct{})
		b.run(func(c *worker.Config) {
			down.Store = c.Store
			c.Store, c.Ahead = down, -1
		})
		b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"}) // is asked when it goes down
		down.until = time.Now().Add(20 * time.Minute)
		close(b.house.asker.hold)
		go b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-1"}) // comes while it is
		b.pass(19 * time.Minute)
		b.want()
		b.pass(2 * time.Minute)
		if got := b.got(b.start); len(got) != 2 || !strings.Contains(got[0], " a dog ") || !strings.Contains(got[1], " a dog ") {
			t.Errorf("published %q", got)
		}
	})
}

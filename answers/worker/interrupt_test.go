package worker_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/internal/eventually"
	"videoqa/internal/fault"
)

// The promise of delivery, at every step of the way: a record counts as done only
// when what came of it is acknowledged by the broker, or its row is stored in the
// deferred queue. So whatever happens between two steps, another worker finds the
// record again.
//
// Each scenario runs once undisturbed, which lists the calls that a worker makes to
// its store, its media, its model and the broker. Then it runs again for each of
// these calls and for each way of interrupting the worker there, while a second
// worker joins the group. Afterwards topics, store and committed offsets are compared.

// An interruption is one way in which a worker is disturbed at a call.
type interruption string

const (
	revoked interruption = "the partitions are revoked after it"
	delayed interruption = "it returns only when another worker has done everything"
	killed  interruption = "the worker is killed after it"
	failed  interruption = "it fails"
	unheard interruption = "it succeeds and reports a failure"
)

var interruptions = []interruption{revoked, delayed, killed, failed, unheard}

// A scenario is records that are sent, and what has to come of them.
type scenario struct {
	name   string
	send   func(p *play)
	change func(*worker.Config)
	fail   func(call int, q ingest.Question) error // of the asker
	want   map[string]string                       // by question_id: the answer, or an error_kind
	alone  map[string]int                          // dead letters that are nobody's outcome, by error_kind
	after  func(h *house, s store.Store)           // further checks of what is stored
}

var scenarios = []scenario{
	{
		name: "questions about a clip that is there",
		send: func(p *play) {
			p.sendClip(p.h.clip("c-1", "a dog"))
			for i := range 3 { // on both partitions
				p.h.send(p.h.topics.Questions, fmt.Sprint("key-", i), ingest.Question{ID: fmt.Sprint("q-", i), Text: "a?", ClipID: "c-1"})
			}
		},
		want: map[string]string{"q-0": "a dog", "q-1": "a dog", "q-2": "a dog"},
	},
	{
		name: "a question that comes before its clip",
		send: func(p *play) {
			p.h.ask("q-1", "c-1", "a?")
			p.until("q-1 waits", func() bool { return p.ledger.waits("q-1") })
			p.sendClip(p.h.clip("c-1", "a dog"))
		},
		want: map[string]string{"q-1": "a dog"},
	},
	{
		name: "a question that comes twice, and once more with another request",
		send: func(p *play) {
			p.sendClip(p.h.clip("c-1", "a dog"))
			p.h.ask("q-1", "c-1", "a?")
			p.h.ask("q-1", "c-1", "a?")
			p.h.ask("q-1", "c-1", "something else?")
		},
		want:  map[string]string{"q-1": "a dog"},
		alone: map[string]int{"conflict": 1},
	},
	{
		name: "a question that is tried again, and two that are dead",
		send: func(p *play) {
			p.sendClip(p.h.clip("c-1", "a dog"))
			p.h.ask("q-1", "c-1", "a?")
			p.h.ask("q-2", "c-1", "a?")
			p.h.send(p.h.topics.Questions, "k", ingest.Question{ID: "q-3", Text: "a?", ClipID: "c-1", Deadline: later(time.Now(), -time.Hour)})
		},
		change: func(c *worker.Config) {
			c.Retries = []time.Duration{20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}
		},
		fail: func(call int, q ingest.Question) error {
			switch {
			case q.ID == "q-1" && call == 1:
				return fmt.Errorf("it cannot be had: %w", fault.UnreachableURI)
			case q.ID == "q-2":
				return fmt.Errorf("its head is torn off: %w", fault.BadVideo)
			}
			return nil
		},
		want: map[string]string{"q-1": "a dog", "q-2": "bad-video", "q-3": "deadline"},
	},
	{
		name: "a question about a range that is recorded while it waits",
		send: func(p *play) {
			start := time.Now()
			for i, id := range []string{"c-1", "c-2"} {
				c := p.h.clip(id, id)
				c.Camera, c.Start, c.End = "dock-3", later(start, time.Duration(i)*time.Minute), later(start, time.Duration(i+1)*time.Minute)
				if i == 1 {
					p.h.send(p.h.topics.Questions, "dock-3", ingest.Question{ID: "q-1", Text: "a?", Camera: "dock-3", Start: later(start, 0), End: later(start, 2*time.Minute)})
					p.until("q-1 waits", func() bool { return p.ledger.waits("q-1") })
				}
				p.sendClip(c)
			}
		},
		want: map[string]string{"q-1": "c-1+c-2"},
	},
	{
		name: "a question about an upload",
		send: func(p *play) {
			p.h.send(p.h.topics.Questions, "k", ingest.Question{ID: "q-1", Text: "a?", URI: ingest.UploadURI(uploadDigest)})
		},
		want: map[string]string{"q-1": "an upload"},
		after: func(h *house, s store.Store) {
			ctx := h.t.Context()
			if err := s.DeleteClip(ctx, ingest.NamelessClip(uploadDigest), time.Now()); err != nil {
				h.t.Error(err)
			}
			if unused, err := s.TakeUnused(ctx, time.Now(), time.Now().Add(time.Hour), 10); err != nil || len(unused) != 1 {
				h.t.Errorf("%q are unused when the clip is deleted, %v: the question still uses its upload", unused, err)
			}
		},
	},
	{
		name: "records that are no events",
		send: func(p *play) {
			p.h.send(p.h.topics.Questions, "k", []byte("\xff\xfe{"))
			p.h.send(p.h.topics.Clips, "k", []byte(`{"clip_id":"c-1"}`))
			p.sendClip(p.h.clip("c-2", "a dog"))
			p.h.ask("q-1", "c-2", "a?")
		},
		want:  map[string]string{"q-1": "a dog"},
		alone: map[string]int{"bad-event": 2},
	},
	{
		name: "questions of a camera that floods its partition",
		send: func(p *play) {
			c := p.h.clip("c-1", "a dog")
			p.sendClip(c)
			for i := range 8 {
				p.h.send(p.h.topics.Questions, "flood", ingest.Question{ID: fmt.Sprint("q-", i), Text: "a?", Camera: "flood", ClipID: "c-1"})
			}
		},
		change: func(c *worker.Config) { c.Queue = 2 },
		want: map[string]string{"q-0": "a dog", "q-1": "a dog", "q-2": "a dog", "q-3": "a dog",
			"q-4": "a dog", "q-5": "a dog", "q-6": "a dog", "q-7": "a dog"},
	},
}

const uploadDigest = "sha256:9e3b5b0a2a6ce1f2f2a5a6c9b5a4c9d1f0e8b7a6d5c4b3a29181706f5e4d3c2b"

// A play is one run of a scenario.
type play struct {
	*scenario
	h       *house
	checks  *sqlite.Store
	ledger  *ledger
	stopped sync.WaitGroup
}

// perform runs a scenario, interrupted at a call ("": nowhere). It returns the calls
// that the first worker made, and whether it came to that one: how questions come
// together in batches differs from run to run.
func perform(t *testing.T, s *scenario, at string, how interruption) (calls []string, came bool) {
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	h := newHouseOn(t, b.Addr())
	if err := os.WriteFile(filepath.Join(h.clips, "upload"), []byte("an upload"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.asker.fail, h.grace, h.heartbeat = s.fail, 50*time.Millisecond, 50*time.Millisecond
	h.open = sqlite.Join // beside each other
	checks, err := sqlite.Open(t.Context(), filepath.Join(h.dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checks.Close() })
	rows, err := sql.Open("sqlite", "file:"+filepath.Join(h.dir, "store.db")+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	p := &play{scenario: s, h: h, checks: checks, ledger: &ledger{store: checks, rows: rows, letters: map[string]bool{}}}
	first := &stage{at: at, how: how, counts: map[string]int{}, reached: make(chan struct{})}
	var stopFirst, stopSecond func()
	second := func() { stopSecond = p.start(&stage{counts: map[string]int{}}) }
	first.meet = func(ctx context.Context) error {
		switch how {
		case revoked:
			second()
			p.ledger.revocation(ctx)
		case delayed:
			second()
			p.ledger.revocation(ctx)
			p.await(ctx, 400*time.Millisecond)
		case killed:
			first.kill()
			p.stopped.Go(stopFirst)
			second()
		case unheard:
			return fmt.Errorf("the reply of %s is lost: %w", at, fault.Unavailable)
		}
		return nil
	}
	stopFirst = p.start(first)
	s.send(p)
	const limit = 2 * time.Minute // on a busy machine, with the race detector
	if !p.await(t.Context(), limit) {
		t.Errorf("it is not settled after %v: %s", limit, p.state(t.Context()))
	}
	p.stopped.Wait()
	stopFirst()
	if stopSecond != nil {
		stopSecond()
	}
	p.compare()
	select {
	case <-first.reached:
		came = true
	default:
	}
	return first.calls, came
}

// start runs a worker on a stage.
func (p *play) start(st *stage) (stop func()) {
	return p.h.start(func(c *worker.Config) {
		c.Store, c.Media = stagedStore{c.Store, st}, stagedMedia{c.Media, st, p.h.clips}
		c.Asker, c.Stream = stagedAsker{c.Asker, st}, stagedStream{c.Stream, st, p.ledger}
		c.Slots, c.Ahead, c.Lease, c.Grace = 1, -1, 300*time.Millisecond, 50*time.Millisecond
		if p.change != nil {
			p.change(c)
		}
	})
}

// sendClip announces a clip and waits until it is registered.
func (p *play) sendClip(c ingest.Clip) {
	p.h.t.Helper()
	p.h.sendClip(c)
	p.until("clip "+c.ID+" is registered", func() bool {
		_, state, err := p.checks.Clip(p.h.t.Context(), c.ID)
		return err == nil && state == store.Known
	})
}

// until waits for something that the worker will do.
func (p *play) until(what string, is func() bool) {
	p.h.t.Helper()
	eventually.True(p.h.t, what, is)
}

// poll waits until something is so; false: it is not within limit.
func poll(ctx context.Context, limit time.Duration, is func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// await waits until all is settled; false: it is not within limit.
func (p *play) await(ctx context.Context, limit time.Duration) bool {
	return poll(ctx, limit, func() bool { return p.state(ctx) == "" })
}

// state says what is not settled yet.
func (p *play) state(ctx context.Context) string {
	for id := range p.want {
		if o, found, err := p.checks.Outcome(ctx, id); err != nil || !found || o.State == store.Waiting {
			return fmt.Sprintf("%s has %v %q (%v)", id, found, o.State, err)
		}
	}
	if n, err := p.checks.Waiting(ctx); err != nil || n > 0 {
		return fmt.Sprintf("%d rows wait (%v)", n, err)
	}
	positions, err := p.h.inside.Positions(ctx, p.h.topics.Clips, p.h.topics.Questions)
	if err != nil {
		return err.Error()
	}
	for _, at := range positions {
		if max(0, at.Committed) < at.End {
			return fmt.Sprintf("%s/%d is committed to %d of %d", at.Topic, at.Partition, at.Committed, at.End)
		}
	}
	return ""
}

// compare holds topics, store and expectations to each other.
func (p *play) compare() {
	t := p.h.t
	for _, wrong := range p.ledger.complaints() {
		t.Error(wrong)
	}
	published, alone := p.published()
	for id, want := range p.want {
		o, _, err := p.checks.Outcome(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := ingest.ParseMessage(o.Message)
		if err != nil {
			t.Fatal(err)
		}
		var outcome struct {
			Answer    string `json:"answer"`
			ErrorKind string `json:"error_kind"`
		}
		if err := json.Unmarshal(stored.Value, &outcome); err != nil || outcome.Answer+outcome.ErrorKind != want {
			t.Errorf("%s became %s (%v), want %s", id, stored.Value, err, want)
		}
		if len(published[id]) == 0 {
			t.Errorf("%s has its outcome in the store and no record on the topic", id)
		}
		for _, value := range published[id] {
			if value != string(stored.Value) {
				t.Errorf("%s is on the topic as\n%s\nand stored as\n%s", id, value, stored.Value)
			}
		}
	}
	for kind, n := range p.alone {
		if got := len(alone[kind]); got != n {
			t.Errorf("%d records have a dead letter %s, want %d", got, kind, n)
		}
	}
	if p.after != nil {
		p.after(p.h, p.checks)
	}
}

// published reads what is on the topics: outcomes by question, and the origins of
// dead letters that are nobody's outcome by their kind.
func (p *play) published() (outcomes map[string][]string, alone map[string]map[ingest.Origin]bool) {
	outcomes, alone = map[string][]string{}, map[string]map[ingest.Origin]bool{}
	const marks = 16 // enough to reach both partitions of each topic, whatever the hash
	for i := range marks {
		for _, topic := range []string{p.h.topics.Answers, p.h.topics.DeadLetters} {
			p.h.send(topic, fmt.Sprint("mark-", i), map[string]string{"question_id": "the end"})
		}
	}
	for seen := 0; seen < 2*marks; {
		r, a, d := p.h.next()
		kind := d.ErrorKind
		switch {
		case a.QuestionID == "the end" || d.QuestionID == "the end":
			seen++
		case p.scenario.alone[kind] > 0:
			if alone[kind] == nil {
				alone[kind] = map[ingest.Origin]bool{}
			}
			alone[kind][*d.Origin] = true
		default:
			id := a.QuestionID + d.QuestionID
			outcomes[id] = append(outcomes[id], string(r.Value))
		}
	}
	return outcomes, alone
}

// together is how many runs go on at a time. They mostly wait, for heartbeats and for
// the group, so the number of cores is no measure.
const together = 12

func TestNoInterruptionLosesARecord(t *testing.T) {
	for i := range scenarios {
		s := &scenarios[i]
		t.Run(s.name, func(t *testing.T) {
			var calls []string
			t.Run("undisturbed", func(t *testing.T) { calls, _ = perform(t, s, "", "") })
			var came, tried atomic.Int32
			var runs sync.WaitGroup
			places := make(chan struct{}, together)
			for c, call := range calls {
				for h, how := range interruptions {
					if testing.Short() && (c+h)%3 != 0 {
						continue
					}
					tried.Add(1)
					places <- struct{}{}
					runs.Go(func() {
						defer func() { <-places }()
						t.Run(fmt.Sprintf("%s: %s", call, how), func(t *testing.T) {
							if _, is := perform(t, s, call, how); is {
								came.Add(1)
							}
						})
					})
				}
			}
			runs.Wait()
			if all := tried.Load(); came.Load() < all*3/4 {
				t.Errorf("the worker was interrupted %d times, of %d", came.Load(), all)
			}
		})
	}
}

package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/answers"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// A pipe is a stream in memory, for tests in which hours pass at once.
type pipe struct {
	in chan *ingest.Delivery

	mu    sync.Mutex
	out   []ingest.Message
	times []time.Time
	done  int // records that need never be read again
	next  int64
	down  error // what Publish returns
}

func (p *pipe) Consume(ctx context.Context, _ []string, handle func(context.Context, *ingest.Delivery)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-p.in:
			handle(ctx, d)
		}
	}
}

func (p *pipe) Publish(_ context.Context, messages ...ingest.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return p.down
	}
	for _, m := range messages {
		p.out = append(p.out, m)
		p.times = append(p.times, time.Now())
	}
	return nil
}

// send hands data over as the next record of topic and waits until nothing moves.
func (p *pipe) send(topic string, data any, headers ...ingest.Header) {
	value, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	p.next++
	r := ingest.Record{Origin: ingest.Origin{Topic: topic, Offset: p.next}, Value: value, Time: time.Now(), Headers: headers}
	p.mu.Unlock()
	p.in <- ingest.NewDelivery(r, nil, func(done bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if done {
			p.done++
		}
	})
	synctest.Wait()
}

// finished counts the records that need never be read again.
func (p *pipe) finished() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// got returns what was published, and how long after start.
func (p *pipe) got(start time.Time) (letters []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range p.out {
		var d struct {
			ingest.DeadLetter
			Answer string `json:"answer"`
		}
		if err := json.Unmarshal(m.Value, &d); err != nil {
			panic(err)
		}
		letters = append(letters, fmt.Sprintf("%s %s%s %d after %s", d.QuestionID, d.ErrorKind, d.Answer, d.Attempts, p.times[i].Sub(start).Round(10*time.Millisecond)))
	}
	return letters
}

// A bubble is a worker on a pipe, on a clock of its own.
type bubble struct {
	*pipe
	t     *testing.T
	start time.Time
	house *house
	stop  func()
}

// inBubble runs a test with its own time: no sleep in it takes any.
func inBubble(t *testing.T, do func(b *bubble)) {
	dir, clips := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{pipe: &pipe{in: make(chan *ingest.Delivery)}, t: t, start: time.Now(), house: &house{t: t, dir: dir, clips: clips, asker: &asker{}}}
		b.run(nil)
		do(b)
		b.stop()
	})
}

// run starts a worker on what the one before left.
func (b *bubble) run(change func(*worker.Config)) {
	b.t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(b.house.dir, "store.db"))
	if err != nil {
		b.t.Fatal(err)
	}
	fetcher, err := media.New(media.Config{Roots: []string{b.house.clips}})
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := worker.Config{Stream: b.pipe, Store: db, Media: fetcher, Asker: b.house.asker, Wait: 30 * time.Second}
	if change != nil {
		change(&cfg)
	}
	w, err := worker.New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := errors.Join(<-ended, db.Close(), fetcher.Close()); err != nil {
			b.t.Error(err)
		}
	}
}

func (b *bubble) ask(q ingest.Question) { b.send(ingest.TopicQuestions, q) }

func (b *bubble) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want compares all that was published so far.
func (b *bubble) want(letters ...string) {
	b.t.Helper()
	if got := b.got(b.start); fmt.Sprint(got) != fmt.Sprint(letters) {
		b.t.Errorf("published %q\nwant      %q", got, letters)
	}
}

func later(start time.Time, d time.Duration) *ingest.Time {
	t := ingest.NewTime(start.Add(d))
	return &t
}

func TestAQuestionWaitsForItsClipForHalfAMinute(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		if b.finished() != 1 {
			t.Error("a question that waits holds up its partition")
		}
		b.pass(29 * time.Second)
		b.want()
		b.pass(2 * time.Second)
		b.want("q-1 unknown-clip 0 after 30s")
	})
}

func TestADeadlineEndsTheWaiting(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1", Deadline: later(b.start, 5*time.Second)})
		b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-1", Deadline: later(b.start, -time.Second)})
		b.want("q-2 deadline 0 after 0s")
		b.pass(time.Minute)
		b.want("q-2 deadline 0 after 0s", "q-1 unknown-clip 0 after 5s")
	})
}

func TestAWaitingQuestionSurvivesARestart(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-2"})
		b.stop()
		b.pass(10 * time.Second)
		b.run(nil)
		b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
		b.want("q-1 a dog 0 after 10s")
		b.pass(time.Minute)
		b.want("q-1 a dog 0 after 10s", "q-2 unknown-clip 0 after 30s")
	})
}

func TestAFailingQuestionIsTriedFourTimes(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.house.asker.fail = func(_ int, q ingest.Question) error {
			if q.ID == "q-1" {
				return errors.New("our own bug")
			}
			return nil
		}
		b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-1"})
		b.want("q-2 a dog 0 after 0s")
		if b.finished() != 3 {
			t.Error("a question that is tried again holds up its partition")
		}
		b.pass(12 * time.Minute)
		b.want("q-2 a dog 0 after 0s", "q-1 internal 4 after 11m10s")
	})
}

func TestAnUnreachableClipIsTriedAgain(t *testing.T) {
	inBubble(t, func(b *bubble) {
		clip := b.house.clip("c-1", "a dog")
		clip.URI += "-later"
		b.send(ingest.TopicClips, clip)
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.pass(11 * time.Second)
		b.house.clip("c-1-later", "a cow")
		b.pass(2 * time.Minute)
		b.want("q-1 a cow 0 after 1m0s")
	})
}

// Twenty minutes without a model: longer than all retries. No attempt is burnt, and
// nothing more is taken than the slots hold.
func TestADownServerCostsNoAttempt(t *testing.T) {
	for _, kind := range []error{fault.Unavailable, fault.Overloaded} {
		t.Run(kind.Error(), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.house.asker.fail = nil
				b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
				down := time.Now().Add(20 * time.Minute)
				b.stop()
				b.run(func(c *worker.Config) { c.Asker = outage{b.house.asker, down, kind} })
				b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
				b.pass(19 * time.Minute)
				b.want()
				if b.finished() != 1 {
					t.Error("a question was put aside while the model is down")
				}
				b.pass(2 * time.Minute)
				if got := b.got(down); len(got) != 1 || got[0] > "q-1 a dog 0 after 5s" {
					t.Errorf("published %q after the model came back", got)
				}
			})
		})
	}
}

// An outage is an Asker that is down until a time.
type outage struct {
	worker.Asker
	until time.Time
	kind  error
}

func (o outage) Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	if time.Now().Before(o.until) {
		return nil, fmt.Errorf("no model: %w", o.kind)
	}
	return o.Asker.Ask(ctx, about, questions)
}

func TestADownBrokerDelaysAndRepeatsNothing(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.mu.Lock()
		b.down = fmt.Errorf("no broker: %w", fault.Unavailable)
		b.mu.Unlock()
		b.send(ingest.TopicClips, b.house.clip("c-1", "a dog"))
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.pass(10 * time.Minute)
		b.mu.Lock()
		b.down = nil
		b.mu.Unlock()
		b.pass(10 * time.Second)
		if got := b.got(b.start); len(got) != 1 || b.house.asker.count() != 1 || b.finished() != 2 {
			t.Errorf("published %q, asked %d times, %d records done", got, b.house.asker.count(), b.finished())
		}
	})
}

func TestQuestionsOfOneClipThatWaitTogetherAreAskedTogether(t *testing.T) {
	inBubble(t, func(b *bubble) {
		hold := make(chan struct{})
		b.house.asker.hold = hold
		b.stop()
		b.run(func(c *worker.Config) { c.Slots = 1 })
		for _, id := range []string{"c-1", "c-2"} {
			b.send(ingest.TopicClips, b.house.clip(id, "a dog"))
		}
		b.ask(ingest.Question{ID: "q-0", Text: "a?", ClipID: "c-1"})
		for i := range 100 {
			b.ask(ingest.Question{ID: fmt.Sprintf("q-1-%d", i), Text: "a?", ClipID: "c-1"})
			b.ask(ingest.Question{ID: fmt.Sprintf("q-2-%d", i), Text: "a?", ClipID: "c-2"})
		}
		close(hold)
		synctest.Wait()
		if got := fmt.Sprint(b.house.asker.sizes); got != "[1 64 64 36 36]" {
			t.Errorf("asked %s at a time", got)
		}
		if n := len(b.got(b.start)); n != 201 {
			t.Errorf("%d of 201 questions were answered", n)
		}
	})
}

// record announces what a camera recorded, from and to in seconds.
func (b *bubble) record(id, content string, from, to int) {
	clip := b.house.clip(id, content)
	clip.Camera, clip.Start, clip.End = "dock-3", later(b.start, time.Duration(from)*time.Second), later(b.start, time.Duration(to)*time.Second)
	b.send(ingest.TopicClips, clip)
}

func (b *bubble) askRange(id string, from, to int, deadline *ingest.Time) {
	b.ask(ingest.Question{
		ID: id, Text: "a?", Camera: "dock-3", Start: later(b.start, time.Duration(from)*time.Second), End: later(b.start, time.Duration(to)*time.Second), Deadline: deadline,
	})
}

func TestARangeIsAnsweredOnceItsRecordingIsComplete(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		b.askRange("q-1", 5, 25, nil)
		b.askRange("q-2", 2, 8, nil)
		b.want("q-2 a dog 0 after 0s")
		b.pass(time.Second)
		b.record("c-2", "a cow", 10, 20)
		b.pass(time.Second)
		b.record("c-3", "a pig", 20, 30)
		b.want("q-2 a dog 0 after 0s", "q-1 a dog+a cow+a pig 0 after 2s")
		b.askRange("q-3", 12, 13, nil)
		b.want("q-2 a dog 0 after 0s", "q-1 a dog+a cow+a pig 0 after 2s", "q-3 a cow 0 after 2s")
	})
}

func TestARangeIsCompleteWhenItsCameraSaysSo(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		b.askRange("q-1", 5, 25, nil)
		b.pass(time.Second)
		b.send(ingest.TopicClips, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","type":"%s","id":"e","source":"/x","data":{"clip_id":"c-2","camera":"dock-3","end":%q}}`, ingest.TypeClipClosed, later(b.start, 25*time.Second))))
		b.want("q-1 a dog 0 after 1s")
		b.askRange("q-2", 10, 20, nil)
		b.want("q-1 a dog 0 after 1s", "q-2 no-footage 0 after 1s")
	})
}

func TestARangeIsAnsweredFromWhatThereIsWhenItsTimeIsOver(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		b.askRange("q-1", 5, 25, nil)
		b.askRange("q-2", 5, 25, later(b.start, 5*time.Second))
		b.askRange("q-3", 5, 25, later(b.start, time.Minute)) // longer than questions wait without a deadline
		b.askRange("q-4", 15, 25, later(b.start, 40*time.Second))
		b.pass(6 * time.Second)
		b.want("q-2 a dog (incomplete) 0 after 5s")
		b.pass(2 * time.Minute)
		b.want("q-2 a dog (incomplete) 0 after 5s", "q-1 a dog (incomplete) 0 after 30s", "q-4 no-footage 0 after 40s", "q-3 a dog (incomplete) 0 after 1m0s")
	})
}

func TestAClipOfARangeThatCannotBeHadIsTriedAgainBeforeItIsLeftOut(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		gone := ingest.Clip{ID: "c-2", URI: "file://" + filepath.Join(b.house.clips, "absent"), Camera: "dock-3", Start: later(b.start, 10*time.Second), End: later(b.start, 20*time.Second)}
		b.send(ingest.TopicClips, gone)
		b.askRange("q-1", 0, 20, nil)
		b.want()
		b.pass(time.Hour)
		b.want("q-1 a dog 0 after 10s") // the next attempt would come after the 30 s that a question waits
	})
}

func TestAStopDropsQuestionsThatHaveNoSlot(t *testing.T) {
	inBubble(t, func(b *bubble) {
		hold := make(chan struct{})
		b.house.asker.hold = hold
		b.stop()
		b.run(func(c *worker.Config) { c.Slots = 1 })
		for _, id := range []string{"c-1", "c-2"} {
			b.send(ingest.TopicClips, b.house.clip(id, "a dog"))
			b.ask(ingest.Question{ID: "q-" + id, Text: "a?", ClipID: id})
		}
		go b.stop()
		synctest.Wait()
		close(hold)
		synctest.Wait()
		b.want("q-c-1 a dog 0 after 0s")
		if b.finished() != 3 {
			t.Errorf("%d records are done, want 3: the clips and the question that was being asked", b.finished())
		}
		b.run(nil)
	})
}

func TestADroppableQuestionIsDroppedUnderOverload(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		b.house.asker.hold = make(chan struct{})
		b.run(func(c *worker.Config) { c.Slots, c.Queue = 1, 2 })
		for i := range 5 { // the first is asked, and the others wait
			clip := b.house.clip(fmt.Sprint("c-", i), "a dog")
			b.send(ingest.TopicClips, clip)
			q := ingest.Question{ID: fmt.Sprint("q-", i), Text: "a?", ClipID: clip.ID}
			if i%2 == 1 {
				q.OnOverload = ingest.Drop
			}
			b.ask(q)
		}
		b.want("q-1 overload 0 after 0s", "q-3 overload 0 after 0s")
		close(b.house.asker.hold)
		b.pass(time.Second)
		if got := b.got(b.start); len(got) != 5 {
			t.Errorf("published %q", got)
		}
	})
}

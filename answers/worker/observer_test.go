package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/internal/trace"
)

// A diary is a watch that writes down what it is told of each question, and
// hands it out when the question is put down.
type diary struct {
	pages chan string

	mu    sync.Mutex
	kinds []string // of dead letters
}

func (d *diary) Follow(q ingest.Question, _ time.Time, headers []ingest.Header) trace.Trace {
	return &page{diary: d, id: q.ID, headers: trace.Context(headers)}
}

func (d *diary) DeadLetter(kind string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kinds = append(d.kinds, kind)
}

type page struct {
	diary   *diary
	id      string
	headers []ingest.Header
	lines   []string
}

func (p *page) Begin(stage string) func(error) {
	return func(err error) {
		if err != nil {
			stage += " failed"
		}
		p.lines = append(p.lines, stage)
	}
}

func (p *page) Headers() []ingest.Header {
	return append(p.headers, ingest.Header{Key: "went", Value: []byte("on")})
}

func (p *page) End(disposition trace.Disposition, a ingest.Answer) {
	p.diary.pages <- fmt.Sprintf("%s: %s: %s %s", p.id, strings.Join(p.lines, ", "), disposition, a.Text)
}

func TestAnObserverFollowsEachQuestionFromRecordToOutcome(t *testing.T) {
	h := newHouse(t)
	d := &diary{pages: make(chan string, 16)}
	h.start(func(c *worker.Config) { c.Observer = d })
	expect := func(want string) {
		t.Helper()
		if got := <-d.pages; got != want {
			t.Errorf("told %q; want %q", got, want)
		}
	}
	parent := ingest.Header{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}

	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-0", "c-1", "is it there?") // it may come before its clip, and wait; once it is answered, the clip is known
	h.next()
	for told := ""; !strings.HasSuffix(told, "answered a dog"); {
		told = <-d.pages
	}
	h.send(h.topics.Questions, "c-1", ingest.Question{ID: "q-1", Text: "what is it?", ClipID: "c-1"}, parent)
	first, _, _ := h.next()
	expect("q-1: queue, fetch, publish: answered a dog")
	for _, want := range []ingest.Header{parent, {Key: "went", Value: []byte("on")}} {
		if got, _ := first.Header(want.Key); got != string(want.Value) {
			t.Errorf("the answer's header %s is %q; want %q", want.Key, got, want.Value)
		}
	}

	h.ask("q-1", "c-1", "what is it?")
	h.next()
	expect("q-1: publish: repeated ")
	h.ask("q-1", "c-1", "what else is it?")
	h.next()
	expect("q-1: publish: refused ")

	h.ask("q-2", "c-2", "what is it?")
	expect("q-2: : waiting ")
	h.sendClip(h.clip("c-2", "a cow"))
	h.next()
	expect("q-2: queue, fetch, publish: answered a cow")

	h.send(h.topics.Questions, "c-1", ingest.Question{ID: "q-3", Text: "what is it?", URI: "file:///etc/passwd"})
	dead, _, _ := h.next()
	expect("q-3: queue, fetch failed, publish: dead ")
	if got, _ := dead.Header("went"); got != "on" {
		t.Errorf("the dead letter's headers are %q", dead.Headers)
	}

	h.send(h.topics.Clips, "c-1", []byte("{"))
	h.next()
	d.mu.Lock()
	defer d.mu.Unlock()
	if want := []string{"conflict", "refused-uri", "bad-event"}; !slices.Equal(d.kinds, want) {
		t.Errorf("told of dead letters %q; want %q", d.kinds, want)
	}
}

func TestTraceHeadersPassThroughWithoutAnObserver(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	parent := ingest.Header{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")}
	h.send(h.topics.Questions, "c-1", ingest.Question{ID: "q-1", Text: "what is it?", ClipID: "c-1"}, parent)
	r, _, _ := h.next()
	if got, _ := r.Header("traceparent"); got != string(parent.Value) {
		t.Errorf("traceparent is %q; want the question's", got)
	}
}

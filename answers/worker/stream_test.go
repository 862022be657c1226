package worker_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// brokerFor returns the address of the broker that the tests run against: the
// one that VIDEOQA_TEST_KAFKA names, else one of our own.
func brokerFor(t *testing.T) string {
	if address := os.Getenv("VIDEOQA_TEST_KAFKA"); address != "" {
		return address
	}
	b, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.Addr()
}

// A house is a worker with everything it needs, on a broker. It can be started
// again on what it left.
type house struct {
	t      *testing.T
	broker string
	id     string
	topics worker.Topics
	dir    string
	clips  string
	asker  *asker
	client *kafka.Client // of those outside
	inside *kafka.Client // of the workers' group, which it does not join
	outbox chan ingest.Record

	grace, heartbeat time.Duration // of the workers' clients
	open             func(ctx context.Context, path string) (*sqlite.Store, error)
}

func newHouse(t *testing.T) *house { return newHouseOn(t, brokerFor(t)) }

// newHouseOn is a house with topics of its own on a broker that others may use.
func newHouseOn(t *testing.T, address string) *house {
	id := "t-" + rand.Text()
	h := &house{
		t: t, broker: address, id: id, dir: t.TempDir(), clips: t.TempDir(), asker: &asker{},
		topics: worker.Topics{Clips: id + ".clips", Questions: id + ".questions", Answers: id + ".answers", DeadLetters: id + ".dlq"},
		outbox: make(chan ingest.Record, 1024), grace: 5 * time.Second, open: sqlite.Open,
	}
	client, err := kafka.New(kafka.Config{Brokers: []string{h.broker}, Group: id + "-outside", Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	h.client = client
	if h.inside, err = kafka.New(kafka.Config{Brokers: []string{h.broker}, Group: id}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.client.Close(), h.inside.Close()); err != nil {
			t.Error(err)
		}
	})
	var topics []kafka.Topic
	for _, name := range []string{h.topics.Clips, h.topics.Questions, h.topics.Answers, h.topics.DeadLetters} {
		topics = append(topics, kafka.Topic{Name: name, Partitions: 2, Retention: time.Hour})
	}
	if err := client.Ensure(t.Context(), topics); err != nil {
		t.Fatal(err)
	}
	h.background("the reader of answers", func(ctx context.Context) error {
		return client.Consume(ctx, []string{h.topics.Answers, h.topics.DeadLetters}, func(_ context.Context, d *ingest.Delivery) {
			h.outbox <- d.Record
			d.Done()
		})
	})
	return h
}

// background runs do until the test ends, or stop is called, which waits for it.
func (h *house) background(what string, do func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := do(ctx); err != nil {
			h.t.Errorf("%s: %v", what, err)
		}
	}()
	stop = func() { cancel(); <-ended }
	h.t.Cleanup(stop)
	return stop
}

// start runs a worker; change may change its configuration.
func (h *house) start(change func(*worker.Config)) (stop func()) {
	h.t.Helper()
	db, err := h.open(h.t.Context(), filepath.Join(h.dir, "store.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	fetcher, err := media.New(media.Config{Roots: []string{h.clips}, SpoolDir: h.dir})
	if err != nil {
		h.t.Fatal(err)
	}
	client, err := kafka.New(kafka.Config{Brokers: []string{h.broker}, Group: h.id, Grace: h.grace, Heartbeat: h.heartbeat})
	if err != nil {
		h.t.Fatal(err)
	}
	cfg := worker.Config{Stream: client, Store: db, Media: fetcher, Asker: h.asker, Topics: h.topics, Grace: 5 * time.Second}
	if change != nil {
		change(&cfg)
	}
	w, err := worker.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	end := h.background("the worker", w.Run)
	var once sync.Once
	stop = func() {
		once.Do(func() {
			end()
			for _, close := range []func() error{db.Close, fetcher.Close, client.Close} {
				if err := close(); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	h.t.Cleanup(stop)
	return stop
}

// clip writes a clip's file and returns its event.
func (h *house) clip(id, content string) ingest.Clip {
	path := filepath.Join(h.clips, id)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return ingest.Clip{ID: id, URI: "file://" + path}
}

// send writes plain JSON, as any client would.
func (h *house) send(topic, key string, data any, headers ...ingest.Header) {
	h.t.Helper()
	value, ok := data.([]byte)
	if !ok {
		var err error
		if value, err = json.Marshal(data); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := h.client.Publish(h.t.Context(), ingest.Message{Topic: topic, Key: []byte(key), Value: value, Headers: headers}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) sendClip(c ingest.Clip) { h.t.Helper(); h.send(h.topics.Clips, c.ID, c) }

func (h *house) ask(id, clip, text string) {
	h.t.Helper()
	h.send(h.topics.Questions, clip, ingest.Question{ID: id, Text: text, ClipID: clip})
}

// next returns the next answer or dead letter.
func (h *house) next() (ingest.Record, ingest.Answer, ingest.DeadLetter) {
	h.t.Helper()
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	select {
	case r := <-h.outbox:
		var a ingest.Answer
		var d ingest.DeadLetter
		kind, _ := r.Header("ce_type")
		var err error
		if kind == ingest.TypeAnswer {
			err = json.Unmarshal(r.Value, &a)
		} else {
			err = json.Unmarshal(r.Value, &d)
		}
		if err != nil {
			h.t.Fatalf("%s: %v", r.Value, err)
		}
		return r, a, d
	case <-timeout.C:
		h.t.Fatal("no answer and no dead letter in 2 min")
		panic("unreachable")
	}
}

// An asker answers with the words of the file that it is given. It counts its
// calls, and can be held up or made to fail.
type asker struct {
	mu    sync.Mutex
	calls int
	sizes []int
	fail  func(call int, q ingest.Question) error
	hold  chan struct{} // not nil: every call waits until it is closed
	began chan struct{} // not nil: told of every call
}

func (a *asker) Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	a.mu.Lock()
	a.calls++
	call, fail, hold, began := a.calls, a.fail, a.hold, a.began
	a.sizes = append(a.sizes, len(questions))
	a.mu.Unlock()
	if began != nil {
		began <- struct{}{}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	text, err := contentOf(ctx, about)
	if err != nil {
		return nil, err
	}
	var results []answers.Result
	for _, q := range questions {
		if fail != nil {
			if err := fail(call, q); err != nil {
				results = append(results, answers.Result{Err: err})
				continue
			}
		}
		results = append(results, answers.Result{Answer: ingest.Answer{
			ID: fmt.Sprintf("a-%s-%d", q.ID, call), QuestionID: q.ID, Question: q.Text, Kind: q.AsKind(),
			Clips: []ingest.SeenClip{{ID: clipID(about)}},
			Text:  text,
		}})
	}
	return results, nil
}

// clipID is the id of the clip that is asked about; "": it has none, or there are several.
func clipID(about answers.About) string {
	s, _ := about.(answers.Subject)
	return s.ClipID
}

// contentOf reads what a subject's file says, or its files.
func contentOf(ctx context.Context, about answers.About) (string, error) {
	if s, is := about.(answers.Subject); is {
		text, err := io.ReadAll(io.NewSectionReader(s.Reader, 0, s.Size))
		return string(text), err
	}
	f := about.(answers.Footage)
	var texts []string
	for _, c := range f.Clips {
		file, err := c.Open(ctx)
		if err != nil && !f.Again {
			continue
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(io.NewSectionReader(file.Reader, 0, file.Size))
		if err := errors.Join(err, file.Close()); err != nil {
			return "", err
		}
		texts = append(texts, string(text))
	}
	content := strings.Join(texts, "+")
	if slices.Contains(f.Notes, ingest.Incomplete) {
		content += " (incomplete)"
	}
	return content, nil
}

func (a *asker) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

func TestAQuestionIsAnsweredOverTheStream(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	clip := h.clip("c-1", "a dog")
	clip.Camera = "dock-3"
	h.sendClip(clip)
	h.ask("q-1", "c-1", "what is it?")
	r, a, _ := h.next()
	if a.QuestionID != "q-1" || a.Text != "a dog" {
		t.Fatalf("%s", r.Value)
	}
	for key, want := range map[string]string{
		"ce_specversion": "1.0", "ce_type": ingest.TypeAnswer, "ce_id": a.ID, "ce_source": "/videoqa/videoqa", "ce_subject": "c-1", "content-type": "application/json",
	} {
		if got, _ := r.Header(key); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
	if string(r.Key) != "c-1" {
		t.Errorf("key %q, want the clip: the question names no camera", r.Key)
	}
}

func TestAQuestionMayComeBeforeItsClip(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	h.ask("q-1", "c-1", "what is it?")
	h.sendClip(h.clip("c-0", "another clip"))
	h.ask("q-0", "c-0", "what is it?")
	if _, a, _ := h.next(); a.QuestionID != "q-0" {
		t.Fatalf("%+v: a question that waits holds up the others", a)
	}
	h.sendClip(h.clip("c-1", "a cow"))
	if _, a, _ := h.next(); a.QuestionID != "q-1" || a.Text != "a cow" {
		t.Fatalf("%+v", a)
	}
}

// A halfway stream consumes, and does not get around to publish.
type halfway struct {
	worker.Stream
	reached chan []byte // the value that was to be published
}

func (s halfway) Publish(ctx context.Context, messages ...ingest.Message) error {
	s.reached <- messages[0].Value
	<-ctx.Done()
	return ctx.Err()
}

// The worst moment to end: the outcome is stored, and neither published nor
// committed. The next worker publishes the same bytes, though it would answer
// otherwise now.
func TestARestartBetweenStoringAndPublishingRepeatsTheStoredBytes(t *testing.T) {
	h := newHouse(t)
	reached := make(chan []byte, 1)
	stop := h.start(func(c *worker.Config) {
		c.Stream, c.Grace = halfway{c.Stream, reached}, time.Millisecond
	})
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	stored := <-reached
	stop()
	h.clip("c-1", "a cat") // the file changes behind our back
	h.start(nil)
	r, a, _ := h.next()
	if string(r.Value) != string(stored) || a.Text != "a dog" {
		t.Errorf("published %s\nstored    %s", r.Value, stored)
	}
	if n := h.asker.count(); n != 1 {
		t.Errorf("the question was asked %d times", n)
	}
	h.ask("q-2", "c-1", "what is it?")
	if _, a, _ := h.next(); a.QuestionID != "q-2" {
		t.Errorf("after it came %+v: the outcome was published twice", a)
	}
}

func TestAQuestionThatComesTwiceIsAnsweredOnceAndSaysTheSame(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	first, _, _ := h.next()
	h.ask("q-1", "c-1", "what is it?")
	second, _, _ := h.next()
	if string(first.Value) != string(second.Value) || h.asker.count() != 1 {
		t.Errorf("%s\n%s\nasked %d times", first.Value, second.Value, h.asker.count())
	}
	h.ask("q-1", "c-1", "what colour is it?")
	r, _, d := h.next()
	if d.ErrorKind != "conflict" || d.QuestionID != "q-1" || d.ClipID != "c-1" || d.Origin == nil || d.Origin.Topic != h.topics.Questions {
		t.Errorf("another request of the same id: %s", r.Value)
	}
	h.ask("q-1", "c-1", "what is it?")
	if third, _, _ := h.next(); string(third.Value) != string(first.Value) {
		t.Errorf("after a conflict the outcome is %s", third.Value)
	}
}

func TestMalformedEventsAreAccountedForAndHoldNothingUp(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	random := make([]byte, 1_000_000) // as much as a broker takes by default
	rand.Read(random)
	header := func(pairs ...string) (list []ingest.Header) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, ingest.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return list
	}
	binary := func(kind string) []ingest.Header {
		return header("ce_specversion", "1.0", "ce_type", kind, "ce_id", "e", "ce_source", "/x")
	}
	structured := header("content-type", "application/cloudevents+json")
	for i, tc := range []struct {
		value string
		kind  string
		more  []ingest.Header
	}{
		{"", "bad-event", nil},
		{"\x00\xff\xfe", "bad-event", nil},
		{string(random), "bad-event", nil},
		{"null", "bad-event", nil},
		{"[]", "bad-event", nil},
		{`"a?"`, "bad-event", nil},
		{"{", "bad-event", nil},
		{`{"question_id":"q-1"} {}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?"}`, "bad-event", nil},
		{`{"question_id":"q/1","question":"a?","clip_id":"c-1"}`, "bad-id", nil},
		{`{"question_id":"` + strings.Repeat("q", 129) + `","question":"a?","clip_id":"c-1"}`, "bad-id", nil},
		{`{"question_id":7,"question":"a?","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":["a?"],"clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"` + strings.Repeat("a", 1025) + `","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"","kind":"open","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","kind":"caption","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","kind":"poem","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","kind":"choice","clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","kind":"choice","choices":["a","a"],"clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","kind":"yesno","choices":["a","b"],"clip_id":"c-1"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","clip_id":"c-1","frames":65}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","clip_id":"c-1","uri":"file:///a"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","uri":"https://a.example/\u0000x"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","camera":"x"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","camera":"x","start":"2026-09-01T10:00:00Z","end":"2026-09-01T09:00:00Z"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","camera":"x y","start":"2026-09-01T10:00:00Z","end":"2026-09-01T11:00:00Z"}`, "bad-id", nil},
		{`{"question_id":"q-1","question":"a?","clip_id":"c-1","deadline":"soon"}`, "bad-event", nil},
		{`{"question_id":"q-1","question":"a?","clip_id":"c-1","on_overload":"panic"}`, "bad-event", nil},
		{`{"question_id":"q-1","note":"` + strings.Repeat("<&>", 70_000) + `"}`, "bad-event", nil}, // would be a megabyte, escaped
		{`{}`, "unknown-schema", binary("videoqa.question.asked.v2")},
		{`{}`, "unknown-schema", binary("com.example.order.created.v1")},
		{`{"question_id":"q-1","question":"a?","clip_id":"c-1"}`, "unknown-schema", header("ce_specversion", "0.3", "ce_type", ingest.TypeQuestionAsked)},
		{`{"specversion":"1.0","type":"videoqa.question.asked.v2","id":"e","source":"/x","data":{}}`, "unknown-schema", structured},
		{`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e","source":"/x","data":"a?"}`, "bad-event", structured},
		{`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e","source":"/x","time":"noon","data":{}}`, "bad-event", structured},
		{`[{"specversion":"1.0"}]`, "unknown-schema", header("content-type", "application/cloudevents-batch+json")},
		{`<question/>`, "unknown-schema", header("content-type", "application/cloudevents+xml")},
	} {
		h.send(h.topics.Questions, "c-1", []byte(tc.value), tc.more...)
		r, _, d := h.next()
		if d.ErrorKind != tc.kind || d.Reason == "" || d.Origin == nil || d.Origin.Topic != h.topics.Questions {
			t.Errorf("%.60q: %.300s", tc.value, r.Value)
			continue
		}
		if id, _ := r.Header("ce_id"); id != d.Origin.EventID() {
			t.Errorf("the dead letter's id %s is not that of its origin", id)
		}
		kept := string(d.Event) + string(d.EventBase64)
		if d.Truncated {
			tc.value = tc.value[:ingest.MaxDeadEventBytes]
		}
		if kept != tc.value {
			t.Errorf("of %d bytes %d are kept, or others", len(tc.value), len(kept))
		}
		id := fmt.Sprintf("q-after-%d", i)
		h.ask(id, "c-1", "what is it?")
		if _, a, _ := h.next(); a.QuestionID != id {
			t.Errorf("after %.60q: %+v", tc.value, a)
		}
	}
}

// A picky store has no room for one clip.
type picky struct{ store.Store }

func (p picky) PutClip(ctx context.Context, c ingest.Clip, at time.Time) error {
	if c.ID == "c-odd" {
		return fmt.Errorf("store: no room for such text: %w", fault.BadRequest)
	}
	return p.Store.PutClip(ctx, c, at)
}

// A clip that cannot be registered must not hold up those behind it.
func TestAClipThatCannotBeRegisteredIsADeadLetter(t *testing.T) {
	h := newHouse(t)
	h.start(func(c *worker.Config) { c.Store = picky{c.Store} })
	for value, kind := range map[string]string{`{"clip_id":"c-nul","uri":"https://a.example/\u0000x"}`: "bad-event", `{"clip_id":"c-odd","uri":"file:///odd"}`: "bad-request"} {
		h.send(h.topics.Clips, "c-1", []byte(value))
		if r, _, d := h.next(); d.ErrorKind != kind || string(d.Event) != value {
			t.Errorf("%s: %s", value, r.Value)
		}
	}
	h.send(h.topics.Clips, "c-1", h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	if _, a, _ := h.next(); a.Text != "a dog" {
		t.Errorf("after it: %+v", a)
	}
}

func TestADeletedClipIsGone(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	clip := h.clip("c-1", "a dog")
	h.sendClip(clip)
	h.ask("q-1", "c-1", "what is it?")
	h.next()
	h.send(h.topics.Clips, "c-1", ingest.DeletedClip{ID: "c-1"},
		ingest.Header{Key: "ce_specversion", Value: []byte("1.0")}, ingest.Header{Key: "ce_type", Value: []byte(ingest.TypeClipDeleted)})
	// An older event cannot bring it back. It goes the same way, so when the next clip is known, it has been read.
	h.send(h.topics.Clips, "c-1", clip,
		ingest.Header{Key: "ce_specversion", Value: []byte("1.0")}, ingest.Header{Key: "ce_type", Value: []byte(ingest.TypeClipCreated)}, ingest.Header{Key: "ce_time", Value: []byte("2020-01-01T00:00:00Z")})
	h.send(h.topics.Clips, "c-1", h.clip("c-2", "a cow"))
	h.ask("q-2", "c-2", "what is it?")
	h.next()
	h.ask("q-3", "c-1", "what is it?")
	if r, _, d := h.next(); d.ErrorKind != "unknown-clip" || !strings.Contains(d.Reason, "deleted") {
		t.Errorf("%s", r.Value)
	}
}

func TestADeadLetterSaysWhatIsWrongWithAClip(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	outside := ingest.Clip{ID: "c-out", URI: "file:///etc/passwd"}
	changed := h.clip("c-digest", "a dog")
	changed.Digest = "sha256:" + strings.Repeat("0", 64)
	empty := h.clip("c-empty", "")
	h.asker.fail = func(_ int, q ingest.Question) error {
		if q.ClipID == "c-empty" {
			return fmt.Errorf("frames: open: no video stream: %w", fault.BadVideo)
		}
		return nil
	}
	for _, tc := range []struct {
		clip ingest.Clip
		kind string
	}{{outside, "refused-uri"}, {changed, "digest-mismatch"}, {empty, "bad-video"}} {
		h.sendClip(tc.clip)
		h.ask("q-"+tc.clip.ID, tc.clip.ID, "what is it?")
		r, _, d := h.next()
		if d.ErrorKind != tc.kind || d.QuestionID != "q-"+tc.clip.ID || d.Attempts != 1 {
			t.Errorf("want %s: %s", tc.kind, r.Value)
		}
	}
}

// Two workers share the group; one goes away with a question in progress. It is
// answered once more by the other, to the same outcome.
func TestQuestionsOfAnEndedWorkerAreAnsweredByAnother(t *testing.T) {
	h := newHouse(t)
	h.asker.hold, h.asker.began = make(chan struct{}), make(chan struct{}, 1)
	stop := h.start(func(c *worker.Config) { c.Grace = time.Millisecond })
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	<-h.asker.began
	stop() // the Asker is called off; nothing is stored or committed
	h.asker = &asker{}
	h.start(nil)
	if _, a, _ := h.next(); a.QuestionID != "q-1" || h.asker.count() != 1 {
		t.Errorf("%+v after %d calls", a, h.asker.count())
	}
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/internal/fault"
	"videoqa/temporal"
)

// A parrot answers every question with the first word of its clip.
type parrot struct {
	fail error

	mu    sync.Mutex // slots ask side by side
	asked map[string]bool
}

func (p *parrot) Ask(_ context.Context, s worker.Subject, questions []ingest.Question) ([]worker.Result, error) {
	word := make([]byte, s.File.Size())
	if _, err := s.File.ReadAt(word, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	cache := ingest.CacheUse{FramesMiss: 2, Prefix: "miss"}
	if p.asked[s.Clip.ID] {
		cache = ingest.CacheUse{FramesHit: 2, Prefix: "hit"}
	}
	p.asked[s.Clip.ID] = true
	var results []worker.Result
	for _, q := range questions {
		results = append(results, worker.Result{Err: p.fail, Answer: ingest.Answer{
			ID: "a-" + q.ID, QuestionID: q.ID, Question: q.Text, Kind: q.AsKind(), Text: string(word), Score: 0.5,
			Clips:    []ingest.SeenClip{{ID: s.Clip.ID, Digest: s.File.Digest(), Start: s.Clip.Start}},
			Sampling: ingest.Sampling{Policy: "uniform", Requested: 2, Frames: []ingest.SeenFrame{{PTS: temporal.Seconds(0.5)}, {PTS: temporal.Seconds(1.5)}}},
			Cache:    cache,
		}})
	}
	return results, nil
}

func script() fs.FS {
	return fstest.MapFS{
		"cow.mp4": {Data: []byte("cow")}, "dog.mp4": {Data: []byte("dog")},
		"demo.json": {Data: []byte(`[
			{"file":"cow.mp4","camera":"yard","start":"2026-09-01T10:00:00Z","questions":[{"question":"what is it?"},{"question":"is there a cow?","kind":"yesno"}]},
			{"file":"dog.mp4","camera":"gate","questions":[{"question":"what is it?"},{"question":"which one?","kind":"choice","choices":["a dog","a cat"]},{"question":"","kind":"caption"}]}]`)},
	}
}

func TestTheDemoPrintsEveryAnswerAndLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out bytes.Buffer
	err := demo{files: script(), asker: &parrot{asked: map[string]bool{}}, log: slog.New(slog.DiscardHandler), out: &out}.run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"yard  cow.mp4  2026-09-01 10:00:00 UTC\n", "gate  dog.mp4  (its first question comes before the clip, and waits)\n",
		"cow  0.50  at 0.50 1.50 s  2 frames encoded", "the same        clip remembered", "(caption)", "5 of 5 questions on 2 clips answered",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v (%v)", left, err)
	}
}

func TestTheDemoFailsIfAQuestionHasNoAnswer(t *testing.T) {
	var out bytes.Buffer
	broken := &parrot{asked: map[string]bool{}, fail: fmt.Errorf("no frames: %w", fault.BadVideo)}
	err := demo{files: script(), asker: broken, log: slog.New(slog.DiscardHandler), out: &out}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "5 of 5") || !strings.Contains(out.String(), "no answer: bad-video") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestASecondProcessOnADataFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = stream{DataDir: dir, Listen: "127.0.0.1:0", Kafka: kafka.Config{Group: "g"}, Asker: &parrot{}}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another videoqa") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second process: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDataDir(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

// The whole of it: the command, its broker, a real clip, the built-in model, and
// a client that knows only the broker's address. Then all again on what is left.
func TestServeAnswersQuestionsAboutARealClip(t *testing.T) {
	folder, err := filepath.Abs("../../testdata/clips")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	clip := ingest.Clip{ID: "c-1", URI: "file://" + filepath.Join(folder, "cfr.mp4"), Camera: "dock-3"}
	questions := []ingest.Question{
		{ID: "q-1", Text: "what is it?", ClipID: "c-1"},
		{ID: "q-2", Text: "is there a cow?", Kind: ingest.YesNo, ClipID: "c-1"},
		{ID: "q-3", ClipID: "c-1"},
		{ID: "q-4", Text: "how many?", Kind: ingest.Count, URI: clip.URI},
		{ID: "q-5", Text: "what is it?", URI: "file:///etc/passwd"},
	}
	for run := range 2 {
		address, stop := serve(t, data, folder)
		got := exchange(t, address, fmt.Sprint("g-", run), clip, questions, run+1)
		for _, q := range questions[:4] {
			var a ingest.Answer
			if err := json.Unmarshal([]byte(got[q.ID]), &a); err != nil || a.ID == "" || a.Kind != q.AsKind() || len(a.Sampling.Frames) == 0 || a.Model.Name == "" {
				t.Errorf("%s: %s", q.ID, got[q.ID])
			}
		}
		if !strings.Contains(got["q-5"], `"error_kind":"refused-uri"`) {
			t.Errorf("q-5: %s", got["q-5"])
		}
		if status := stop(); status != 0 {
			t.Errorf("stopped by SIGTERM, serve exits with %d", status)
		}
	}
}

// exchange publishes a clip and questions, and reads with a new consumer group
// until each question has its outcome so many times: the same bytes every time.
func exchange(t *testing.T, address, group string, clip ingest.Clip, questions []ingest.Question, times int) map[string]string {
	t.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: group})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	publish := func(topic string, data any) {
		value, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Publish(t.Context(), ingest.Message{Topic: topic, Key: []byte("dock-3"), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	publish(ingest.TopicClips, clip)
	for _, q := range questions {
		publish(ingest.TopicQuestions, q)
	}
	got, reads, complete := map[string]string{}, map[string]int{}, 0
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	err = client.Consume(ctx, []string{ingest.TopicAnswers, ingest.TopicDeadLetters}, func(_ context.Context, d *ingest.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		var named struct {
			ID string `json:"question_id"`
		}
		if err := json.Unmarshal(d.Value, &named); err != nil {
			t.Error(err)
		}
		if first, again := got[named.ID]; again && first != string(d.Value) {
			t.Errorf("the outcome of %s is\n%s\nand then\n%s", named.ID, first, d.Value)
		}
		got[named.ID] = string(d.Value)
		if reads[named.ID]++; reads[named.ID] == times {
			complete++
		}
		d.Done()
		if complete == len(questions) {
			cancel()
		}
	})
	if err != nil || complete < len(questions) {
		t.Fatalf("outcomes read: %v, want each of %d questions %d times: %v", reads, len(questions), times, err)
	}
	return got
}

// await returns the first record of a topic.
func await(t *testing.T, address, group, topic string) (value string) {
	t.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: group})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var once sync.Once
	err = client.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) {
		once.Do(func() { value = string(d.Value) })
		d.Done()
		cancel()
	})
	if err != nil || value == "" {
		t.Fatalf("nothing came on %s: %v", topic, err)
	}
	return value
}

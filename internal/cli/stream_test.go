package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
)

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
		address, stop := serveOn(t, data, folder)
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

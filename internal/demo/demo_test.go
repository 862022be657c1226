package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/temporal"
)

// A parrot answers every question with the first word of its clip.
type parrot struct {
	fail error

	mu    sync.Mutex // slots ask side by side
	asked map[string]bool
}

func (p *parrot) Ask(_ context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	s := about.(answers.Subject)
	word := make([]byte, s.Size)
	if _, err := s.Reader.ReadAt(word, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	cache := ingest.CacheUse{FramesMiss: 2, Prefix: "miss"}
	if p.asked[s.ClipID] {
		cache = ingest.CacheUse{FramesHit: 2, Prefix: "hit"}
	}
	p.asked[s.ClipID] = true
	var results []answers.Result
	for _, q := range questions {
		results = append(results, answers.Result{Err: p.fail, Answer: ingest.Answer{
			ID: "a-" + q.ID, QuestionID: q.ID, Question: q.Text, Kind: q.AsKind(), Text: string(word), Score: 0.5,
			Clips:    []ingest.SeenClip{{ID: s.ClipID, Digest: s.Digest, Start: s.Start}},
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
	err := Run(t.Context(), Config{Files: script(), Asker: &parrot{asked: map[string]bool{}}, Log: slog.New(slog.DiscardHandler), Out: &out})
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
	err := Run(t.Context(), Config{Files: script(), Asker: broken, Log: slog.New(slog.DiscardHandler), Out: &out})
	if err == nil || !strings.Contains(err.Error(), "5 of 5") || !strings.Contains(out.String(), "no answer: bad-video") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

package worker_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"videoqa/answers/worker"
	"videoqa/ingest"
)

// A producer that misspells a field does so in all its events: one line a minute tells of it.
func TestMisspeltFieldsOfClipsAreLoggedOnceAMinute(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		var said bytes.Buffer // of which one goroutine at a time writes lines, and is waited for
		b.run(func(c *worker.Config) { c.Log = slog.New(slog.NewTextHandler(&said, nil)) })
		clip := map[string]string{"clip_id": "c-1", "uri": "file:///a", "camra": "dock-3"}
		for range 3 {
			b.send(ingest.TopicClips, clip)
		}
		if got := said.String(); strings.Count(got, "camra (did you mean camera?)") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, "event=vqa.clips.v1:0:1") {
			t.Errorf("after three events the log says\n%s", got)
		}
		said.Reset()
		b.pass(time.Minute)
		b.send(ingest.TopicClips, map[string]string{"clip_id": "c-2", "uri": "file:///a", "mine": "x"})
		if got := said.String(); strings.Contains(got, "ignored") {
			t.Errorf("of a field of the producer's own the log says\n%s", got)
		}
		b.send(ingest.TopicClips, clip)
		if got := said.String(); strings.Count(got, "camra (did you mean camera?)") != 1 || !strings.Contains(got, "other_events=2") {
			t.Errorf("a minute later the log says\n%s", got)
		}
	})
}

package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/ingest/media/spool"
)

// A question about an upload that another process has is left to that one, however
// long that takes within the question's patience, and no attempt is burnt.
func TestAQuestionAboutAnUploadElsewhereIsHandedOver(t *testing.T) {
	spoolDir := t.TempDir()
	inBubble(t, func(b *bubble) {
		here, err := spool.Open(spool.Config{Dir: spoolDir})
		if err != nil {
			t.Fatal(err)
		}
		apart := true
		start := func() {
			b.run(func(c *worker.Config) {
				c.Elsewhere = func() bool { return apart }
				if c.Media, err = media.New(media.Config{Spool: here}); err != nil {
					t.Fatal(err)
				}
				c.Wait = 10 * time.Minute
			})
		}
		b.stop()
		start()
		b.ask(ingest.Question{ID: "q-1", Text: "a?", URI: ingest.UploadURI("sha256:" + strings.Repeat("1", 64))})
		b.pass(5 * time.Minute)
		b.want()
		if w := b.told("q-1"); w.Attempts != 0 || !strings.Contains(w.Reason, "--spool-url") {
			t.Errorf("it waits: %+v", w)
		}
		// The other process, which has it, takes it from the store.
		b.stop()
		var taken int
		b.inStore(func(s *sqlite.Store) {
			rows, err := s.Take(context.Background(), time.Now().Add(3*time.Second), time.Now().Add(4*time.Second), 9)
			if err != nil {
				t.Fatal(err)
			}
			taken = len(rows)
		})
		if taken != 1 {
			t.Errorf("another process may take %d rows", taken)
		}
		// Where no other process can have it, it is absent as a file is.
		apart = false
		start()
		b.pass(3 * time.Minute)
		if got := b.got(b.start); len(got) != 1 || !strings.HasPrefix(got[0], "q-1 unreachable-uri 3 after ") {
			t.Errorf("published %q", got)
		}
	})
}

package worker_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/ingest"
	"videoqa/internal/eventually"
)

// spoil changes what is stored while no worker runs.
func (h *house) spoil(statement string) {
	h.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "store.db")+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(statement)
	if err != nil {
		h.t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n != 1 || err != nil {
		h.t.Fatalf("%s changes %d rows (%v)", statement, n, err)
	}
}

func TestADamagedOutcomeIsNotPublishedAgain(t *testing.T) {
	h := newHouse(t)
	stop := h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	if _, a, _ := h.next(); a.Text != "a dog" {
		t.Fatalf("%+v", a)
	}
	stop()
	h.spoil("UPDATE outcomes SET message = replace(CAST(message AS TEXT), 'YS', 'YQ') || ' ' WHERE question_id = 'q-1'")
	h.start(nil)
	h.ask("q-1", "c-1", "what is it?")
	if _, a, d := h.next(); d.ErrorKind != "damaged-record" || d.QuestionID != "q-1" {
		t.Errorf("asked again: %+v, %+v", a, d)
	}
	h.ask("q-2", "c-1", "what is it?") // and the stream goes on
	if _, a, d := h.next(); a.QuestionID != "q-2" {
		t.Errorf("the next one: %+v, %+v", a, d)
	}
	if n := h.asker.count(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestADamagedClipIsNotAskedAbout(t *testing.T) {
	h := newHouse(t)
	stop := h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	h.next()
	stop()
	h.spoil("UPDATE clips SET uri = replace(uri, 'c-1', 'c-2') WHERE clip_id = 'c-1'")
	h.start(nil)
	h.ask("q-2", "c-1", "what is it?")
	if _, a, d := h.next(); d.ErrorKind != "damaged-record" || d.QuestionID != "q-2" {
		t.Errorf("%+v, %+v", a, d)
	}
}

func TestADamagedWaitingQuestionIsADeadLetterAndDelaysNoOther(t *testing.T) {
	h := newHouse(t)
	stop := h.start(nil)
	h.ask("q-1", "c-1", "what is it?")
	h.ask("q-2", "c-1", "where is it?")
	h.change(func(s *sqlite.Store) {
		eventually.True(t, "both questions wait", func() bool {
			n, err := s.Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n == 2
		})
	})
	stop()
	h.spoil("UPDATE waiting SET record = replace(CAST(record AS TEXT), 'a', 'b') WHERE question_id = 'q-1'")
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	said := map[string]string{}
	for range 2 {
		_, a, d := h.next()
		said[a.QuestionID+d.QuestionID] = a.Text + d.ErrorKind
	}
	if said["q-1"] != "damaged-record" || said["q-2"] != "a dog" {
		t.Errorf("%v", said)
	}
	h.change(func(s *sqlite.Store) {
		o, _, err := s.Outcome(t.Context(), "q-1")
		m, parsed := ingest.ParseMessage(o.Message)
		if err != nil || o.State != store.Dead || parsed != nil || m.Topic != h.topics.DeadLetters {
			t.Errorf("the outcome of q-1 is %+v (%v, %v)", o, err, parsed)
		}
	})
}

func TestAWaitingQuestionThatCannotBeReadIsADeadLetter(t *testing.T) {
	h := newHouse(t)
	h.start(nil)() // makes the store
	h.change(func(s *sqlite.Store) {
		long := time.Now().Add(-24 * time.Hour)
		row := store.Row{QuestionID: "q-1", Request: "h", Record: ingest.Record{Value: []byte(`{"type": "videoqa.clip.closed.v1"}`)}, Due: long, FirstSeen: long}
		if _, _, err := s.Wait(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	})
	h.start(nil)
	if _, _, d := h.next(); d.QuestionID != "q-1" || d.ErrorKind != "damaged-record" {
		t.Errorf("%+v", d)
	}
}

package worker_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// change opens the store beside the worker, as a command of the operator's does.
func (h *house) change(do func(s *sqlite.Store)) {
	h.t.Helper()
	db, err := sqlite.Join(h.t.Context(), filepath.Join(h.dir, "store.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	do(db)
}

func (h *house) sendDeletion(id string) {
	h.t.Helper()
	h.send(h.topics.Clips, id, ingest.DeletedClip{ID: id}, ofDeletion...)
}

// ofDeletion says what an event is whose data could be any clip's.
var ofDeletion = []ingest.Header{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte(ingest.TypeClipDeleted)}}

func TestADeadQuestionThatIsReplayedIsAnsweredUnderItsOwnName(t *testing.T) {
	h := newHouse(t)
	broken := true
	h.asker.fail = func(call int, q ingest.Question) error {
		if call == 1 && broken {
			return fmt.Errorf("its head is torn off: %w", fault.BadVideo)
		}
		return nil
	}
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	_, _, d := h.next()
	if d.ErrorKind != "bad-video" {
		t.Fatalf("%+v", d)
	}
	h.change(func(s *sqlite.Store) {
		listed, err := s.Dead(t.Context(), "", 10)
		page := listed.Outcomes
		if err != nil || len(page) != 1 {
			t.Fatalf("%+v, %v", listed, err)
		}
		row := store.Row{
			QuestionID: "q-1", Request: page[0].Request, Replaces: store.MessageHash(page[0].Message), Due: time.Now(), FirstSeen: time.Now(),
			Record: ingest.Record{Origin: *d.Origin, Value: d.Event},
		}
		if _, ok, err := s.Replay(t.Context(), row); !ok || err != nil {
			t.Fatalf("not replayed: %v", err)
		}
	})
	if _, a, d := h.next(); a.QuestionID != "q-1" || a.Text != "a dog" {
		t.Fatalf("%+v %+v", a, d)
	}
	h.ask("q-1", "c-1", "what is it?") // from now on that is its outcome
	if _, a, _ := h.next(); a.Text != "a dog" || h.asker.count() != 2 {
		t.Errorf("%+v after %d calls", a, h.asker.count())
	}
}

func TestAnAnswerAboutADeletedClipIsNotPublishedAgain(t *testing.T) {
	h := newHouse(t)
	h.start(nil)
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	h.next()
	h.sendDeletion("c-1")
	h.send(h.topics.Clips, "c-1", h.clip("c-2", "a cow")) // it goes the same way, so when this is known, that has been read
	h.ask("q-2", "c-2", "what is it?")
	h.next()
	h.ask("q-1", "c-1", "what is it?")
	h.ask("q-3", "c-1", "what is it?")
	if r, a, d := h.next(); d.QuestionID != "q-3" || d.ErrorKind != "unknown-clip" {
		t.Errorf("%s %+v: the erased answer must not be published", r.Value, a)
	}
}

func TestAClipThatIsDeletedWhileItIsAskedAboutGivesNoAnswer(t *testing.T) {
	h := newHouse(t)
	h.asker.hold, h.asker.began = make(chan struct{}), make(chan struct{}, 1)
	h.start(func(c *worker.Config) { c.Slots = 1 })
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	<-h.asker.began
	h.change(func(s *sqlite.Store) {
		if err := s.DeleteClip(t.Context(), "c-1", time.Now()); err != nil {
			t.Fatal(err)
		}
	})
	close(h.asker.hold)
	if r, _, d := h.next(); d.ErrorKind != "unknown-clip" || !strings.Contains(d.Reason, "deleted") {
		t.Errorf("%s", r.Value)
	}
}

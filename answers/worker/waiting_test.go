package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// told is what is said of a question that waits.
func (b *bubble) told(id string) (w ingest.Waiting) {
	b.t.Helper()
	b.inStore(func(s *sqlite.Store) {
		q, found, err := s.WaitingFor(context.Background(), id)
		if err != nil || !found {
			b.t.Errorf("%s waits: %v (%v)", id, found, err)
		}
		w = q.Waiting(time.Now())
	})
	return w
}

func (b *bubble) seconds(t *ingest.Time) string {
	if t == nil {
		return "-"
	}
	return t.Sub(b.start).Round(time.Second).String()
}

func TestAQuestionThatWaitsSaysWhy(t *testing.T) {
	inBubble(t, func(b *bubble) {
		for _, c := range []ingest.Clip{
			{ID: "c-open", Camera: "open", Start: later(b.start, 0)},
			{ID: "c-timeless", Camera: "timeless"},
			{ID: "c-short", Camera: "short", Start: later(b.start, 0), End: later(b.start, 5*time.Second)},
		} {
			c.URI = "file://" + b.house.clips + "/" + c.ID
			b.send(ingest.TopicClips, c)
		}
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-absent", URI: "file://" + b.house.clips + "/absent.mp4"})
		b.pass(time.Second)
		ask := func(id string, q ingest.Question) {
			q.ID, q.Text = id, "a?"
			if q.Camera != "" {
				q.Start, q.End = later(b.start, 0), later(b.start, 10*time.Second)
			}
			b.ask(q)
		}
		ask("q-clip", ingest.Question{ClipID: "c-later"})
		ask("q-deadline", ingest.Question{ClipID: "c-later", Deadline: later(b.start, 20*time.Second)})
		ask("q-open", ingest.Question{Camera: "open"})
		ask("q-timeless", ingest.Question{Camera: "timeless"})
		ask("q-short", ingest.Question{Camera: "short"})
		ask("q-none", ingest.Question{Camera: "none"})
		ask("q-absent", ingest.Question{ClipID: "c-absent"})
		for _, tc := range []struct {
			id, waitsFor, next, deadline string
			attempts                     int
			reason                       []string
		}{
			{"q-clip", "clip", "31s", "31s", 0, []string{"c-later", "vqa.clips.v1", "POST /v1/clips"}},
			{"q-deadline", "clip", "20s", "20s", 0, []string{"c-later"}},
			{"q-open", "footage", "31s", "31s", 0, []string{"clip c-open of it has no end", "videoqa.clip.closed.v1", "/v1/clips/c-open/close"}},
			{"q-timeless", "footage", "31s", "31s", 0, []string{"clip c-timeless of it has no start", "start and end"}},
			{"q-short", "footage", "31s", "31s", 0, []string{"has come to", "range ends at", "end", "videoqa.clip.closed.v1"}},
			{"q-none", "footage", "31s", "31s", 0, []string{"up to when none was recorded", "start and end", "videoqa.clip.closed.v1"}},
			{"q-absent", "attempt", "11s", "-", 1, []string{"absent.mp4", "no such file"}},
		} {
			w := b.told(tc.id)
			if w.For != tc.waitsFor || b.seconds(w.Since) != "1s" || b.seconds(w.NextAttempt) != tc.next || b.seconds(w.Deadline) != tc.deadline || w.Attempts != tc.attempts || !slices.Contains(ingest.WaitsFor(), w.For) {
				t.Errorf("%s: %+v, next %s, deadline %s; want %+v", tc.id, w, b.seconds(w.NextAttempt), b.seconds(w.Deadline), tc)
			}
			for _, want := range tc.reason {
				if !strings.Contains(w.Reason, want) {
					t.Errorf("%s waits because %q; want %q in it", tc.id, w.Reason, want)
				}
			}
		}
	})
}

// The dead letter says what was missing, as the question did while it waited.
func TestNoFootageNamesWhatIsMissing(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-9", URI: "file://" + b.house.clips + "/c-9", Camera: "dock-3", Start: later(b.start, 0)})
		b.ask(ingest.Question{ID: "q-1", Text: "a?", Camera: "dock-3", Start: later(b.start, time.Second), End: later(b.start, 2*time.Second)})
		b.pass(31 * time.Second)
		b.want("q-1 no-footage 0 after 30s")
		b.inStore(func(s *sqlite.Store) {
			o, _, err := s.Outcome(context.Background(), "q-1")
			if err != nil {
				t.Error(err)
			}
			m, err := ingest.ParseMessage(o.Message)
			if err != nil || !strings.Contains(string(m.Value), "clip c-9 of it has no end") || !strings.Contains(string(m.Value), "/v1/clips/c-9/close") {
				t.Errorf("%s (%v)", m.Value, err)
			}
		})
	})
}

// A name that nobody will ever put there is given up after a minute; what may only be
// down is not.
func TestAnAbsentFileIsTriedForAMinute(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-1", URI: "file://" + b.house.clips + "/absent.mp4"})
		b.send(ingest.TopicClips, b.house.clip("c-2", "a dog"))
		b.house.asker.fail = func(_ int, q ingest.Question) error {
			if q.ID == "q-2" {
				return fmt.Errorf("the server answers 502: %w", fault.UnreachableURI)
			}
			return nil
		}
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.ask(ingest.Question{ID: "q-2", Text: "a?", ClipID: "c-2"})
		b.pass(15 * time.Minute)
		b.want("q-1 unreachable-uri 3 after 1m0s", "q-2 unreachable-uri 4 after 11m10s")
	})
}

// Of a range, a clip that stays absent is left out, and takes nothing else along.
func TestAnAbsentClipOfARangeIsLeftOut(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.record("c-1", "a dog", 0, 10)
		b.send(ingest.TopicClips, ingest.Clip{ID: "c-2", URI: "file://" + b.house.clips + "/absent.mp4", Camera: "dock-3", Start: later(b.start, 10*time.Second), End: later(b.start, 20*time.Second)})
		b.askRange("q-1", 5, 15, nil)
		b.pass(15 * time.Minute)
		if got := b.got(b.start); len(got) != 1 || strings.Contains(got[0], "unreachable") || strings.Contains(got[0], "11m") {
			t.Errorf("published %q", got)
		}
	})
}

// Whatever is refused without being a question's outcome is in the store as well, once
// however often it is read.
func TestADeadLetterWithoutAQuestionIsStored(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.send(ingest.TopicQuestions, "no event") // record 1
		b.send(ingest.TopicQuestions, map[string]any{"question_id": "not an id", "question": "a?", "clip_id": "c-1"})
		b.ask(ingest.Question{ID: "q-1", Text: "a?", ClipID: "c-1"})
		b.ask(ingest.Question{ID: "q-1", Text: "b?", ClipID: "c-1"})
		b.send(ingest.TopicClips, map[string]any{"clip_id": "c-1"})
		b.next = 0
		b.send(ingest.TopicQuestions, "no event") // the first again
		b.pass(time.Second)
		var got []string
		b.inStore(func(s *sqlite.Store) {
			page, next, err := s.Letters(context.Background(), "", 100)
			if err != nil || next != "" {
				t.Fatal(next, err)
			}
			for _, l := range page {
				for _, kind := range fault.Names() {
					if m, err := ingest.ParseMessage(l.Message); err == nil && strings.Contains(string(m.Value), `"error_kind":"`+kind+`"`) {
						got = append(got, l.ID+" "+kind)
					}
				}
			}
		})
		slices.Sort(got)
		origin := func(topic string, n int64) string { return store.LetterID(ingest.Origin{Topic: topic, Offset: n}) }
		want := []string{
			origin(ingest.TopicClips, 5) + " bad-event",
			origin(ingest.TopicQuestions, 1) + " bad-event", origin(ingest.TopicQuestions, 2) + " bad-id", origin(ingest.TopicQuestions, 4) + " conflict",
		}
		if !slices.Equal(got, want) {
			t.Errorf("stored are %q\nwant       %q", got, want)
		}
		if n := len(b.got(b.start)); n != 5 {
			t.Errorf("%d dead letters were published, want 5", n)
		}
	})
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

func overlapping(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	for i, c := range []ingest.Clip{
		{ID: "c-2", Camera: "x", Start: moment(10), End: moment(20)},
		{ID: "c-1", Camera: "x", Start: moment(0), End: moment(10)},
		{ID: "c-3", Camera: "x", Start: moment(15), End: moment(40)},
		{ID: "c-4", Camera: "y", Start: moment(0), End: moment(99)},
		{ID: "c-5", Camera: "x", Start: moment(12)}, // still being recorded
		{ID: "c-6", Camera: "x", Start: moment(0), End: moment(99)},
	} {
		c.URI = fmt.Sprintf("file:///%d", i)
		must(t, s.PutClip(ctx, c, at(0)))
	}
	must(t, s.DeleteClip(ctx, "c-6", at(1)))
	for _, tc := range []struct {
		from, to int
		want     []string
	}{{0, 10, []string{"c-1"}}, {9, 16, []string{"c-1", "c-2", "c-3"}}, {10, 15, []string{"c-2"}}, {20, 40, []string{"c-3"}}, {40, 50, nil}, {-5, 0, nil}} {
		clips, err := s.Overlapping(ctx, "x", at(tc.from), at(tc.to))
		var got []string
		for _, c := range clips {
			got = append(got, c.ID)
		}
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%d to %d s overlaps %v (%v); want %v", tc.from, tc.to, got, err, tc.want)
		}
	}
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-5", End: moment(14)}, at(2)))
	if clips, err := s.Overlapping(ctx, "x", at(13), at(14)); err != nil || len(clips) != 2 || clips[1].ID != "c-5" || !clips[1].End.Equal(at(14)) {
		t.Errorf("a clip that was closed is %+v (%v)", clips, err)
	}
}

func reached(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	want := func(camera string, seconds int) {
		t.Helper()
		got, known, err := s.Reached(ctx, camera)
		if err != nil || known != (seconds > 0) || known && !got.Equal(at(seconds)) {
			t.Errorf("%s has come to %v, %v (%v); want %d s", camera, got, known, err, seconds)
		}
	}
	want("x", 0)
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1", Camera: "x", Start: moment(0)}, at(0)))
	want("x", 0)
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-1", End: moment(10)}, at(1))) // its camera is known
	want("x", 10)
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-0", URI: "file:///0", Camera: "x", Start: moment(0), End: moment(5)}, at(2)))
	want("x", 10)
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-9", Camera: "x", End: moment(30)}, at(3))) // a clip that nobody announced
	want("x", 30)
	must(t, s.DeleteClip(ctx, "c-9", at(4)))
	s = reopen()
	want("x", 30)
	want("y", 0)
}

func dead(id, text string) store.Outcome {
	return store.Outcome{QuestionID: id, Request: "h", State: store.Dead, Message: []byte(text)}
}

func replay(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	_, _, err := s.Settle(ctx, dead("q-1", "unreachable"))
	must(t, err)
	_, _, err = s.Settle(ctx, answered("q-2", "h", "yes"))
	must(t, err)
	again := row("q-1", 0)
	for what, r := range map[string]store.Row{"no dead letter named": again, "an answered question": row("q-2", 0), "a question that nobody asked": row("q-3", 0)} {
		if what != "no dead letter named" {
			r.Replaces = store.MessageHash([]byte("yes"))
		}
		if _, ok, err := s.Replay(ctx, r); ok || err != nil {
			t.Errorf("%s was put back (%v)", what, err)
		}
	}
	again.Replaces = store.MessageHash([]byte("unreachable"))
	for i := range 2 { // the second finds it there
		if stored, ok, err := s.Replay(ctx, again); ok != (i == 0) || err != nil || stored.State != store.Dead {
			t.Errorf("replay %d: %+v, %v, %v", i, stored, ok, err)
		}
	}
	s = reopen()
	rows, err := s.Take(ctx, at(0), at(1), 10)
	if err != nil || len(rows) != 1 || rows[0].Replaces != again.Replaces {
		t.Fatalf("taken %+v, %v", rows, err)
	}
	if _, fresh, err := s.Settle(ctx, answered("q-1", "h", "no")); fresh || err != nil {
		t.Errorf("a dead outcome made room for any answer (%v)", err)
	}
	for i, text := range []string{"no", "maybe"} { // only the first replaces that dead letter
		o := answered("q-1", "h", text)
		o.Replaces = again.Replaces
		if stored, fresh, err := s.Settle(ctx, o); err != nil || fresh != (i == 0) || string(stored.Message) != "no" || stored.State != store.Answered {
			t.Errorf("settling a replayed question with %s: %+v, %v, %v", text, stored, fresh, err)
		}
	}
}

func about(id, text, camera string, from, to int, clips ...string) store.Outcome {
	o := answered(id, "h", text)
	o.About = store.About{AnswerID: "a-" + id, Camera: camera, ClipIDs: clips, Start: at(from), End: at(to)}
	return o
}

func texts(page []store.Outcome) (list []string) {
	for _, o := range page {
		list = append(list, string(o.Message))
	}
	return list
}

func listing(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	timeless := answered("q-t", "h", "timeless")
	timeless.About = store.About{AnswerID: "a-t", Camera: "x"}
	for _, o := range []store.Outcome{about("q-1", "one", "x", 0, 10), about("q-2", "two", "x", 10, 20), about("q-3", "three", "y", 0, 10), timeless, dead("q-4", "four"), dead("q-5", "five")} {
		_, _, err := s.Settle(ctx, o)
		must(t, err)
	}
	if o, found, err := s.Answer(ctx, "a-q-2"); !found || err != nil || string(o.Message) != "two" {
		t.Errorf("answer a-q-2 is %+v, %v (%v)", o, found, err)
	}
	for _, id := range []string{"", "a-none"} {
		if o, found, err := s.Answer(ctx, id); found || err != nil {
			t.Errorf("answer %q is %+v (%v)", id, o, err)
		}
	}
	for _, tc := range []struct {
		query store.AnswerQuery
		want  []string // in any order: they may have been stored in one millisecond
	}{
		{store.AnswerQuery{}, []string{"one", "three", "timeless", "two"}},
		{store.AnswerQuery{Camera: "x"}, []string{"one", "timeless", "two"}},
		{store.AnswerQuery{Camera: "x", From: at(10)}, []string{"two"}},
		{store.AnswerQuery{Camera: "x", To: at(10)}, []string{"one"}},
		{store.AnswerQuery{From: at(9), To: at(11)}, []string{"one", "three", "two"}},
		{store.AnswerQuery{Camera: "z"}, nil},
	} {
		got := paged(t, func(cursor string) (store.Page, error) {
			q := tc.query
			q.Cursor, q.Limit = cursor, 2
			return s.Answers(ctx, q)
		})
		if slices.Sort(got); !slices.Equal(got, tc.want) {
			t.Errorf("%+v lists %v; want %v", tc.query, got, tc.want)
		}
	}
	got := paged(t, func(cursor string) (store.Page, error) { return s.Dead(ctx, cursor, 1) })
	if slices.Sort(got); !slices.Equal(got, []string{"five", "four"}) {
		t.Errorf("dead are %v", got)
	}
	if _, err := s.Dead(ctx, "nonsense!", 1); !errors.Is(err, fault.BadRequest) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

// paged turns all pages of a list.
func paged(t *testing.T, list func(cursor string) (store.Page, error)) (all []string) {
	t.Helper()
	for cursor, pages := "", 0; ; pages++ {
		page, err := list(cursor)
		must(t, err)
		all = append(all, texts(page.Outcomes)...)
		if cursor = page.Next; cursor == "" {
			return all
		}
		if pages > 10 {
			t.Fatal("the list does not end")
		}
	}
}

func erased(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1"}, at(5)))
	for _, o := range []store.Outcome{about("q-1", "one", "x", 0, 10, "c-1"), about("q-2", "two", "x", 0, 10, "c-2"), about("q-3", "three", "x", 0, 10, "c-1", "c-2"), dead("q-4", "four")} {
		_, _, err := s.Settle(ctx, o)
		must(t, err)
	}
	must(t, s.DeleteClip(ctx, "c-1", at(1))) // older than the clip: nothing is deleted
	if o, _, err := s.Outcome(ctx, "q-1"); err != nil || o.State != store.Answered {
		t.Errorf("a deletion that came too late erased an answer: %+v (%v)", o, err)
	}
	must(t, s.DeleteClip(ctx, "c-1", at(6)))
	for id, want := range map[string]store.State{"q-1": store.Erased, "q-2": store.Answered, "q-3": store.Erased, "q-4": store.Dead} {
		o, found, err := s.Outcome(ctx, id)
		if err != nil || !found || o.State != want || (len(o.Message) == 0) != (want == store.Erased) || o.Request != "h" {
			t.Errorf("%s is %+v, %v (%v); want %s", id, o, found, err, want)
		}
	}
	if o, found, err := s.Answer(ctx, "a-q-1"); found || err != nil {
		t.Errorf("an erased answer is found: %+v (%v)", o, err)
	}
	if page, err := s.Answers(ctx, store.AnswerQuery{}); err != nil || !slices.Equal(texts(page.Outcomes), []string{"two"}) {
		t.Errorf("the answers are %v (%v)", texts(page.Outcomes), err)
	}
	if stored, fresh, err := s.Settle(ctx, about("q-1", "again", "x", 0, 10, "c-2")); fresh || err != nil || stored.State != store.Erased || stored.QuestionID != "q-1" {
		t.Errorf("an erased question was answered again: %+v (%v)", stored, err)
	}
	if stored, fresh, err := s.Settle(ctx, about("q-9", "late", "x", 0, 10, "c-2", "c-1")); fresh || err != nil || stored.State != store.Erased || stored.QuestionID != "" {
		t.Errorf("an answer about a deleted clip was stored: %+v (%v)", stored, err)
	}
	if o, found, err := s.Outcome(ctx, "q-9"); found || err != nil {
		t.Errorf("and left %+v (%v)", o, err)
	}
	if _, fresh, err := s.Settle(ctx, dead("q-9", "its clip was deleted")); !fresh || err != nil {
		t.Errorf("then its dead letter was not stored (%v)", err)
	}
}

func prune(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1"}, at(0)))
	must(t, s.DeleteClip(ctx, "c-2", at(0)))
	_, _, err := s.Settle(ctx, about("q-1", "one", "x", 0, 10, "c-1"))
	must(t, err)
	for _, id := range []string{"q-2", "q-3"} {
		_, _, err = s.Wait(ctx, row(id, 10))
		must(t, err)
	}
	_, _, err = s.Settle(ctx, answered("q-3", "h", "three")) // its row is still there: it is not published
	must(t, err)
	if pruned, err := s.Prune(ctx, time.Now().Add(-time.Hour)); err != nil || pruned != (store.Pruned{}) {
		t.Errorf("of what is new, %+v was forgotten (%v)", pruned, err)
	}
	_, err = s.Claim(ctx, "x", "y")
	must(t, err)
	pruned, err := s.Prune(ctx, time.Now().Add(time.Hour))
	if err != nil || pruned != (store.Pruned{Outcomes: 1, Clips: 2, Claims: 1}) {
		t.Errorf("%+v was forgotten (%v); want one outcome, a clip, a tombstone and a claim", pruned, err)
	}
	for id, want := range map[string]bool{"q-1": false, "q-2": true, "q-3": true} {
		if o, found, err := s.Outcome(context.Background(), id); found != want || err != nil {
			t.Errorf("%s is %+v, %v (%v)", id, o, found, err)
		}
	}
	wantClip(t, s, "c-1", "", store.Unknown)
	wantClip(t, s, "c-2", "", store.Unknown)
	if got := take(t, s, 10, 20); len(got) != 2 {
		t.Errorf("%v wait; want both", got)
	}
}

func claims(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	if _, found, err := s.Claimed(ctx, "n"); found || err != nil {
		t.Errorf("a claim from nowhere (%v)", err)
	}
	var group sync.WaitGroup
	got := make([]string, 16)
	for i := range got {
		group.Go(func() {
			var err error
			if got[i], err = s.Claim(ctx, "n", fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if slices.Sort(got); got[0] != got[15] {
		t.Errorf("claimed by %v", got)
	}
	s = reopen()
	if content, found, err := s.Claimed(ctx, "n"); !found || content != got[0] || err != nil {
		t.Errorf("%q, %v, %v", content, found, err)
	}
	for range 2 {
		must(t, s.Unclaim(ctx, "n"))
	}
	if _, found, err := s.Claimed(ctx, "n"); found || err != nil {
		t.Errorf("claimed after all (%v)", err)
	}
}

// noRoom: text that a database cannot hold is wrong, whoever sent it, and will stay
// wrong; it must not look as if the store were down, which is waited for.
func noRoom(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	for _, text := range []string{"a\x00b", "a\xffb"} {
		_, _, err := s.Clip(ctx, text)
		_, _, read := s.Outcome(ctx, text)
		put := s.PutClip(ctx, ingest.Clip{ID: "c-" + text, URI: text}, at(1))
		for _, err := range []error{err, read, put} {
			if fault.Judge(err).Retry {
				t.Errorf("%q: %v is worth another attempt", text, err)
			}
		}
	}
}

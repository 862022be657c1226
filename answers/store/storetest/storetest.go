// Package storetest is what every store must do.
//
//	func TestStore(t *testing.T) { storetest.Run(t, open) }
//
// open returns a new, empty store; reopen closes it and opens what it left, as
// after the end of its process.
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/eventually"
)

// Open returns an empty store, and what opens it again.
type Open func(t *testing.T) (s store.Store, reopen func() store.Store)

// Run holds a store to the laws of package store.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		do   func(*testing.T, Open)
	}{
		{"a clip is what its latest event says, in whatever order they come", latestEvent},
		{"a deleted clip is unknown no longer, and not known", deletedClip},
		{"deletions are listed in the order in which they were seen", deletions},
		{"footage of a range is found clip by clip", overlapping},
		{"a camera has come as far as its latest event says", reached},
		{"a question has one outcome", oneOutcome},
		{"of many that settle a question at once, one does", settleRace},
		{"an outcome may wait first", waitFirst},
		{"rows are taken when they are due, by one", takeDue},
		{"many wait and leave at once, each by itself", waitAll},
		{"who waits for a turn is taken for that only", takeTurns},
		{"many are settled at once, each by itself", settleAll},
		{"a clip wakes who waits for it", wake},
		{"a dead question is asked again once, and answered in place of its dead letter", replay},
		{"answers are found by id, and listed page by page", listing},
		{"a deleted clip takes its answers along", erased},
		{"what is old is forgotten, and what waits is not", prune},
		{"of many that claim a name at once, one does", claims},
		{"what a store has no room for is refused for good", noRoom},
		{"an upload is unused when the last clip that names it is deleted, or names another", clipsUse},
		{"an upload is used by questions and requests, for good or for a time", othersUse},
		{"an upload that is being removed is not used again before it is gone", removing},
		{"a use of an upload that begins while others end is not overlooked", useRace},
		{"dead letters that are no question's outcome are listed page by page", letters},
		{"processes that serve from one store see each other", processes},
		{"what waits is listed, with the reason, and stays", waitList},
		{"clips are listed by camera and time, page by page", clipList},
		{"everything is there after a restart, and free to be taken", restart},
	} {
		t.Run(test.name, func(t *testing.T) { test.do(t, open) })
	}
}

var day = time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return day.Add(time.Duration(seconds) * time.Second) }

func moment(seconds int) *ingest.Time {
	t := ingest.NewTime(at(seconds))
	return &t
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantClip(t *testing.T, s store.Clips, id, uri string, want store.ClipState) {
	t.Helper()
	c, state, err := s.Clip(context.Background(), id)
	if err != nil || state != want || c.URI != uri {
		t.Errorf("clip %s is %+v, state %d (%v); want %q, state %d", id, c, state, err, uri, want)
	}
}

func latestEvent(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	events := []func(id string) error{
		func(id string) error { return s.PutClip(ctx, ingest.Clip{ID: id, URI: "file:///1"}, at(1)) },
		func(id string) error { return s.DeleteClip(ctx, id, at(2)) },
		func(id string) error { return s.PutClip(ctx, ingest.Clip{ID: id, URI: "file:///3"}, at(3)) },
		func(id string) error { return s.CloseClip(ctx, ingest.ClosedClip{ID: id, End: moment(9)}, at(4)) },
	}
	for seed := range uint64(24) {
		id := fmt.Sprintf("c-%d", seed)
		order := rand.New(rand.NewPCG(seed, 1)).Perm(len(events))
		for _, i := range append(order, order...) { // and each of them twice
			must(t, events[i](id))
		}
		wantClip(t, s, id, "file:///3", store.Known)
	}
}

func deletedClip(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	wantClip(t, s, "c-1", "", store.Unknown)
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-1"}, at(0)))
	wantClip(t, s, "c-1", "", store.Unknown)
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///a", Camera: "x", Start: moment(0), End: moment(10)}, at(5)))
	wantClip(t, s, "c-1", "file:///a", store.Known)
	must(t, s.DeleteClip(ctx, "c-1", at(5))) // at equal times the deletion wins
	wantClip(t, s, "c-1", "", store.Deleted)
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///a", Camera: "x", Start: moment(0), End: moment(10)}, at(5)))
	wantClip(t, s, "c-1", "", store.Deleted)
	if clips, err := s.Overlapping(ctx, "x", at(1), at(2)); len(clips) > 0 || err != nil {
		t.Errorf("a deleted clip is still footage: %v", err)
	}
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///b"}, at(6)))
	wantClip(t, s, "c-1", "file:///b", store.Known)
	must(t, s.DeleteClip(ctx, "c-2", at(1)))
	wantClip(t, s, "c-2", "", store.Deleted)
}

func answered(id, request, text string) store.Outcome {
	return store.Outcome{QuestionID: id, Request: request, State: store.Answered, Message: []byte(text)}
}

func oneOutcome(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	if _, found, err := s.Outcome(ctx, "q-1"); found || err != nil {
		t.Fatalf("an outcome from nowhere: %v", err)
	}
	for i, o := range []store.Outcome{answered("q-1", "h", "first"), answered("q-1", "h", "second"), {QuestionID: "q-1", Request: "h", State: store.Dead, Message: []byte("third")}, answered("q-1", "other", "fourth")} {
		stored, fresh, err := s.Settle(ctx, o)
		if err != nil || fresh != (i == 0) || string(stored.Message) != "first" || stored.State != store.Answered || stored.Request != "h" {
			t.Errorf("after %s: %+v, %v, %v", o.Message, stored, fresh, err)
		}
	}
	if o, found, err := s.Outcome(ctx, "q-1"); !found || err != nil || !bytes.Equal(o.Message, []byte("first")) {
		t.Errorf("%+v, %v, %v", o, found, err)
	}
}

func settleRace(t *testing.T, open Open) {
	s, _ := open(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for i := range 32 {
		group.Go(func() {
			stored, fresh, err := s.Settle(t.Context(), answered("q-1", "h", fmt.Sprint(i)))
			mu.Lock()
			defer mu.Unlock()
			won[string(stored.Message)]++
			if err != nil || fresh != (string(stored.Message) == fmt.Sprint(i)) {
				t.Errorf("settler %d: %+v, %v, %v", i, stored, fresh, err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Errorf("%d outcomes of one question: %v", len(won), won)
	}
}

func row(id string, due int) store.Row {
	return store.Row{
		QuestionID: id, Request: "h", FirstSeen: at(0), Due: at(due), Until: at(due),
		Record: ingest.Record{Origin: ingest.Origin{Topic: "t", Partition: 1, Offset: 7}, Key: []byte("k"), Value: []byte("\xff"), Time: at(0), Headers: []ingest.Header{{Key: "a", Value: []byte("b")}}},
	}
}

func waitFirst(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	stored, fresh, err := s.Wait(ctx, row("q-1", 10))
	if err != nil || !fresh || stored.State != store.Waiting || stored.Request != "h" {
		t.Fatalf("%+v, %v, %v", stored, fresh, err)
	}
	if stored, fresh, err = s.Wait(ctx, row("q-1", 99)); err != nil || fresh || stored.State != store.Waiting {
		t.Errorf("waiting twice: %+v, %v, %v", stored, fresh, err)
	}
	if stored, fresh, err = s.Settle(ctx, answered("q-1", "other", "x")); err != nil || fresh || stored.State != store.Waiting {
		t.Errorf("another request settled a question that waits: %+v, %v, %v", stored, fresh, err)
	}
	if stored, fresh, err = s.Settle(ctx, answered("q-1", "h", "x")); err != nil || !fresh || stored.State != store.Answered {
		t.Errorf("%+v, %v, %v", stored, fresh, err)
	}
	rows, err := s.Take(ctx, at(10), at(20), 10) // its row stays until the outcome is published
	if err != nil || len(rows) != 1 {
		t.Fatalf("%+v, %v", rows, err)
	}
	must(t, s.Leave(ctx, "q-1"))
	if rows, err = s.Take(ctx, at(99), at(100), 10); err != nil || len(rows) != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, fresh, err = s.Wait(ctx, row("q-1", 10)); err != nil || fresh {
		t.Errorf("a question that was answered waits again: %v", err)
	}
}

func take(t *testing.T, s store.Store, now, lease int) (taken []string) {
	t.Helper()
	rows, err := s.Take(t.Context(), at(now), at(lease), 10)
	must(t, err)
	for _, r := range rows {
		taken = append(taken, r.QuestionID)
	}
	return taken
}

func takeDue(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	for i, due := range []int{30, 10, 20} {
		_, _, err := s.Wait(ctx, row(fmt.Sprintf("q-%d", i), due))
		must(t, err)
	}
	if due, some, err := s.NextDue(ctx); err != nil || !some || !due.Equal(at(10)) {
		t.Errorf("next due at %v, %v, %v", due, some, err)
	}
	if n, err := s.Waiting(ctx); n != 3 || err != nil {
		t.Errorf("%d rows, %v; want 3", n, err)
	}
	for _, tc := range []struct {
		now, lease int
		want       []string
	}{{9, 15, nil}, {20, 60, []string{"q-1", "q-2"}}, {20, 60, nil}, {30, 60, []string{"q-0"}}, {59, 70, nil}} {
		if got := take(t, s, tc.now, tc.lease); !slices.Equal(got, tc.want) {
			t.Errorf("at %d: %v, want %v", tc.now, got, tc.want)
		}
	}
	must(t, s.Extend(ctx, []string{"q-1"}, at(100)))
	again := row("q-0", 200)
	again.Attempts, again.For = 2, store.ForClip("c")
	must(t, s.Again(ctx, again))
	if got := take(t, s, 60, 61); !slices.Equal(got, []string{"q-2"}) {
		t.Errorf("after the lease ended: %v", got)
	}
	rows, err := s.Take(ctx, at(200), at(300), 10)
	must(t, err)
	for _, r := range rows {
		if r.QuestionID != "q-0" {
			continue
		}
		if r.Attempts != 2 || r.For != "clip:c" || !r.Due.Equal(at(200)) || !r.Until.Equal(at(200)) || !r.FirstSeen.Equal(at(0)) || string(r.Record.Value) != "\xff" || string(r.Record.Key) != "k" ||
			r.Record.Offset != 7 || !r.Record.Time.Equal(at(0)) || len(r.Record.Headers) != 1 {
			t.Errorf("a row is not what was stored: %+v", r)
		}
		return
	}
	t.Errorf("q-0 is not due at 200: %+v", rows)
}

func deletions(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-kept", URI: "file:///a"}, at(0)))
	began := time.Now().Truncate(time.Millisecond)
	for _, id := range []string{"c-1", "c-2", "c-3"} {
		must(t, s.DeleteClip(ctx, id, at(1)))
		at := time.Now().UnixMilli() // the clock is kept to the millisecond
		eventually.True(t, "the clock goes on", func() bool { return time.Now().UnixMilli() != at })
	}
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-2", URI: "file:///b"}, at(2)))
	must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-2"}, at(2)))
	list := func(since time.Time, n int) (ids []string, seen time.Time) {
		t.Helper()
		all, err := s.DeletedSince(ctx, since, n)
		must(t, err)
		for _, d := range all {
			ids, seen = append(ids, d.ClipID), d.Seen
		}
		return ids, seen
	}
	if ids, _ := list(began, 10); !slices.Equal(ids, []string{"c-1", "c-2", "c-3"}) {
		t.Errorf("deleted are %v", ids)
	}
	ids, seen := list(began, 2)
	if !slices.Equal(ids, []string{"c-1", "c-2"}) || seen.Before(began) {
		t.Errorf("the first two are %v, the last of them at %v", ids, seen)
	}
	if ids, _ := list(seen, 10); !slices.Equal(ids, []string{"c-2", "c-3"}) {
		t.Errorf("since the second, deleted are %v", ids)
	}
	must(t, s.DeleteClip(ctx, "c-1", at(1))) // the event comes again
	if ids, _ := list(began, 10); !slices.Equal(ids, []string{"c-2", "c-3", "c-1"}) {
		t.Errorf("then deleted are %v", ids)
	}
}

// said is what became of a question, in words.
func said(s store.Stored) string {
	text := fmt.Sprintf("%s %s %s", s.Outcome.QuestionID, s.Outcome.State, s.Outcome.Message)
	if s.Fresh {
		text += " new"
	}
	return text
}

func waitAll(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	_, _, err := s.Settle(ctx, answered("q-answered", "h", "x"))
	must(t, err)
	_, _, err = s.Wait(ctx, row("q-waits", 10))
	must(t, err)
	rows := []store.Row{row("q-1", 10), row("q-waits", 10), row("q-answered", 10), row("q-0", 10)}
	rows[3].For = store.ForCamera("x")
	for round := range 2 {
		stored, err := s.WaitAll(ctx, rows)
		must(t, err)
		for i, want := range []string{"q-1 waiting  new", "q-waits waiting ", "q-answered answered x", "q-0 waiting  new"} {
			if round > 0 {
				want = strings.TrimSuffix(want, " new")
			}
			if got := said(stored[i]); got != want {
				t.Errorf("round %d: %s; want %s", round, got, want)
			}
		}
	}
	got := take(t, s, 10, 20)
	if slices.Sort(got); !slices.Equal(got, []string{"q-0", "q-1", "q-waits"}) {
		t.Errorf("%v wait", got)
	}
	must(t, s.Leave(ctx, "q-0", "q-waits", "q-none"))
	if got := take(t, s, 20, 30); !slices.Equal(got, []string{"q-1"}) {
		t.Errorf("%v are left", got)
	}
	if stored, err := s.WaitAll(ctx, nil); len(stored) != 0 || err != nil {
		t.Errorf("of nothing, %v (%v)", stored, err)
	}
}

func takeTurns(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	var rows []store.Row
	for i, place := range []int{3, 1, 2, 4} {
		r := row(fmt.Sprint("q-", i), place)
		r.For, r.Until = store.ForTurn, time.Time{}
		rows = append(rows, r)
	}
	_, err := s.WaitAll(ctx, append(rows, row("q-due", 9)))
	must(t, err)
	if due, some, err := s.NextDue(ctx); err != nil || !some || !due.Equal(at(9)) {
		t.Errorf("next due at %v, %v, %v; want what waits for no turn", due, some, err)
	}
	if got := take(t, s, 9, 100); !slices.Equal(got, []string{"q-due"}) {
		t.Errorf("%v are taken when due; want only what waits for no turn", got)
	}
	turns := func(now, lease, n int) (ids []string) {
		t.Helper()
		taken, err := s.TakeTurns(ctx, at(now), at(lease), n)
		must(t, err)
		for _, r := range taken {
			ids = append(ids, r.QuestionID)
		}
		return ids
	}
	for _, want := range [][]string{{"q-1", "q-2"}, {"q-0", "q-3"}, nil} {
		if got := turns(0, 50, 2); !slices.Equal(got, want) {
			t.Errorf("the turn is %v's; want %v's", got, want)
		}
	}
	if got := turns(50, 60, 9); !slices.Equal(got, []string{"q-1", "q-2", "q-0", "q-3"}) {
		t.Errorf("when the lease is over it is %v's turn", got)
	}
	again := rows[0]
	again.For, again.Due = "", at(70)
	must(t, s.Again(ctx, again))
	if got := take(t, s, 70, 80); !slices.Equal(got, []string{"q-0"}) {
		t.Errorf("%v are tried again", got)
	}
}

func settleAll(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	must(t, s.DeleteClip(ctx, "c-gone", at(1)))
	_, _, err := s.Settle(ctx, dead("q-dead", "too late"))
	must(t, err)
	_, _, err = s.Wait(ctx, row("q-waits", 10))
	must(t, err)
	all := []store.Outcome{about("q-new", "new", "x", 0, 1, "c-1"), about("q-gone", "gone", "x", 0, 1, "c-gone"), answered("q-dead", "h", "late"), answered("q-waits", "h", "yes"), answered("a-first", "h", "sorted")}
	stored, err := s.SettleAll(ctx, all)
	must(t, err)
	for i, want := range []string{"q-new answered new new", " erased ", "q-dead dead too late", "q-waits answered yes new", "a-first answered sorted new"} {
		if got := said(stored[i]); got != want {
			t.Errorf("%s: %s; want %s", all[i].QuestionID, got, want)
		}
		if kept, found, err := s.Outcome(ctx, all[i].QuestionID); err != nil || found != (i != 1) || string(kept.Message) != string(stored[i].Outcome.Message) {
			t.Errorf("%s is kept as %+v, %v (%v)", all[i].QuestionID, kept, found, err)
		}
	}
}

func wake(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	for id, awaits := range map[string]string{"q-clip": store.ForClip("c-1"), "q-camera": store.ForCamera("x"), "q-other": store.ForClip("c-2"), "q-retry": ""} {
		r := row(id, 100)
		r.For = awaits
		_, _, err := s.Wait(ctx, r)
		must(t, err)
	}
	if got := take(t, s, 1, 2); len(got) != 0 {
		t.Fatalf("due before anything came: %v", got)
	}
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1", Camera: "x"}, at(0)))
	got := take(t, s, 1, 2)
	if slices.Sort(got); !slices.Equal(got, []string{"q-camera", "q-clip"}) {
		t.Errorf("the clip woke %v", got)
	}
	must(t, s.Wake(ctx, "q-clip")) // it is lent until 2
	must(t, s.Wake(ctx, "q-retry"))
	if got := take(t, s, 1, 2); !slices.Equal(got, []string{"q-retry"}) {
		t.Errorf("woken by name: %v", got)
	}
	must(t, s.DeleteClip(ctx, "c-2", at(0)))
	if got := take(t, s, 1, 2); !slices.Equal(got, []string{"q-other"}) {
		t.Errorf("the deletion woke %v", got)
	}
}

func restart(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1", Digest: "sha256:x"}, at(0)))
	_, _, err := s.Settle(ctx, answered("q-1", "h", "x"))
	must(t, err)
	_, _, err = s.Wait(ctx, row("q-2", 10))
	must(t, err)
	if got := take(t, s, 10, 1000); len(got) != 1 {
		t.Fatal(got)
	}
	s = reopen()
	wantClip(t, s, "c-1", "file:///1", store.Known)
	if o, found, err := s.Outcome(ctx, "q-1"); !found || err != nil || string(o.Message) != "x" {
		t.Errorf("%+v, %v, %v", o, found, err)
	}
	if got := take(t, s, 1001, 2000); !slices.Equal(got, []string{"q-2"}) {
		t.Errorf("after a restart %v can be taken, want q-2", got)
	}
}

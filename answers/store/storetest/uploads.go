package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
)

var (
	firstUpload  = ingest.UploadURI(strings.Repeat("1", 64))
	secondUpload = ingest.UploadURI(strings.Repeat("2", 64))
)

// unused takes what nobody uses, and says that it is gone.
func unused(t *testing.T, s store.Store) (uris []string) {
	t.Helper()
	now := time.Now()
	for more := true; more; {
		some, err := s.TakeUnused(t.Context(), now, now.Add(time.Minute), 2)
		must(t, err)
		for _, uri := range some {
			must(t, s.GiveBack(t.Context(), uri, true))
		}
		uris, more = append(uris, some...), len(some) == 2
	}
	slices.Sort(uris)
	return uris
}

func wantUnused(t *testing.T, s store.Store, when string, want ...string) {
	t.Helper()
	if got := unused(t, s); !slices.Equal(got, want) {
		t.Errorf("%s, nobody uses %v; want %v", when, got, want)
	}
}

func useIt(t *testing.T, s store.Store, uri string, until time.Time, users ...string) {
	t.Helper()
	if noted, err := s.UseUpload(t.Context(), uri, until, users...); !noted || err != nil {
		t.Fatalf("%v do not come to use %s: %v, %v", users, uri, noted, err)
	}
}

func clipsUse(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	put := func(id, uri string, seconds int) {
		t.Helper()
		must(t, s.PutClip(ctx, ingest.Clip{ID: id, URI: uri}, at(seconds)))
	}
	for _, id := range []string{"c-1", "c-2", "c-3"} {
		put(id, firstUpload, 1)
	}
	put("c-file", "file:///1", 1)
	wantUnused(t, s, "while three clips name it")
	put("c-3", secondUpload, 2)
	put("c-3", firstUpload, 1) // an older event changes nothing
	must(t, s.DeleteClip(ctx, "c-1", at(3)))
	must(t, s.DeleteClip(ctx, "c-file", at(3)))
	s = reopen()
	wantUnused(t, s, "while one does")
	put("c-2", secondUpload, 4)
	wantUnused(t, s, "when the last names another", firstUpload)
	wantUnused(t, s, "once it is gone")
	must(t, s.DeleteClip(ctx, "c-3", at(1))) // too old
	must(t, s.DeleteClip(ctx, "c-2", at(5)))
	wantUnused(t, s, "while the other is used")
	must(t, s.DeleteClip(ctx, "c-3", at(5)))
	wantUnused(t, s, "when the last is deleted", secondUpload)
	put("c-3", secondUpload, 5) // deleted already
	wantUnused(t, s, "when a deleted clip comes again")
	useIt(t, s, firstUpload, time.Time{}, store.ClipUser("c-4"), store.ClipUser("c-3"))
	must(t, s.DeleteClip(ctx, "c-4", at(6))) // which no event put
	wantUnused(t, s, "when a clip without an event is deleted", firstUpload)
}

func othersUse(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	one, two := store.QuestionUser("q-1", "h"), store.QuestionUser("q-1", "other")
	useIt(t, s, firstUpload, time.Time{}, one, store.RequestUser("r"))
	useIt(t, s, firstUpload, time.Now().Add(-time.Minute), two, store.RequestUser("r"))
	must(t, s.LeaveUpload(ctx, firstUpload, one, store.QuestionUser("q-none", "h")))
	s = reopen()
	wantUnused(t, s, "while a request uses it for good, whatever it said later")
	must(t, s.LeaveUpload(ctx, firstUpload, store.RequestUser("r")))
	wantUnused(t, s, "when the time of the last is over", firstUpload)
	useIt(t, s, secondUpload, time.Now().Add(time.Hour), one)
	wantUnused(t, s, "while a time goes on")
	useIt(t, s, secondUpload, time.Time{}, one)
	if taken, err := s.TakeUnused(ctx, time.Now().Add(2*time.Hour), time.Now(), 9); len(taken) > 0 || err != nil {
		t.Errorf("%v are unused (%v), after a time that became for good", taken, err)
	}
	_, err := s.Prune(ctx, time.Now().Add(-time.Hour))
	must(t, err)
	wantUnused(t, s, "when only what is older is forgotten")
	_, err = s.Prune(ctx, time.Now().Add(time.Hour))
	must(t, err)
	wantUnused(t, s, "when its user is forgotten", secondUpload)
}

func removing(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	user := store.RequestUser("r")
	useIt(t, s, firstUpload, time.Time{}, user)
	must(t, s.LeaveUpload(ctx, firstUpload, user))
	take := func() []string {
		t.Helper()
		taken, err := s.TakeUnused(ctx, time.Now(), time.Now().Add(time.Minute), 9)
		must(t, err)
		return taken
	}
	if got := take(); !slices.Equal(got, []string{firstUpload}) {
		t.Fatalf("%v are to be removed", got)
	}
	if got := take(); len(got) > 0 {
		t.Errorf("%v are to be removed by two", got)
	}
	for when, want := range map[time.Time][]string{time.Now(): {firstUpload}, time.Now().Add(time.Hour): nil} {
		if lent, err := s.Lent(ctx, when); !slices.Equal(lent, want) || err != nil {
			t.Errorf("%v are lent at %v (%v); want %v", lent, when, err, want)
		}
	}
	if noted, err := s.UseUpload(ctx, firstUpload, time.Time{}, user); noted || err != nil {
		t.Errorf("it is used while it is being removed: %v, %v", noted, err)
	}
	must(t, s.GiveBack(ctx, firstUpload, false))
	if got := take(); !slices.Equal(got, []string{firstUpload}) {
		t.Errorf("%v are to be removed; want what could not be", got)
	}
	must(t, s.GiveBack(ctx, firstUpload, true))
	useIt(t, s, firstUpload, time.Time{}, user)
	if got := take(); len(got) > 0 {
		t.Errorf("%v are to be removed, and used again", got)
	}
}

// Users come and go at once with those that look for unused ones: what is used is
// never taken, and what is not in the end is.
func useRace(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			user := store.QuestionUser(fmt.Sprint("q-", i), "h")
			for range 10 {
				noted, err := s.UseUpload(ctx, firstUpload, time.Time{}, user)
				if err != nil {
					t.Error(err)
				}
				if !noted {
					continue
				}
				taken, err := s.TakeUnused(ctx, time.Now(), time.Now().Add(time.Minute), 9)
				if err != nil || len(taken) > 0 {
					t.Errorf("%v is taken while it is used (%v)", taken, err)
				}
				if err := s.LeaveUpload(ctx, firstUpload, user); err != nil {
					t.Error(err)
				}
				if taken, err = s.TakeUnused(ctx, time.Now(), time.Now().Add(time.Minute), 9); err != nil {
					t.Error(err)
				}
				for _, uri := range taken {
					if err := s.GiveBack(ctx, uri, true); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	unused(t, s)
	if noted, err := s.UseUpload(ctx, firstUpload, time.Time{}, "last"); !noted || err != nil {
		t.Errorf("in the end it is %v, %v", noted, err)
	}
	must(t, s.LeaveUpload(ctx, firstUpload, "last"))
	wantUnused(t, s, "in the end", firstUpload)
}

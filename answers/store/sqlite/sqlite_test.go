package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/store/storetest"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		path := filepath.Join(t.TempDir(), "store? #1.db")
		s := open(t, path)
		return s, func() store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, path)
		}
	})
}

func TestWhatADeadProcessHadTakenIsFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	now := time.Now()
	if _, _, err := s.Wait(t.Context(), store.Row{QuestionID: "q", Request: "h", Due: now, FirstSeen: now}); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.Take(t.Context(), now, now.Add(time.Hour), 1); err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	s.Close()
	if rows, err := open(t, path).Take(t.Context(), now, now.Add(time.Hour), 1); err != nil || len(rows) != 1 {
		t.Errorf("after the process ended: %v, %v", rows, err)
	}
}

func TestAStoreThatCannotBeUsedIsUnavailable(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	s.Close()
	if err := s.PutClip(context.Background(), ingest.Clip{ID: "c"}, time.Now()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a closed store: %v", err)
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "absent", "store.db")); err == nil {
		t.Error("a store in a folder that is not there opened")
	}
}

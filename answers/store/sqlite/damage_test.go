package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/store/storetest"
	"videoqa/internal/fault"
)

func TestDamagedRowsAreNoticed(t *testing.T) {
	var path string
	storetest.RunDamaged(t, func(t *testing.T) (store.Store, func() store.Store) {
		path = filepath.Join(t.TempDir(), "store.db")
		return open(t, path), nil
	}, func(store.Store) storetest.Spoil {
		return func(t *testing.T, table, column, keyColumn, key string) {
			t.Helper()
			db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var value any
			if err := db.QueryRow("SELECT "+column+" FROM "+table+" WHERE "+keyColumn+" = ?", key).Scan(&value); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE "+keyColumn+" = ?", storetest.Flip(t, value), key); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A row whose key is damaged is not found, and its checksum is not looked at.
func TestAnOutcomeWhoseKeyIsDamagedIsNotUnknown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	o := store.Outcome{QuestionID: "q-1", Request: "h", State: store.Answered, Message: []byte("a dog"), About: store.About{ClipIDs: []string{"c-1"}}}
	if _, _, err := s.Settle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE outcomes SET question_id = 'q-0'"); err != nil {
		t.Fatal(err)
	}
	if got, found, err := s.Outcome(t.Context(), "q-1"); !errors.Is(err, fault.Damaged) {
		t.Errorf("Outcome = %+v, %v, %v; want it damaged", got, found, err)
	}
	if got, fresh, err := s.Settle(t.Context(), o); !errors.Is(err, fault.Damaged) {
		t.Errorf("Settle = %+v, %v, %v; want it damaged", got, fresh, err)
	}
	if _, found, err := s.Outcome(t.Context(), "q-2"); found || err != nil {
		t.Errorf("a question that nobody asked: %v, %v", found, err)
	}
}

// An outcome that is stored while it is looked for is either not there yet or there.
func TestAnOutcomeThatIsJustBeingStoredIsNotDamaged(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	for i := range 200 {
		o := store.Outcome{QuestionID: fmt.Sprint("q-", i), Request: "h", State: store.Answered, Message: []byte("{}"), About: store.About{ClipIDs: []string{"c-1"}}}
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for found := false; !found; {
					var err error
					if _, found, err = s.Outcome(t.Context(), o.QuestionID); err != nil {
						t.Errorf("%s: %v", o.QuestionID, err)
						return
					}
				}
			})
		}
		if _, _, err := s.Settle(t.Context(), o); err != nil {
			t.Error(err)
		}
		readers.Wait()
	}
}

package serve

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/answers/store/sqlite"
	"videoqa/internal/fault"
)

func TestAStoreThatIsBusyIsReadyAndOneThatTakesNothingIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := writable(s)
	if err := check(t.Context()); err != nil {
		t.Fatal(err)
	}
	full, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	full.SetMaxOpenConns(1)
	if _, err := full.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := check(short); err != nil {
		t.Errorf("a store that is busy says %v", err)
	}
	if _, err := full.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context()); err != nil {
		t.Errorf("afterwards it says %v", err)
	}
	if _, err := full.Exec("CREATE TRIGGER no_room BEFORE INSERT ON properties BEGIN SELECT RAISE(ABORT, 'disk full'); END"); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context()); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("a store that takes nothing says %v", err)
	}
	if _, err := full.Exec("DROP TRIGGER no_room"); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context()); err != nil {
		t.Errorf("with room again it says %v", err)
	}
}

func TestWhatWasFoundHoldsForSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, fails := 0, errors.New("full")
		check := seldom(func(context.Context) error { asked++; return fails })
		for range 10 {
			if err := check(t.Context()); err == nil {
				t.Error("it is ready")
			}
		}
		fails = nil
		time.Sleep(probeKept)
		synctest.Wait()
		if err := check(t.Context()); err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

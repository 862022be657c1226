package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/answers/store/postgres"
	"videoqa/answers/store/storetest"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// server returns the address of the PostgreSQL that the tests run against.
func server(t *testing.T) string {
	t.Helper()
	address := os.Getenv("VIDEOQA_TEST_POSTGRES")
	if address == "" && os.Getenv("VIDEOQA_TEST_REAL") != "" {
		t.Fatal("VIDEOQA_TEST_REAL is set, and VIDEOQA_TEST_POSTGRES is not")
	}
	if address == "" {
		t.Skip("needs a PostgreSQL: testdata/postgres/run.sh go test ./answers/store/postgres")
	}
	return address
}

// fresh returns the URL of an empty schema of its own.
func fresh(t *testing.T) string {
	t.Helper()
	address := server(t)
	db, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	schema := "t_" + strings.ToLower(rand.Text())
	if _, err := db.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t *testing.T, address string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		address := fresh(t)
		s := open(t, address)
		return s, func() store.Store {
			s.Close()
			return open(t, address)
		}
	})
}

func TestManyProcessesMakeTheTablesAtOnce(t *testing.T) {
	address := fresh(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s, err := postgres.Open(t.Context(), address)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	group.Wait()
}

func TestARowIsTakenByOneProcess(t *testing.T) {
	address := fresh(t)
	s := open(t, address)
	now := time.Now()
	for i := range 200 {
		if _, _, err := s.Wait(t.Context(), store.Row{QuestionID: fmt.Sprint("q-", i), Request: "h", Due: now, FirstSeen: now}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	for range 4 {
		group.Go(func() {
			other := open(t, address)
			for {
				rows, err := other.Take(t.Context(), now, now.Add(time.Minute), 7)
				if err != nil {
					t.Error(err)
				}
				if len(rows) == 0 {
					return
				}
				mu.Lock()
				for _, r := range rows {
					taken[r.QuestionID]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for id, n := range taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
	if len(taken) != 200 {
		t.Errorf("%d of 200 rows were taken", len(taken))
	}
}

// A clip comes while a question is about to wait for it. Whichever is first, the
// question must not be left waiting: either it is due, or whoever let it wait
// finds the clip.
func TestAClipAndWhoWaitsForItDoNotMissEachOther(t *testing.T) {
	s := open(t, fresh(t))
	for i := range 60 {
		clip := fmt.Sprint("c-", i)
		later := time.Now().Add(time.Hour)
		found := make(chan bool)
		go func() {
			_, _, err := s.Wait(t.Context(), store.Row{QuestionID: "q-" + clip, Request: "h", For: store.ForClip(clip), Due: later, Until: later, FirstSeen: time.Now()})
			if err != nil {
				t.Error(err)
			}
			_, state, err := s.Clip(t.Context(), clip)
			if err != nil {
				t.Error(err)
			}
			found <- state == store.Known
		}()
		if err := s.PutClip(t.Context(), ingest.Clip{ID: clip, URI: "file:///" + clip}, time.Now()); err != nil {
			t.Error(err)
		}
		seen := <-found
		rows, err := s.Take(t.Context(), time.Now(), later, 10)
		if err != nil || !seen && len(rows) == 0 {
			t.Fatalf("clip %d: its question neither saw it nor is due (%v)", i, err)
		}
	}
}

// An answer is stored while its clip is deleted: afterwards there must be none.
func TestAnAnswerDoesNotOutliveItsClip(t *testing.T) {
	s := open(t, fresh(t))
	for i := range 60 {
		clip := fmt.Sprint("c-", i)
		if err := s.PutClip(t.Context(), ingest.Clip{ID: clip, URI: "file:///" + clip}, time.UnixMilli(1)); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			o := store.Outcome{QuestionID: "q-" + clip, Request: "h", State: store.Answered, Message: []byte("x"), About: store.About{AnswerID: "a-" + clip, ClipIDs: []string{clip}}}
			if _, _, err := s.Settle(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
		if err := s.DeleteClip(t.Context(), clip, time.UnixMilli(2)); err != nil {
			t.Error(err)
		}
		group.Wait()
		if o, found, err := s.Answer(t.Context(), "a-"+clip); found || err != nil {
			t.Fatalf("answer %d outlives its clip: %+v (%v)", i, o, err)
		}
	}
}

func TestAServerThatIsDownIsUnavailableAndComesBack(t *testing.T) {
	control := os.Getenv("VIDEOQA_TEST_POSTGRES_CONTROL")
	s := open(t, fresh(t))
	if control == "" {
		t.Fatal("VIDEOQA_TEST_POSTGRES is set, and VIDEOQA_TEST_POSTGRES_CONTROL is not")
	}
	run := func(what string) {
		t.Helper()
		if out, err := exec.Command(control, what).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", control, what, err, out)
		}
	}
	o := store.Outcome{QuestionID: "q-1", Request: "h", State: store.Dead, Message: []byte("x")}
	if _, _, err := s.Settle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	run("stop")
	for what, do := range map[string]func() error{
		"Settle":  func() error { _, _, err := s.Settle(t.Context(), o); return err },
		"Outcome": func() error { _, _, err := s.Outcome(t.Context(), "q-1"); return err },
		"Take":    func() error { _, err := s.Take(t.Context(), time.Now(), time.Now(), 1); return err },
		"Open":    func() error { _, err := postgres.Open(t.Context(), server(t)); return err },
	} {
		if err := do(); !errors.Is(err, fault.Unavailable) {
			t.Errorf("%s while the server is down: %v; want unavailable", what, err)
		}
	}
	run("start")
	// A connection that broke while nobody looked costs one failure at most.
	if _, _, err := s.Outcome(t.Context(), "q-1"); err != nil && !errors.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	if got, found, err := s.Outcome(t.Context(), "q-1"); !found || err != nil || string(got.Message) != "x" {
		t.Errorf("after the restart %+v, %v (%v)", got, found, err)
	}
}

func TestAURLThatCannotBeReadIsRefusedWithoutItsPassword(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://me:hunter2@host:port/db")
	if !errors.Is(err, fault.BadRequest) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

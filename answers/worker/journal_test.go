package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// A mortal asker ends its process at the words "a bomb", as a crash in C does, and
// hangs for ever at "a pit".
type mortal struct{ asker }

func (m *mortal) Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	text, err := contentOf(ctx, about)
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, "a bomb") {
		fmt.Println("about to crash")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if strings.Contains(text, "a pit") {
		select {}
	}
	return m.asker.Ask(ctx, about, questions)
}

// A settled store lends nothing before the group has given the worker partitions.
// kfake never gives up a member that vanishes while it joins, and its partitions
// with it; a real broker does.
type settled struct {
	store.Store
	client *kafka.Client
}

func (s settled) Take(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	if s.client.Assigned() == 0 {
		return nil, nil
	}
	return s.Store.Take(ctx, now, lease, n)
}

// mortalWorker is a process of its own: a worker that runs until it crashes.
func mortalWorker(t *testing.T, broker, id, dir, clips string) {
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := media.New(media.Config{Roots: []string{clips}, SpoolDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	client, err := kafka.New(kafka.Config{Brokers: []string{broker}, Group: id, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(worker.Config{
		Stream: client, Store: settled{db, client}, Media: fetcher, Asker: &mortal{}, Journal: filepath.Join(dir, "journal"), Slots: 4, Patience: 100 * time.Millisecond, Hang: 100 * time.Millisecond,
		Topics: worker.Topics{Clips: id + ".clips", Questions: id + ".questions", Answers: id + ".answers", DeadLetters: id + ".dlq"},
		Log:    log,
		Exit: func(why string) {
			fmt.Println("hangs:", why)
			os.Exit(70)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(w.Run(t.Context()))
}

// A supervisor starts a worker again and again, as an operator's does.
type supervisor struct {
	mu      sync.Mutex
	crashes int
	said    []string
}

func (s *supervisor) run(ctx context.Context, t *testing.T, h *house) {
	for ctx.Err() == nil {
		c := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$", "-test.v")
		c.Env = append(os.Environ(), "VIDEOQA_TEST_MORTAL="+strings.Join([]string{h.broker, h.id, h.dir, h.clips}, "\n"))
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Error(err)
			return
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.mu.Lock()
			s.said = append(s.said, lines.Text())
			s.mu.Unlock()
		}
		if c.Wait() != nil && ctx.Err() == nil {
			s.mu.Lock()
			s.crashes++
			s.mu.Unlock()
		}
	}
}

func TestAClipThatCrashesTheWorkerCostsNoOtherQuestion(t *testing.T) {
	if where := strings.Split(os.Getenv("VIDEOQA_TEST_MORTAL"), "\n"); len(where) == 4 {
		mortalWorker(t, where[0], where[1], where[2], where[3])
	}
	for content, crashes := range map[string]int{"a bomb": 3, "a pit": 3} {
		t.Run(content, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the group to give up a process that is gone
			h := newHouse(t)
			for i := range 8 {
				h.sendClip(h.clip(fmt.Sprint("c-", i), map[bool]string{true: content, false: "a dog"}[i == 3]))
			}
			for i := range 24 {
				h.ask(fmt.Sprint("q-", i), fmt.Sprint("c-", i%8), "what is it?")
			}
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan struct{})
			s := &supervisor{}
			go func() {
				defer close(ended)
				s.run(ctx, t, h)
			}()
			defer func() {
				stop()
				<-ended
				if t.Failed() {
					t.Log(strings.Join(s.said, "\n"))
				}
			}()
			got := map[string]string{}
			for len(got) < 24 {
				r, a, d := h.next()
				if first, again := got[a.QuestionID+d.QuestionID]; again && first != string(r.Value) {
					t.Errorf("two outcomes: %s and %s", first, r.Value)
				}
				got[a.QuestionID+d.QuestionID] = string(r.Value)
			}
			for i := range 24 {
				text := got[fmt.Sprint("q-", i)]
				if crashed := strings.Contains(text, `"error_kind":"crashed-worker"`); crashed != (i%8 == 3) {
					t.Errorf("q-%d: %s", i, text)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			// Once beside others, and twice alone.
			if s.crashes > crashes || s.crashes < 2 {
				t.Errorf("the worker ended %d times; want at most %d:\n%s", s.crashes, crashes, strings.Join(s.said, "\n"))
			}
		})
	}
}

// What was in progress at an exit and is not to blame is asked about once more, alone,
// and then as ever.
func TestAClipInProgressAtACrashIsReleasedByAnIsolatedRun(t *testing.T) {
	h := newHouse(t)
	journal := filepath.Join(h.dir, "journal")
	if err := os.Mkdir(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	left, err := json.Marshal(map[string]any{"keys": []string{"clip c-1"}, "questions": []string{"q-0"}, "alone": true})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"1.part.json": string(left), "2.part": "{", "3.part.json": "cut sho"} {
		if err := os.WriteFile(filepath.Join(journal, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stop := h.start(func(c *worker.Config) { c.Journal = journal })
	h.sendClip(h.clip("c-1", "a dog"))
	h.ask("q-1", "c-1", "what is it?")
	if _, a, _ := h.next(); a.Text != "a dog" {
		t.Fatalf("%+v", a)
	}
	stop()
	h.change(func(s *sqlite.Store) {
		for _, name := range []string{"suspect clip c-1", "alone 1 clip c-1"} {
			if _, found, err := s.Claimed(t.Context(), name); found || err != nil {
				t.Errorf("%s is still claimed (%v)", name, err)
			}
		}
	})
	if files, err := os.ReadDir(journal); err != nil || len(files) > 0 {
		t.Errorf("the journal holds %v (%v)", files, err)
	}
}

// Frames that are decoded without a question are journalled too.
func TestWorkWithoutAQuestionIsJournalledToo(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "journal")
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hung := make(chan string, 1)
	cfg := worker.Config{Store: db, Journal: folder, Patience: 10 * time.Millisecond, Hang: 10 * time.Millisecond, Exit: func(why string) { hung <- why }}
	journal := worker.NewCrashJournal(cfg)
	if err := journal.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []byte
	err = journal.Do(t.Context(), ingest.Clip{ID: "c-1"}, func(ctx context.Context) error {
		files, err := filepath.Glob(filepath.Join(folder, "*.json"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("the journal holds %v (%v)", files, err)
		}
		<-ctx.Done()
		var over fault.Overrun
		if !errors.As(context.Cause(ctx), &over) || over.Limit != cfg.Patience {
			t.Errorf("the work ended because of %v; want an overrun of %v", context.Cause(ctx), cfg.Patience)
		}
		if why := <-hung; !strings.Contains(why, "c-1") {
			t.Errorf("the process ended because %s", why)
		}
		left, err = os.ReadFile(files[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("afterwards the journal holds %v (%v)", files, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "1.json"), left, 0o600); err != nil {
		t.Fatal(err)
	}
	journal = worker.NewCrashJournal(cfg) // of the next process
	if err := journal.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]error{"c-1": fault.CrashedWorker, "c-2": nil} {
		called := false
		err := journal.Do(t.Context(), ingest.Clip{ID: id}, func(context.Context) error { called = true; return nil })
		if !errors.Is(err, want) || called != (want == nil) {
			t.Errorf("%s: %v, called %v", id, err, called)
		}
	}
}

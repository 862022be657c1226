package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/postgres"
	"videoqa/ingest/broker"
	"videoqa/ingest/media/spool"
)

// sharedStore is the URL of the PostgreSQL that tests may use.
func sharedStore(t *testing.T) string {
	t.Helper()
	address := os.Getenv("VIDEOQA_TEST_POSTGRES")
	if address == "" && os.Getenv("VIDEOQA_TEST_REAL") != "" {
		t.Fatal("VIDEOQA_TEST_REAL is set, and VIDEOQA_TEST_POSTGRES is not")
	}
	if address == "" {
		t.Skip("needs a PostgreSQL: testdata/postgres/run.sh go test ./internal/cli -run Beside")
	}
	return address
}

// A profile is what a process that serves tells the others, as far as it matters here.
type profile struct {
	Host    string            `json:"host"`
	PID     int               `json:"pid"`
	Role    string            `json:"role"`
	Group   string            `json:"group"`
	Brokers []string          `json:"brokers"`
	Uploads string            `json:"uploads"`
	Takes   bool              `json:"takes"`
	Alike   map[string]string `json:"alike"`
}

// serving is a process that serves from the store at url until the test ends.
func serving(t *testing.T, url string, change func(*profile)) {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	told := profile{Host: "a", PID: 1, Role: "all", Group: "videoqa", Takes: true}
	change(&told)
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Beat(t.Context(), store.Process{ID: "p-beside", Settings: string(text)}, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s, err := postgres.Open(context.Background(), url)
		if err == nil {
			err = errors.Join(s.End(context.Background(), "p-beside"), s.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// An operator who adds a process learns before its start which settings differ from the others'.
func TestConfigCheckOnlineComparesWithWhatServesBeside(t *testing.T) {
	url := sharedStore(t)
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	uploads, roots := filepath.Join(t.TempDir(), "uploads"), t.TempDir()
	settings := "store_url: " + url + "\nkafka_brokers: [" + b.Addr() + "]\nspool_url: file://" + uploads + "\nmedia_roots: [" + roots + "]\n"
	check := func(more ...string) (status int, out, errs string) {
		a, stdout, stderr := app(t, append(startable(t), "XDG_CACHE_HOME="+t.TempDir())...)
		status = a.run(t.Context(), append([]string{"config", "check", "--online", write(t, settings)}, more...))
		return status, stdout.String(), stderr.String()
	}
	if status, out, errs := check(); status != 0 || !strings.Contains(out, "peers: 0 serve") {
		t.Fatalf("beside nobody: status %d, %s%s", status, out, errs)
	}
	if _, err := os.Stat(uploads); err == nil {
		t.Error("the check made the folder of uploads")
	}
	folder, err := spool.Open(spool.Config{Dir: uploads})
	if err != nil {
		t.Fatal(err)
	}
	id, err := folder.Identity()
	if err != nil {
		t.Fatal(err)
	}
	alike := func(p *profile) {
		p.Brokers, p.Uploads, p.Alike = []string{b.Addr()}, "folder "+id, map[string]string{"--media-roots": "[" + roots + "]"}
	}
	serving(t, url, alike)
	if status, out, errs := check(); status != 0 || !strings.Contains(out, "peers: 1 serve from this store; nothing") {
		t.Errorf("beside one that is alike: status %d, %s%s", status, out, errs)
	}
	serving(t, url, func(p *profile) {
		alike(p)
		p.Uploads, p.Alike["--media-roots"], p.Alike["--model"] = "folder of another machine", "[/srv/others]", "git sha256:1"
	})
	status, out, errs := check()
	for _, want := range []string{"warning: uploads: ", "--spool-url", "--media-roots is [" + roots + "] here and [/srv/others] at a (process 1, role all)", "--model is videoqa-small-world sha256:"} {
		if status != 0 || !strings.Contains(errs, want) || strings.Contains(out, "peers:") {
			t.Errorf("beside one that is not: status %d, %s%s; want %q", status, out, errs, want)
		}
	}
	status, out, errs = check("--no-files")
	if status != 0 || strings.Contains(errs, "--model") || strings.Contains(errs, "uploads") || !strings.Contains(errs, "--media-roots") {
		t.Errorf("for another machine: status %d, %s%s", status, out, errs)
	}
}

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/internal/ops"
)

// worker is the profile of one of several alike.
func workerProfile(change func(*profile)) profile {
	p := profile{
		Host: "a", PID: 1, Role: "all", Group: "videoqa", Brokers: []string{"kafka:9092"}, Uploads: "bucket x", Takes: true,
		Alike: map[string]string{"--media-roots": "[/srv/clips]", "--model": "git sha256:1", "--precision": "fp32"},
	}
	if change != nil {
		change(&p)
	}
	return p
}

func TestWhatProcessesOfOneStoreHaveNotAlikeIsFound(t *testing.T) {
	for _, tc := range []struct {
		name   string
		own    func(*profile)
		other  func(*profile)
		part   string // "": nothing is found
		saying []string
	}{
		{"nothing, of two that are alike", nil, nil, "", nil},
		{"uploads in folders of their own", nil, func(p *profile) { p.Uploads = "folder y" }, partUploads, []string{"b (process 2, role all)", "--spool-url", "s3://"}},
		{"uploads that a worker does not see", nil, func(p *profile) { p.Uploads, p.Role, p.Takes = "folder y", roleWorker, false }, partUploads, []string{"--spool-url"}},
		{"a worker that does not see uploads", func(p *profile) { p.Uploads, p.Role, p.Takes = "folder y", roleWorker, false }, nil, partUploads, []string{"--spool-url"}},
		{"nothing, where nobody takes uploads", func(p *profile) { p.Uploads, p.Takes = "folder y", false }, func(p *profile) { p.Takes = false }, "", nil},
		{"nothing, of two that only serve HTTP", func(p *profile) { p.Uploads, p.Role = "folder y", roleAPI }, func(p *profile) { p.Role = roleAPI }, "", nil},
		{"clocks", func(p *profile) { p.ClockMS = 5300 }, func(p *profile) { p.ClockMS = 200 }, partPeers, []string{"5.1s before", "NTP"}},
		{"nothing, of clocks that are a second apart", func(p *profile) { p.ClockMS = 1000 }, nil, "", nil},
		{"media roots", nil, func(p *profile) { p.Alike["--media-roots"] = "[/mnt/clips]" }, partPeers, []string{"--media-roots is [/srv/clips] here and [/mnt/clips] at b"}},
		{"models", nil, func(p *profile) { p.Alike["--model"] = "git sha256:2" }, partPeers, []string{"--model is git sha256:1 here and git sha256:2"}},
		{"precisions", nil, func(p *profile) { p.Alike["--precision"] = "int8" }, partPeers, []string{"--precision is fp32 here and int8"}},
		{"nothing, of a setting that only one has", nil, func(p *profile) { delete(p.Alike, "--precision") }, "", nil},
		{"nothing, of settings of another group", nil, func(p *profile) { p.Group, p.Alike["--precision"] = "other", "int8" }, "", nil},
		{"a broker of its own", func(p *profile) { p.Brokers = nil }, nil, partPeers, []string{"--kafka-brokers"}},
		{"brokers that have nothing in common", func(p *profile) { p.Brokers = []string{"other:9092"} }, nil, partPeers, []string{"other:9092", "kafka:9092"}},
		{"nothing, of brokers of one cluster", func(p *profile) { p.Brokers = []string{"kafka-2:9092", "kafka:9092"} }, nil, "", nil},
		{"one that is to be the only one", func(p *profile) { p.Single = true }, nil, partPeers, []string{"--single-process"}},
	} {
		found := findings(workerProfile(tc.own), []profile{workerProfile(func(p *profile) {
			p.Host, p.PID = "b", 2
			if tc.other != nil {
				tc.other(p)
			}
		})})
		if want := 1; tc.part == "" && len(found) > 0 || tc.part != "" && (len(found) != want || found[0].Part != tc.part) {
			t.Errorf("%s: found %+v, want %q", tc.name, found, tc.part)
			continue
		}
		for _, want := range tc.saying {
			if !strings.Contains(found[0].Text, want) {
				t.Errorf("%s: %s; want %q in it", tc.name, found[0].Text, want)
			}
		}
	}
}

// Two processes on one store: the first learns of the second, and that it has ended.
func TestProcessesThatAreNotAlikeSaySo(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(context.Background(), filepath.Join(dir, "store.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var said safeBuffer
		health := ops.NewHealth()
		first := newPeers(workerProfile(nil), nil, slog.New(slog.NewTextHandler(&said, nil)))
		stop := first.begin(t.Context(), db, health)
		defer stop()
		if err := errors.Join(first.refuseUploads(), first.wrong(partPeers)); err != nil {
			t.Errorf("alone: %v", err)
		}
		second := newPeers(workerProfile(func(p *profile) { p.Host, p.Uploads = "b", "folder y" }), nil, slog.New(slog.DiscardHandler))
		stopSecond := second.begin(t.Context(), db, ops.NewHealth())
		if second.refuseUploads() == nil {
			t.Error("the second takes uploads that the first does not see")
		}
		time.Sleep(beatEvery)
		synctest.Wait()
		if err := first.refuseUploads(); err == nil || !strings.Contains(err.Error(), "--spool-url") || !first.elsewhere() {
			t.Errorf("the first takes uploads that the second does not see: %v", err)
		}
		if report := health.Degraded(t.Context()); report[partUploads] == nil || report[partPeers] != nil {
			t.Errorf("readiness: %v", report)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if lines := said.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, "level=WARN") || !strings.Contains(lines, "part=uploads") {
			t.Errorf("the log says\n%s", lines)
		}
		stopSecond()
		time.Sleep(beatEvery)
		synctest.Wait()
		if err := first.refuseUploads(); err != nil {
			t.Errorf("the second has ended: %v", err)
		}
		if lines := said.String(); strings.Count(lines, "\n") != 2 || !strings.Contains(lines, "alike again") {
			t.Errorf("the log says\n%s", lines)
		}
		stop()
		if all, _, err := db.Serving(t.Context(), time.Hour); err != nil || len(all) > 0 {
			t.Errorf("after both have ended %+v serve (%v)", all, err)
		}
	})
}

// A safeBuffer may be written to while it is read.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// A skewed store has another clock.
type skewed struct {
	store.Processes
	by time.Duration
}

func (s skewed) Beat(ctx context.Context, p store.Process, within time.Duration) ([]store.Process, time.Time, error) {
	others, now, err := s.Processes.Beat(ctx, p, within)
	return others, now.Add(s.by), err
}

func (s skewed) Serving(ctx context.Context, within time.Duration) ([]store.Process, time.Time, error) {
	all, now, err := s.Processes.Serving(ctx, within)
	return all, now.Add(s.by), err
}

func TestAClockThatIsWrongIsSaid(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(context.Background(), filepath.Join(dir, "store.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		right, wrong := newPeers(workerProfile(nil), nil, slog.New(slog.DiscardHandler)), newPeers(workerProfile(nil), nil, slog.New(slog.DiscardHandler))
		defer right.begin(t.Context(), db, ops.NewHealth())()
		defer wrong.begin(t.Context(), skewed{db, -90 * time.Second}, ops.NewHealth())()
		if err := wrong.wrong(partPeers); err == nil || !strings.Contains(err.Error(), "1m30s before") {
			t.Errorf("the one whose clock is wrong: %v", err)
		}
		time.Sleep(beatEvery)
		synctest.Wait()
		if err := right.wrong(partPeers); err == nil || !strings.Contains(err.Error(), "1m30s behind") {
			t.Errorf("the other: %v", err)
		}
	})
}

func TestWhereUploadsWouldBeLostTheyAreRefusedFromTheStart(t *testing.T) {
	kafka := KafkaSettings{Brokers: []string{"kafka:9092"}, Group: "videoqa"}
	for name, tc := range map[string]struct {
		s    Settings
		want bool
	}{
		"a broker of its own":      {Settings{}, false},
		"shared servers":           {Settings{Kafka: kafka, Store: StoreSettings{URL: "postgres://db/x"}}, true},
		"with a shared spool":      {Settings{Kafka: kafka, Store: StoreSettings{URL: "postgres://db/x"}, Spool: SpoolSettings{URL: "file:///srv/uploads"}}, false},
		"the only process of them": {Settings{Kafka: kafka, Single: true}, false},
		"one without HTTP":         {Settings{Kafka: kafka, Store: StoreSettings{URL: "postgres://db/x"}, Role: roleWorker}, false},
	} {
		tc.s.Listen = "127.0.0.1:8080"
		if err := tc.s.UploadsApart(); (err != nil) != tc.want || err != nil && (!strings.Contains(err.Error(), "--spool-url") || !strings.Contains(err.Error(), "--single-process")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What others are told holds no secret.
func TestAProfileHoldsNoSecrets(t *testing.T) {
	p := workerProfile(nil)
	text, err := json.Marshal(p)
	if err != nil || strings.Contains(string(text), "password") {
		t.Errorf("%s (%v)", text, err)
	}
	for _, name := range append(append(append([]string{}, alikeOfWorkers...), alikeOfAskers...), alikeOfAll...) {
		if strings.Contains(name, "key") || strings.Contains(name, "password") || strings.HasSuffix(name, "url") {
			t.Errorf("others are told %s", name)
		}
	}
}

// A countedGroup has so many members.
type countedGroup struct{ n int }

func (g *countedGroup) Members(context.Context) (int, error) { return g.n, nil }

func TestAnOnlyProcessThatIsNotAloneSaysSo(t *testing.T) {
	g := &countedGroup{1}
	lonely := lonelyIn(g, "videoqa")
	for i, n := range []int{1, 2, 2, 1, 2, 2} { // who was killed is a member for some seconds more
		if g.n = n; lonely(t.Context()) != nil {
			t.Errorf("after %d looks it is not alone", i+1)
		}
	}
	if err := lonely(t.Context()); err == nil || !strings.Contains(err.Error(), "2 members") || !strings.Contains(err.Error(), "--store-url") {
		t.Errorf("another is there to stay: %v", err)
	}
}

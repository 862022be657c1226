package gitvideo

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// fullTolerance is that of full-size models, whose sums are longer.
const fullTolerance = 1e-3

// TestFullSizeModelsEqualTransformers compares every case that
// testdata/parity/parity.py has put into the folder that VIDEOQA_PARITY names, and
// prints the table. `make parity` runs both. Without the variable there is
// nothing to compare and nothing is claimed.
func TestFullSizeModelsEqualTransformers(t *testing.T) {
	root := os.Getenv("VIDEOQA_PARITY")
	if root == "" {
		t.Skip("VIDEOQA_PARITY names no folder of full-size checkpoints; run: make parity")
	}
	cases, err := filepath.Glob(filepath.Join(root, "*", "golden.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("%s holds no cases (%v); run: make parity", root, err)
	}
	for _, c := range cases {
		t.Run(filepath.Base(filepath.Dir(c)), func(t *testing.T) { checkFullSize(t, filepath.Dir(c), t.TempDir()) })
	}
}

func checkFullSize(t *testing.T, dir, cache string) {
	g := readGolden(t, dir)
	took := start(t)
	m := load(t, dir, cache, 2)
	took.lap("load, converting weights")
	clip := g.Clips[0]
	frames, err := m.encodePictures(t.Context(), g.bytes("0.pixels"), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		t.Fatal(err)
	}
	took.lap("vision, opening its graph")
	if _, err := m.encodePictures(t.Context(), g.bytes("0.pixels"), clip.Frames, clip.Height, clip.Width); err != nil {
		t.Fatal(err)
	}
	took.lap("vision")
	p, all := prefixOf(t, m, g, 0, frames, fullTolerance)
	took.lap("prefix, opening its graph")
	prefixOf(t, m, g, 0, frames, fullTolerance)
	took.lap("prefix")
	for k, want := range clip.Prompts {
		r, c := continueGreedily(t, m, g, p, 0, k, fullTolerance)
		took.lap(fmt.Sprintf("answer %d, %d steps", k, len(want.IDs)))
		all = append(all, c)
		same := slices.Equal(r.IDs, want.IDs) && r.Cut == want.Cut
		t.Logf("prompt %d: ids equal %v: %v", k, same, want.IDs)
		if !same {
			t.Errorf("prompt %v is answered %v; want %v, cut %v", want.Prompt, r, want.IDs, want.Cut)
		}
	}
	for _, c := range all {
		t.Log(c)
		if !c.ok() {
			t.Errorf("over the limit: %v", c)
		}
	}
	logTheirs(t, filepath.Join(dir, "times.json"))
}

// logTheirs logs how long transformers took on this machine.
func logTheirs(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var theirs map[string][2]float64
	if err := json.Unmarshal(text, &theirs); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, what := range slices.Sorted(maps.Keys(theirs)) {
		t.Logf("transformers: %-20s %7.2f s, %7.2f s of processors", what, theirs[what][0], theirs[what][1])
	}
}

// A stopwatch logs how long each part took, by the clock and in processor time.
type stopwatch struct {
	t    *testing.T
	last time.Time
	used time.Duration
}

func start(t *testing.T) *stopwatch { return &stopwatch{t, time.Now(), processors(t)} }

func (s *stopwatch) lap(what string) {
	used := processors(s.t)
	s.t.Logf("videoqa: %-25s %7.2f s, %7.2f s of processors", what, time.Since(s.last).Seconds(), (used - s.used).Seconds())
	s.last, s.used = time.Now(), processors(s.t)
}

// processors is the processor time that this process has used.
func processors(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

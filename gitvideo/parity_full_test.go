package gitvideo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	took := stopwatch{t, time.Now()}
	m := load(t, dir, cache, 2)
	took.lap("load, converting weights")
	clip := g.Clips[0]
	frames, err := m.Encode(t.Context(), g.bytes("0.pixels"), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		t.Fatal(err)
	}
	took.lap("vision, first run")
	p, all := prefixOf(t, m, g, 0, stored(t, frames), fullTolerance)
	took.lap("prefix, first run")
	for k, want := range clip.Prompts {
		r, c := continueGreedily(t, m, g, p, 0, k, fullTolerance)
		took.lap(fmt.Sprintf("greedy, %d steps", len(want.IDs)))
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
	if text, err := os.ReadFile(filepath.Join(dir, "times.json")); err == nil {
		var theirs struct {
			Threads int
			Seconds map[string]float64
		}
		if json.Unmarshal(text, &theirs) == nil {
			t.Logf("transformers with %d threads, seconds: %v", theirs.Threads, theirs.Seconds)
		}
	}
}

// A stopwatch logs how long each part took.
type stopwatch struct {
	t    *testing.T
	last time.Time
}

func (s *stopwatch) lap(what string) {
	s.t.Logf("%-28s %v", what, time.Since(s.last).Round(time.Millisecond))
	s.last = time.Now()
}

package onnx_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/native"
	"videoqa/internal/onnx"
)

// weighed writes y = x·wᵀ + b, in products of both kinds, and its data file, of which
// the last cut bytes are missing.
func weighed(t *testing.T, cut int64) (path string, ports onnx.Ports, data string) {
	t.Helper()
	dir, plan := t.TempDir(), onnx.NewData("weights.bin")
	w, b := plan.Add("w", onnx.Float, 2, 3), plan.Add("b", onnx.Float, 2)
	data = writeData(t, dir, plan, map[string][]byte{"w": little([]float32{1, 2, 3, 4, 5, 6}), "b": little([]float32{0.5, -0.5})})
	if err := os.Truncate(data, plan.Size()-cut); err != nil {
		t.Fatal(err)
	}
	g := onnx.NewGraph("test")
	x := g.Input("x", onnx.Float, "N", 3)
	g.Output("y", g.Add("sum", g.Gemm("gemm", x, g.Weight(w), g.Weight(b)), g.Linear("linear", x, g.Weight(w), g.Weight(b))))
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "test.onnx")
	if err := os.WriteFile(path, m.Bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, m.Ports, data
}

func TestSessionsReadOneMapping(t *testing.T) {
	before := native.Read().Handles
	path, ports, data := weighed(t, 0)
	w, err := onnx.OpenWeights(data)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []*onnx.Session
	for _, shared := range []bool{true, false} {
		s, err := load(t).Open(path, ports, onnx.SessionConfig{Threads: 1, SharedWeights: shared, Weights: w})
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil { // sessions keep it
		t.Error(err)
	}
	for i, s := range sessions {
		y := make([]float32, 2)
		if err := s.Run(t.Context(), onnx.Feed{"x": onnx.Floats([]float32{1, 1, 1}, 1, 3)}, onnx.Feed{"y": onnx.Floats(y, 1, 2)}); err != nil || !slices.Equal(y, []float32{13, 29}) {
			t.Errorf("session %d: have %v and %v, want [13 29]", i, y, err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	if after := native.Read().Handles; after != before {
		t.Errorf("%d handles are open, of %d before", after, before)
	}
}

func TestWeightsThatAreNotThere(t *testing.T) {
	if _, err := onnx.OpenWeights(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	path, ports, data := weighed(t, 4096)
	w, err := onnx.OpenWeights(data)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	before := native.Read().Handles
	if _, err := load(t).Open(path, ports, onnx.SessionConfig{Threads: 1, Weights: w}); err == nil || !strings.Contains(err.Error(), "weight b of") {
		t.Errorf("a file cut short: %v; want an error that names the weight", err)
	}
	if after := native.Read().Handles; after != before {
		t.Errorf("%d handles are open, of %d before", after, before)
	}
}

package onnx_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/native"
	"videoqa/internal/onnx"
)

// open builds y = x·wᵀ + b with w [2,3] in a data file, and opens it.
func open(t *testing.T, cfg onnx.SessionConfig) *onnx.Session {
	t.Helper()
	data := onnx.NewData("weights.bin")
	w, b := data.Add("w", onnx.Float, 2, 3), data.Add("b", onnx.Float, 2)
	values := map[string][]byte{"w": little([]float32{1, 2, 3, 4, 5, 6}), "b": little([]float32{0.5, -0.5})}
	g := onnx.NewGraph("test")
	g.Output("y", g.Gemm("fc", g.Input("x", onnx.Float, "N", 3), g.Weight(w), g.Weight(b)))
	return openWith(t, g, data, values, cfg)
}

// openWith opens g, whose data file, if data plans one, has those values.
func openWith(t testing.TB, g *onnx.Graph, data *onnx.Data, values map[string][]byte, cfg onnx.SessionConfig) *onnx.Session {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if data != nil {
		writeData(t, dir, data, values)
	}
	path := filepath.Join(dir, "g.onnx")
	if err := os.WriteFile(path, m.Bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := load(t).Open(path, m.Ports, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// writeData writes the planned weights.bin of values into dir.
func writeData(t testing.TB, dir string, data *onnx.Data, values map[string][]byte) (path string) {
	t.Helper()
	path = filepath.Join(dir, "weights.bin")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := data.Write(file, func(r onnx.Ref) ([]byte, error) { return values[r.Name], nil }); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB) *onnx.Runtime {
	t.Helper()
	lib := cmp.Or(os.Getenv("VIDEOQA_ONNXRUNTIME"), os.Getenv("VIDEOQA_ORT_LIB"))
	if lib == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME names no library; run: eval $(make env)")
	}
	r, err := onnx.OpenRuntime(lib)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSessionComputesIntoTheCallersMemory(t *testing.T) {
	for _, shared := range []bool{false, true} {
		s := open(t, onnx.SessionConfig{Threads: 1, SharedWeights: shared})
		x, y := []float32{1, 0, 0, 0, 1, 1}, make([]float32, 4)
		for range 2 { // the same memory serves again
			if err := s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(x, 2, 3)}, onnx.Feed{"y": onnx.Floats(y, 2, 2)}); err != nil {
				t.Fatal(err)
			}
			if want := []float32{1.5, 3.5, 5.5, 10.5}; !slices.Equal(y, want) {
				t.Errorf("y = %v; want %v", y, want)
			}
			clear(y)
		}
	}
}

func TestRunNamesWhatDoesNotFit(t *testing.T) {
	s := open(t, onnx.SessionConfig{Threads: 1})
	x, y := onnx.Floats(make([]float32, 6), 2, 3), onnx.Floats(make([]float32, 4), 2, 2)
	for _, tc := range []struct {
		name    string
		in, out onnx.Feed
		want    string
	}{
		{"a missing input", onnx.Feed{"z": x}, onnx.Feed{"y": y}, "no tensor was given for x"},
		{"one too many", onnx.Feed{"x": x, "z": x}, onnx.Feed{"y": y}, "2 tensors"},
		{"another type", onnx.Feed{"x": onnx.Ints(make([]int64, 6), 2, 3)}, onnx.Feed{"y": y}, "x is [2 3] of int64"},
		{"another width", onnx.Feed{"x": onnx.Floats(make([]float32, 8), 2, 4)}, onnx.Feed{"y": y}, "x is [2 4]"},
		{"a slice that is too short", onnx.Feed{"x": onnx.Floats(make([]float32, 5), 2, 3)}, onnx.Feed{"y": y}, "5 elements"},
		{"an output of other rows", onnx.Feed{"x": x}, onnx.Feed{"y": onnx.Floats(make([]float32, 6), 3, 2)}, "y is [3 2]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := s.Run(t.Context(), tc.in, tc.out); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Run gives %v; want %q", err, tc.want)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := open(t, onnx.SessionConfig{Threads: 1})
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the asker is gone")
	cancel(gone)
	err := s.Run(ctx, onnx.Feed{"x": onnx.Floats(make([]float32, 3), 1, 3)}, onnx.Feed{"y": onnx.Floats(make([]float32, 2), 1, 2)})
	if !errors.Is(err, gone) {
		t.Errorf("Run gives %v; want %v", err, gone)
	}
}

func TestARunMayBeToldToStopAtAnyMoment(t *testing.T) {
	s := open(t, onnx.SessionConfig{Threads: 1})
	const rows = 20000
	x, y := make([]float32, rows*3), make([]float32, rows*2)
	before := native.Read().Handles
	gone := errors.New("the asker is gone")
	for range 50 {
		ctx, cancel := context.WithCancelCause(t.Context())
		go cancel(gone) // before, during or after the run
		err := s.Run(ctx, onnx.Feed{"x": onnx.Floats(x, rows, 3)}, onnx.Feed{"y": onnx.Floats(y, rows, 2)})
		if err != nil && !errors.Is(err, gone) {
			t.Fatalf("Run gives %v; want nothing or %v", err, gone)
		}
	}
	if after := native.Read().Handles; after != before {
		t.Errorf("%d handles are live; want %d", after, before)
	}
}

func TestNothingIsHeldAfterClose(t *testing.T) {
	load(t)
	before := native.Read()
	s := open(t, onnx.SessionConfig{Threads: 1})
	for range 10 {
		_ = s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(make([]float32, 3), 1, 3)}, onnx.Feed{"y": onnx.Floats(make([]float32, 2), 1, 2)})
		_ = s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(make([]float32, 3), 1, 3)}, onnx.Feed{"y": onnx.Floats(nil, 7, 7)}) // fails
		if h := native.Read().Handles; h != before.Handles+1 {
			t.Fatalf("%d handles are live after a run; want the session's", h-before.Handles)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := native.Read(); after.Handles != before.Handles || after.Leaked != before.Leaked {
		t.Errorf("handles %+v after Close; want %+v", after, before)
	}
	if err := s.Run(t.Context(), nil, nil); err == nil {
		t.Error("a closed session ran")
	}
}

func TestAProcessHasOneLibrary(t *testing.T) {
	load(t)
	if _, err := onnx.OpenRuntime(filepath.Join(t.TempDir(), "libonnxruntime.so")); !errors.Is(err, fault.BadRequest) {
		t.Errorf("a second library gives %v; want %v", err, fault.BadRequest)
	}
}

func TestAnUnknownProviderIsRefused(t *testing.T) {
	_, err := load(t).Open("none.onnx", onnx.Ports{}, onnx.SessionConfig{Provider: "abacus"})
	if !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("Open gives %v; want %v naming it", err, fault.BadRequest)
	}
}

func TestTheLibraryIsFoundBesideTheProgram(t *testing.T) {
	root := t.TempDir()
	bin, lib := filepath.Join(root, "bin"), filepath.Join(root, "lib")
	if _, err := onnx.FindLibrary(bin); !errors.Is(err, fault.NotFound) {
		t.Errorf("FindLibrary without one gives %v; want %v", err, fault.NotFound)
	}
	if err := os.MkdirAll(lib, 0o755); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(lib, "libonnxruntime.so.1.24.1")
	if err := os.WriteFile(want, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{bin, root} {
		if got, err := onnx.FindLibrary(dir); got != want || err != nil {
			t.Errorf("FindLibrary(%s) = %s, %v; want %s", dir, got, err, want)
		}
	}
}

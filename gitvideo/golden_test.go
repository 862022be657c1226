package gitvideo

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/nn/decode"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// A golden is what transformers 4.56.2 says about a checkpoint; testdata/git/make.py
// and testdata/parity/parity.py write it beside the checkpoint.
type golden struct {
	Clips []goldenClip `json:"clips"`

	data    []byte // of golden.safetensors, behind its header
	tensors map[string]goldenTensor
}

type goldenTensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

type goldenClip struct {
	Frames, Height, Width int
	Video                 bool
	Prompts               []goldenPrompt
}

type goldenPrompt struct {
	Prompt, IDs []int64
	LogProb     float64
	Cut         bool
	Beams       []goldenBeam
	Choices     [][]int64
	Scores      []float64
}

type goldenBeam struct {
	Width, Limit int
	IDs          []int64
	LogProb      float64
	Cut          bool
}

// readGolden reads the goldens in dir.
func readGolden(t testing.TB, dir string) *golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(all)
	if err := json.Unmarshal(all[8:8+n], &g.tensors); err != nil {
		t.Fatal(err)
	}
	g.data = all[8+n:]
	return g
}

// bytes returns a tensor of the goldens, nil if there is none.
func (g *golden) bytes(name string) []byte {
	t, ok := g.tensors[name]
	if !ok {
		return nil
	}
	return g.data[t.Offsets[0]:t.Offsets[1]]
}

// floats returns a float32 tensor of the goldens.
func (g *golden) floats(name string) []float32 {
	b := g.bytes(name)
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// library is the ONNX Runtime to test with.
func library(t testing.TB) string {
	t.Helper()
	lib := cmp.Or(os.Getenv("VIDEOQA_ONNXRUNTIME"), os.Getenv("VIDEOQA_ORT_LIB"))
	if lib == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME names no library; run: eval $(make env)")
	}
	return lib
}

// load makes the checkpoint in dir ready with its graphs under cache.
func load(t testing.TB, dir, cache string, threads int) *Model {
	t.Helper()
	return loadAs(t, vlm.FP32, dir, cache, threads)
}

func loadAs(t testing.TB, p vlm.Precision, dir, cache string, threads int) *Model {
	t.Helper()
	pictures, words := formsOf(p, false)
	return loadForms(t, p, pictures, words, dir, cache, threads)
}

// loadForms is loadAs as another processor would have it.
func loadForms(t testing.TB, p vlm.Precision, pictures, words weights.Form, dir, cache string, threads int) *Model {
	t.Helper()
	c, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	from, err := read(c)
	if err != nil {
		t.Fatal(err)
	}
	rt, err := onnx.OpenRuntime(library(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := loadIn(t.Context(), from, Config{CacheDir: cache, Threads: threads}, rt, p, pictures, words)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// A comparison is how far two tensors are apart.
type comparison struct {
	what         string
	worst, scale float64 // largest difference, largest magnitude wanted
	limit        float64
}

func (c comparison) ok() bool { return c.worst <= c.limit }

func (c comparison) String() string {
	return fmt.Sprintf("%-28s max difference %.2e of %.3g, limit %.1e", c.what, c.worst, c.scale, c.limit)
}

// compare holds got to want within tolerance·max(1, largest magnitude).
func compare(what string, got, want []float32, tolerance float64) comparison {
	c := comparison{what: what}
	if len(got) != len(want) || len(want) == 0 {
		c.worst = math.Inf(1)
		return c
	}
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= c.worst) { // NaN is worst
			c.worst = d
		}
		c.scale = max(c.scale, math.Abs(float64(want[i])))
	}
	c.limit = tolerance * max(1, c.scale)
	return c
}

// A recorder is a search that keeps the logits it was shown.
type recorder struct {
	decode.Search
	seen *[]float32
}

func (r recorder) Advance(logits [][]float32) []decode.Branch {
	for _, l := range logits {
		*r.seen = append(*r.seen, l...)
	}
	return r.Search.Advance(logits)
}

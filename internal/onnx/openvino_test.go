package onnx_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// withOpenVINO skips a test where the library comes without.
func withOpenVINO(t *testing.T) *onnx.Runtime {
	t.Helper()
	r := load(t)
	if !onnx.HasOpenVINO(cmp.Or(os.Getenv("VIDEOQA_ONNXRUNTIME"), os.Getenv("VIDEOQA_ORT_LIB"))) {
		t.Skip("the library has no OpenVINO beside it: deploy/deps.sh brings one that has, on x86-64")
	}
	return r
}

// session writes what describe describes and opens it.
func session(t testing.TB, g *onnx.Graph, cfg onnx.SessionConfig, describe func(g *onnx.Graph)) *onnx.Session {
	t.Helper()
	describe(g)
	return openWith(t, g, nil, nil, cfg)
}

func randoms(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func TestPlainOperatorsUnderOpenVINOComputeTheSame(t *testing.T) {
	withOpenVINO(t)
	const b, n, d, heads = 2, 5, 8, 2
	rng := rand.New(rand.NewPCG(1, 2))
	gamma, beta := randoms(rng, d), randoms(rng, d)
	weights, bias := randoms(rng, d*d), randoms(rng, d)
	for name, describe := range map[string]func(g *onnx.Graph, x onnx.Value) onnx.Value{
		"attention": func(g *onnx.Graph, x onnx.Value) onnx.Value { return g.MultiHeadAttention("a", x, x, x, heads) },
		"norm of a sum": func(g *onnx.Graph, x onnx.Value) onnx.Value {
			norm, sum := g.SkipLayerNorm("n", x, onnx.Norm{Skip: x, Gamma: g.Constant("gamma", gamma, d), Beta: g.Constant("beta", beta, d), Epsilon: 1e-5})
			return g.Add("both", norm, sum)
		},
		"gelu":  func(g *onnx.Graph, x onnx.Value) onnx.Value { return g.Gelu("a", x) },
		"fast":  func(g *onnx.Graph, x onnx.Value) onnx.Value { return g.FastGelu("a", x) },
		"quick": func(g *onnx.Graph, x onnx.Value) onnx.Value { return g.QuickGelu("b", g.QuickGelu("a", x, 1.702), 1) },
		"linear": func(g *onnx.Graph, x onnx.Value) onnx.Value {
			y := g.Gemm("fc", g.Reshape("flat", x, b*n, d), g.Constant("w", weights, d, d), g.Constant("b", bias, d))
			return g.Reshape("y", y, b, n, d)
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := randoms(rng, b*n*d)
			run := func(g *onnx.Graph, cfg onnx.SessionConfig) []float32 {
				t.Helper()
				y := make([]float32, b*n*d)
				s := session(t, g, cfg, func(g *onnx.Graph) { g.Output("out", describe(g, g.Input("x", onnx.Float, b, n, d))) })
				if err := s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(x, b, n, d)}, onnx.Feed{"out": onnx.Floats(y, b, n, d)}); err != nil {
					t.Fatal(err)
				}
				return y
			}
			want := run(onnx.NewGraph("own"), onnx.SessionConfig{Threads: 1})
			for what, got := range map[string][]float32{
				"plain on the CPU": run(onnx.NewPlainGraph("plain"), onnx.SessionConfig{Threads: 1}),
				"OpenVINO":         run(onnx.NewPlainGraph("plain"), onnx.SessionConfig{Threads: 1, Provider: onnx.OpenVINO}),
			} {
				for i := range want {
					if math.Abs(float64(got[i]-want[i])) > 2e-5*math.Max(1, math.Abs(float64(want[i]))) {
						t.Fatalf("%s: %g at %d; want %g", what, got[i], i, want[i])
					}
				}
			}
		})
	}
}

func TestAGraphThatOpenVINODoesNotKnowIsRefusedWhole(t *testing.T) {
	r := withOpenVINO(t)
	g := onnx.NewGraph("own")
	x := g.Input("x", onnx.Float, 1, 2, 4)
	g.Output("y", g.MultiHeadAttention("a", x, x, x, 2))
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "g.onnx")
	if err := os.WriteFile(path, m.Bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Open(path, m.Ports, onnx.SessionConfig{Threads: 1, Provider: onnx.OpenVINO}); err == nil {
		s.Close()
		t.Error("a node fell back to the CPU provider, and nobody was told")
	}
	if _, err := r.Open(path, m.Ports, onnx.SessionConfig{BFloat16: true}); !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), "bfloat16") {
		t.Errorf("bfloat16 on the CPU provider gives %v", err)
	}
}

// Sessions come and go on many threads while Go's scheduler sends its signals:
// OpenVINO's plugin must not leave a thread with a signal stack that is gone.
func TestOpenVINOLeavesSignalsAlone(t *testing.T) {
	withOpenVINO(t)
	stop := make(chan struct{})
	var busy, work sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) { // more than there are processors: they are preempted
		busy.Go(func() {
			for n := 0; ; n++ {
				if n%1_000_000 == 0 {
					select {
					case <-stop:
						return
					default:
					}
				}
			}
		})
	}
	for i := range 4 {
		work.Go(func() {
			runtime.LockOSThread() // and the thread ends with the goroutine
			for k := range 3 {
				g := onnx.NewPlainGraph(fmt.Sprint(i, k))
				s := session(t, g, onnx.SessionConfig{Threads: 1, Provider: onnx.OpenVINO}, func(g *onnx.Graph) {
					g.Output("y", g.QuickGelu("a", g.Input("x", onnx.Float, 2, 4), 1))
				})
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	close(stop)
	busy.Wait()
}

package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/eventually"
	"videoqa/internal/onnx/kernels"
)

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

// The kernel sets that must be there, by name, separated by commas: with VIDEOQA_KERNEL_SETS,
// what would be skipped fails.
var wanted = strings.Split(os.Getenv("VIDEOQA_KERNEL_SETS"), ",")

// everySet runs test with each kernel set. Sets that this processor lacks are skipped.
func everySet(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Cleanup(func() { kernels.Use("") })
	for _, name := range kernels.Names {
		t.Run(name, func(t *testing.T) {
			switch {
			case kernels.Use(name):
				test(t)
			case slices.Contains(wanted, name):
				t.Errorf("this processor lacks the kernel set %s, which VIDEOQA_KERNEL_SETS names", name)
			default:
				t.Skipf("this processor lacks the kernel set %s; run on one that has it", name)
			}
		})
	}
}

// TestMain says which kernel sets the tests run with.
func TestMain(m *testing.M) {
	var have, lack []string
	for _, name := range kernels.Names {
		if kernels.Use(name) {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	kernels.Use("")
	fmt.Printf("kernel sets tested: %s; this processor lacks: %s\n", strings.Join(have, ", "), strings.Join(append(lack, "no other")[:max(1, len(lack))], ", "))
	os.Exit(m.Run())
}

func TestOneKernelSetIsAlwaysThere(t *testing.T) {
	defer kernels.Use("")
	if !kernels.Use(kernels.Names[0]) || kernels.InUse() != kernels.Names[0] {
		t.Errorf("the plainest set %q is not there", kernels.Names[0])
	}
	if kernels.Use("abacus") {
		t.Error("there is a kernel set of an unknown name")
	}
	if !kernels.Use("") || !slices.Contains(kernels.Names, kernels.InUse()) {
		t.Errorf("the best set is %q, which is not among %q", kernels.InUse(), kernels.Names)
	}
}

// Whatever a kernel set defines is gone behind it, so that no order of inclusion matters.
func TestAKernelSetLeavesNoMacro(t *testing.T) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	macros := func(args ...string) []string {
		cmd := exec.Command(cc, append([]string{"-dM", "-E", "-I."}, args...)...)
		cmd.Stdin = strings.NewReader("#include <immintrin.h>\n#include <math.h>\n#include <stdlib.h>\n#include <string.h>\n#include \"kernels.h\"\n#include \"workspace.h\"\n")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		return regexp.MustCompile(`(?m)^#define (\w+)`).FindAllString(string(out), -1)
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the header of AVX's instructions is for x86-64; run on one")
	}
	before := macros("-xc", "-")
	for _, file := range []string{"set_plain.c", "set_avx2.c", "set_avx512.c", "set_avx512bf16.c"} {
		for _, m := range macros(file) {
			if !slices.Contains(before, m) {
				t.Errorf("%s leaves %s behind", file, strings.TrimPrefix(m, "#define "))
			}
		}
	}
}

func TestAThreadThatEndsGivesItsWorkspaceBack(t *testing.T) {
	const rows, n = 20, 64 // of one task, which the calling thread does
	l := kernels.Product{X: make([]float32, rows*n), Weight: kernels.Panels(kernels.BFloat16, make([]float32, n*n), n, nil), Bias: make([]float32, n), Y: make([]float32, rows*n), Rows: rows, In: n, Out: n, Format: kernels.BFloat16}
	ran, end := make(chan error), make(chan struct{})
	const threads = 2 // the process's first one never ends
	for range threads {
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with this function
			ran <- l.Run()
			<-end
		}()
	}
	for range threads {
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}
	before := kernels.Workspaces()
	close(end)
	eventually.True(t, fmt.Sprintf("a thread that ends gives back its workspace, of %d bytes in all", before), func() bool { return kernels.Workspaces() < before })
}

// randoms are n normal numbers.
func randoms(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// near fails unless got is want, by no more than tolerance and by less than that of size.
func near(t *testing.T, got []float32, want []float64, tolerance float64, what string, args ...any) {
	t.Helper()
	for i, w := range want {
		if g := float64(got[i]); !(math.Abs(g-w) <= tolerance*(1+math.Abs(w))) {
			t.Fatalf("%s: number %d of %d is %g, want %g", fmt.Sprintf(what, args...), i, len(want), g, w)
		}
	}
}

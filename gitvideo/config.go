package gitvideo

import (
	"fmt"
	"slices"
	"strings"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// Revision names the arithmetic of this package and of the graphs it builds. It
// belongs into the keys of whatever is computed here and kept elsewhere, and
// changes whenever a stored value could differ.
const Revision = "git-4"

// Config says how a checkpoint is run. Its zero value wants only CacheDir and
// Library.
type Config struct {
	// CacheDir holds the built graphs and the converted weights, below
	// graphs/<model digest>-<precision>-<revision>/. Needed.
	CacheDir string
	// Library is the path of the ONNX Runtime library. Needed. A process loads
	// one library only.
	Library string
	// Threads is how many cores a run may use; 0 means all that Go may use.
	Threads int
	// Precision of the arithmetic; empty means Auto.
	Precision Precision
	// Device is where graphs over pictures run: "cpu", "cuda", or empty, which means
	// cpu. The text step runs on the CPU.
	Device string
	// Preprocessor is the preprocessing in use, whose arithmetic on pixels is
	// folded into the patch weights; nil means the checkpoint's own. Resizing and
	// cropping are the caller's.
	Preprocessor *checkpoint.Preprocessor
}

// Validate names the first field of c that cannot be used, as [fault.BadRequest].
func (c Config) Validate() error {
	switch {
	case c.CacheDir == "":
		return fmt.Errorf("gitvideo: check config: CacheDir is empty: %w", fault.BadRequest)
	case c.Library == "":
		return fmt.Errorf("gitvideo: check config: Library is empty: %w", fault.BadRequest)
	case c.Threads < 0:
		return fmt.Errorf("gitvideo: check config: Threads is %d: %w", c.Threads, fault.BadRequest)
	case c.Device != "" && c.Device != CPU && c.Device != CUDA:
		return fmt.Errorf("gitvideo: check config: Device %q is not built in; have %s, %s: %w", c.Device, CPU, CUDA, fault.BadRequest)
	}
	return c.Precision.check()
}

// The devices by their names.
const (
	CPU  = "cpu"
	CUDA = "cuda"
)

// Precision is the arithmetic of a model's large products.
type Precision string

// The precisions by their names on the command line. FP32 is what parity is
// measured with. BF16 rounds what goes into the products over pictures, those of the
// vision tower and the prefix, to bfloat16; it needs a processor with AVX512-BF16.
// INT8 rounds what goes into all products to 8 bits, and what goes into attention over
// pictures as BF16 does where the processor can; sums, norms and embeddings stay
// float32. FP16 computes over pictures in float16,
// their patches aside, which is what a GPU is fast at; a CPU only checks it. Those in two words have products over
// pictures in the first, and the text step in 8 bits. Auto is what pays of all but
// INT8, whose features an outlier among a picture's activations can hurt.
const (
	Auto     Precision = "auto"
	FP32     Precision = "fp32"
	BF16     Precision = "bf16"
	INT8     Precision = "int8"
	FP16     Precision = "fp16"
	FP16INT8 Precision = "fp16+int8"
	FP32INT8 Precision = "fp32+int8"
	BF16INT8 Precision = "bf16+int8"
)

// Precisions are all of them.
func Precisions() []Precision {
	return []Precision{Auto, FP32, BF16, INT8, FP16, FP32INT8, BF16INT8, FP16INT8}
}

// Pictures is the precision of features and prefixes: what keys of those hold.
func (p Precision) Pictures() Precision {
	pictures, _, _ := strings.Cut(string(p), "+")
	return Precision(pictures)
}

// words is the precision of the text step.
func (p Precision) words() Precision {
	_, words, two := strings.Cut(string(p), "+")
	switch {
	case two:
		return Precision(words)
	case p == INT8:
		return INT8
	}
	return FP32
}

// check refuses what is not built in, as [fault.BadRequest].
func (p Precision) check() error {
	if p == "" || slices.Contains(Precisions(), p) {
		return nil
	}
	return fmt.Errorf("gitvideo: choose precision: %q is not built in; have %q: %w", p, Precisions(), fault.BadRequest)
}

// small is the size of weights below which neither BF16 nor 8 bits pay: they would
// save some milliseconds.
const small = 64 << 20

// For is the precision that a model of configuration c gets here, on that device by
// that ONNX Runtime library. It returns [fault.BadRequest] for what this machine cannot
// do.
func (p Precision) For(c checkpoint.Config, device, library string) (Precision, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	if device == CUDA {
		return p.onCUDA(library)
	}
	bfloat16 := onnx.Multiplies(onnx.BFloat16)
	switch {
	case p.Pictures() == BF16 && !bfloat16:
		return "", fmt.Errorf("gitvideo: choose precision %s: this processor has no AVX512-BF16: %w", p, fault.BadRequest)
	case p != Auto && p != "":
		return p, nil
	case newLayout(specOf(c), false, whole, whole).data.Size() < small:
		return FP32, nil
	}
	return best(bfloat16, onnx.ByteProducts()), nil
}

// onCUDA is For on a CUDA device, which computes over pictures in float16.
func (p Precision) onCUDA(library string) (Precision, error) {
	switch {
	case !onnx.HasCUDA(library):
		return "", fmt.Errorf("gitvideo: choose device cuda: the ONNX Runtime library has no CUDA beside it; VIDEOQA_ONNXRUNTIME can name one that has: %w", fault.BadRequest)
	case p == Auto || p == "":
		if onnx.ByteProducts() {
			return FP16INT8, nil
		}
		return FP16, nil
	case p.Pictures() != FP16:
		return "", fmt.Errorf("gitvideo: choose precision %s: device cuda has %s and %s: %w", p, FP16, FP16INT8, fault.BadRequest)
	}
	return p, nil
}

// best is what Auto becomes for a large model.
func best(bfloat16, byteProducts bool) Precision {
	switch {
	case bfloat16 && byteProducts:
		return BF16INT8
	case bfloat16:
		return BF16
	case byteProducts:
		return FP32INT8
	}
	return FP32
}

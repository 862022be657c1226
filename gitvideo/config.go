package gitvideo

import (
	"fmt"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// Revision names the arithmetic of this package and of the graphs it builds. It
// belongs into the keys of whatever is computed here and kept elsewhere, and
// changes whenever a stored value could differ.
const Revision = "git-1"

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
	// Device is "cpu" or empty, which means the same.
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
	case c.Device != "" && c.Device != "cpu":
		return fmt.Errorf("gitvideo: check config: Device %q is not built in; have cpu: %w", c.Device, fault.BadRequest)
	}
	return c.Precision.check()
}

// Precision is the arithmetic of a model's large products.
type Precision string

// The precisions by their names on the command line. FP32 is what parity is
// measured with. BF16 rounds what goes into the products of the vision tower and
// the prefix to bfloat16, through OpenVINO; it needs a processor with
// AVX512-BF16 or AMX. Auto is BF16 where it pays, else FP32.
const (
	Auto Precision = "auto"
	FP32 Precision = "fp32"
	BF16 Precision = "bf16"
	INT8 Precision = "int8"
)

// check refuses what is not built in, as [fault.BadRequest].
func (p Precision) check() error {
	switch p {
	case "", Auto, FP32, BF16:
		return nil
	}
	return fmt.Errorf("gitvideo: choose precision: %q is not built in; have %s, %s, %s: %w", p, Auto, FP32, BF16, fault.BadRequest)
}

// small is the size of weights below which BF16 does not pay: OpenVINO takes a
// tenth of a second to open a graph, and a small one saves some milliseconds.
const small = 64 << 20

// For is the precision that a model of configuration c gets here by that ONNX
// Runtime library. It returns [fault.BadRequest] for what this machine cannot do.
func (p Precision) For(c checkpoint.Config, library string) (Precision, error) {
	missing := ""
	switch {
	case !onnx.BFloat16():
		missing = "this processor has neither AVX512-BF16 nor AMX-BF16"
	case !onnx.HasOpenVINO(library):
		missing = "the ONNX Runtime library has no OpenVINO beside it"
	}
	switch {
	case p.check() != nil:
		return "", p.check()
	case p == BF16 && missing != "":
		return "", fmt.Errorf("gitvideo: choose precision %s: %s: %w", p, missing, fault.BadRequest)
	case p == BF16, p != FP32 && missing == "" && newLayout(specOf(c), false).data.Size() >= small:
		return BF16, nil
	}
	return FP32, nil
}

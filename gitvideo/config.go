package gitvideo

import (
	"fmt"
	"strings"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
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
	_, err := c.Precision.resolve()
	return err
}

// Precision is the arithmetic of a model's large products.
type Precision string

// The precisions by their names on the command line. FP32 is what parity is
// measured with.
const (
	Auto Precision = "auto"
	FP32 Precision = "fp32"
	BF16 Precision = "bf16"
	INT8 Precision = "int8"
)

// built lists what resolve can give, for messages.
var built = []Precision{FP32}

// resolve turns Auto and the empty value into what this machine gets, and
// refuses what is not built in, as [fault.BadRequest].
func (p Precision) resolve() (Precision, error) {
	switch p {
	case "", Auto, FP32:
		return FP32, nil
	}
	names := make([]string, len(built))
	for i, b := range built {
		names[i] = string(b)
	}
	return "", fmt.Errorf("gitvideo: choose precision: %q is not built in; have auto, %s: %w", p, strings.Join(names, ", "), fault.BadRequest)
}

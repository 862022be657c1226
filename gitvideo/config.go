package gitvideo

import (
	"fmt"

	"videoqa/internal/fault"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
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
	Precision vlm.Precision
	// Device is where graphs over pictures run: "cpu", "cuda", or empty, which means
	// cpu. The text step runs on the CPU.
	Device string
	// Preprocess chooses how pictures are prepared; empty means vlm.Hub.
	Preprocess vlm.Preprocess
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
	if err := c.Precision.Validate(); err != nil {
		return fmt.Errorf("gitvideo: check config: %w", err)
	}
	return nil
}

// The devices by their names.
const (
	CPU  = "cpu"
	CUDA = "cuda"
)

// small is the size of weights below which neither BF16 nor 8 bits pay: they would
// save some milliseconds.
const small = 64 << 20

// precisionFor is what p becomes for a model of configuration c here, on that device
// by that ONNX Runtime library. It returns [fault.BadRequest] for what this machine
// cannot do.
func precisionFor(p vlm.Precision, c modelConfig, device, library string) (vlm.Precision, error) {
	if err := p.Validate(); err != nil {
		return "", fmt.Errorf("gitvideo: %w", err)
	}
	if device == CUDA {
		return onCUDA(p, library)
	}
	bfloat16 := onnx.Multiplies(onnx.BFloat16)
	switch {
	case p.Pictures() == vlm.BF16 && !bfloat16:
		return "", fmt.Errorf("gitvideo: choose precision %s: this processor has no AVX512-BF16: %w", p, fault.BadRequest)
	case p != vlm.Auto && p != "":
		return p, nil
	case newLayout(specOf(c), false, weights.Plain, weights.Plain).plan.Size() < small:
		return vlm.FP32, nil
	}
	return best(bfloat16, onnx.ByteProducts()), nil
}

// onCUDA is precisionFor on a CUDA device, which computes over pictures in float16.
func onCUDA(p vlm.Precision, library string) (vlm.Precision, error) {
	switch {
	case !onnx.HasCUDA(library):
		return "", fmt.Errorf("gitvideo: choose device cuda: the ONNX Runtime library has no CUDA beside it; VIDEOQA_ONNXRUNTIME can name one that has: %w", fault.BadRequest)
	case p == vlm.Auto || p == "":
		if onnx.ByteProducts() {
			return vlm.FP16INT8, nil
		}
		return vlm.FP16, nil
	case p.Pictures() != vlm.FP16:
		return "", fmt.Errorf("gitvideo: choose precision %s: device cuda has %s and %s: %w", p, vlm.FP16, vlm.FP16INT8, fault.BadRequest)
	}
	return p, nil
}

// best is what Auto becomes for a large model.
func best(bfloat16, byteProducts bool) vlm.Precision {
	switch {
	case bfloat16 && byteProducts:
		return vlm.BF16INT8
	case bfloat16:
		return vlm.BF16
	case byteProducts:
		return vlm.FP32INT8
	}
	return vlm.FP32
}

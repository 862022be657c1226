package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"

	"videoqa/internal/fault"
)

// A Runtime is the one ONNX Runtime of the process. It stays loaded until the
// process ends: its libraries are not made to be unloaded.
type Runtime struct {
	library string
	domain  unsafe.Pointer // of our operators

	anchoring sync.Mutex
	anchored  bool // OpenVINO is loaded
}

// process is the one state of this package that outlives its callers, because
// the binding keeps the library and its environment in globals of its own: what
// is loaded once must be remembered beside it.
var process struct {
	sync.Mutex
	runtime *Runtime
}

// OpenRuntime loads the library at path, or returns the Runtime if that library
// is loaded already. A second library in the same process is an error. Versions
// from 1.24 on are accepted.
func OpenRuntime(path string) (*Runtime, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: load library %s: %w", path, err)
	}
	process.Lock()
	defer process.Unlock()
	if r := process.runtime; r != nil {
		if r.library != path {
			return nil, fmt.Errorf("onnx: load library %s: %s is loaded, and a process has one: %w", path, r.library, fault.BadRequest)
		}
		return r, nil
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, fmt.Errorf("onnx: load library %s (1.24 or newer is needed): %w: %w", path, err, fault.Unavailable)
	}
	domain, err := openDomain(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: load library %s: %w: %w", path, err, fault.Unavailable)
	}
	process.runtime = &Runtime{library: path, domain: domain}
	return process.runtime, nil
}

// Version is the library's own, such as "1.24.1".
func (r *Runtime) Version() string { return ort.GetVersion() }

// HasOpenVINO reports whether the library at a path comes with that provider, which is
// one more library beside it.
func HasOpenVINO(library string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(library), "libonnxruntime_providers_openvino.so"))
	return err == nil
}

// HasCUDA is HasOpenVINO for CUDA's.
func HasCUDA(library string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(library), "libonnxruntime_providers_cuda.so"))
	return err == nil
}

// Multiplies reports whether this processor has what makes [Graph.Product] fast with
// weights of t. Those of any type can be run on every processor.
func Multiplies(t DType) bool {
	x := cpu.X86
	tiles := x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	switch t {
	case BFloat16:
		return tiles && x.HasAVX512BF16
	case Uint8:
		return tiles && x.HasAVX512VNNI
	}
	return t == Float && x.HasAVX2 && x.HasFMA
}

// HasAMX reports whether this processor multiplies matrices of bfloat16, which OpenVINO
// has it do, several times as fast as rows of them.
func HasAMX() bool { return cpu.X86.HasAMXBF16 }

// ByteProducts reports whether this processor adds up products of bytes without
// saturating in between (VNNI), which makes [Graph.MatMulBlocks] fast.
func ByteProducts() bool { return cpu.X86.HasAVX512VNNI || cpu.X86.HasAVXVNNI }

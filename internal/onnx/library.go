package onnx

import (
	"fmt"
	"os"
	"path/filepath"

	"videoqa/internal/fault"
)

// FindLibrary looks for ONNX Runtime where a packed program has it: in lib
// beside the folder's programs, or beside the folder. It returns
// [fault.NotFound] with the places looked at.
func FindLibrary(exeDir string) (string, error) {
	places := []string{filepath.Join(exeDir, "lib"), filepath.Join(filepath.Dir(filepath.Clean(exeDir)), "lib")}
	for _, dir := range places {
		// The plain name, else the newest version: Glob sorts, and versions
		// that differ are not packed together.
		names, _ := filepath.Glob(filepath.Join(dir, "libonnxruntime.so*")) // the pattern is well formed
		for _, n := range names {
			if info, err := os.Stat(n); err == nil && info.Mode().IsRegular() {
				return n, nil
			}
		}
	}
	return "", fmt.Errorf("onnx: find libonnxruntime.so in %v: %w", places, fault.NotFound)
}

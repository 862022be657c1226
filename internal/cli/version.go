package cli

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"videoqa/frames"
)

// Version is videoqa version.
type Version struct{}

// Run prints the versions.
func (Version) Run(a *App) error {
	_, err := fmt.Fprintf(a.Out, "videoqa %s\ngo %s %s/%s\n%s\n", a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, frames.Libraries())
	if err != nil {
		return err
	}
	if library, err := a.machine().Library(); err == nil {
		if real, err := filepath.EvalSymlinks(library); err == nil {
			library = real
		}
		if _, err := fmt.Fprintf(a.Out, "ONNX Runtime from %s, MIT\n", library); err != nil {
			return err
		}
	}
	info, ok := debug.ReadBuildInfo()
	for _, d := range info.Deps {
		switch d.Path {
		case "github.com/asticode/go-astiav", "github.com/yalue/onnxruntime_go", "github.com/daulet/tokenizers", "github.com/segmentio/kafka-go":
			if _, err := fmt.Fprintf(a.Out, "%s %s\n", d.Path, d.Version); err != nil || !ok {
				return err
			}
		}
	}
	return nil
}

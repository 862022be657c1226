package frames

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

// TestMutatedStillsAreReadAsPillowReadsThem compares what is accepted, sizes and every pixel over some thousand damaged files.
func TestMutatedStillsAreReadAsPillowReadsThem(t *testing.T) {
	folder := os.Getenv("VIDEOQA_MUTATED_STILLS")
	if folder == "" {
		t.Skip("python testdata/pillow/mutate_stills.py FOLDER && VIDEOQA_MUTATED_STILLS=FOLDER go test ./frames -run Mutated")
	}
	golden, err := os.ReadFile(filepath.Join(folder, "golden"))
	if err != nil {
		t.Fatal(err)
	}
	files, refused := 0, 0
	for line := range strings.Lines(string(golden)) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		files++
		if strings.HasPrefix(want, "refused") {
			refused++
		}
		if differs := differsFromPillow(folder, name, want); differs != "" {
			t.Errorf("%s: %s", name, differs)
		}
	}
	t.Logf("%d files, of which Pillow refuses %d", files, refused)
}

// differsFromPillow says how a file is read otherwise than want says; empty: it is not.
func differsFromPillow(folder, name, want string) string {
	file, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return err.Error()
	}
	p, _, err := DecodeStill(context.Background(), bytes.NewReader(file), int64(len(file)), Limits{Bytes: testStillBytes, Pixels: 1 << 22})
	switch {
	case errors.Is(err, fault.TooLarge) && strings.Contains(want, "refused"):
		return ""
	case err != nil && strings.HasPrefix(want, "refused"):
		return ""
	case err != nil:
		return fmt.Sprintf("%v; Pillow reads it: %.30s", err, want)
	case strings.HasPrefix(want, "refused"):
		return "read, and Pillow " + want
	}
	var width, height int
	if _, err := fmt.Sscan(want, &width, &height); err != nil || p.Width != width || p.Height != height {
		return fmt.Sprintf("%dx%d; want %.30s", p.Width, p.Height, want)
	}
	pixels, err := os.ReadFile(filepath.Join(folder, name+".rgb"))
	if err != nil {
		return err.Error()
	}
	worst, differ := 0, 0
	for i, v := range pixels {
		d := max(int(v), int(p.Pix[i])) - min(int(v), int(p.Pix[i]))
		worst = max(worst, d)
		if d > 0 {
			differ++
		}
	}
	if differ > 0 {
		return fmt.Sprintf("%d of %d samples differ, by %d at most", differ, len(pixels), worst)
	}
	return ""
}

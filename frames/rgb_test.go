package frames_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/frames"
)

// The ffmpeg program with the same flags may differ by one level, because its
// version does.
func TestColoursEqualTheFFmpegProgramsWithinOneLevel(t *testing.T) {
	goldens, err := filepath.Glob(filepath.Join(clips, "rgb", "*.png"))
	if err != nil || len(goldens) < 10 {
		t.Fatalf("found %d pictures in %s/rgb, %v", len(goldens), clips, err)
	}
	for _, path := range goldens {
		name := strings.TrimSuffix(filepath.Base(path), ".png")
		t.Run(name, func(t *testing.T) {
			want := readPNG(t, path)
			data := clip(t, name)
			pics, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload())
			if err != nil {
				t.Fatal(err)
			}
			if report.NoToneMapping != (name == "hdr.mp4") {
				t.Errorf("no tone mapping is %v", report.NoToneMapping)
			}
			got := pics[0]
			if got.Width != want.Rect.Dx() || got.Height != want.Rect.Dy() {
				t.Fatalf("the picture has %d x %d pixels; want %v", got.Width, got.Height, want.Rect)
			}
			if d := largest(got, want); d > 1 {
				t.Errorf("a colour differs by %d levels", d)
			}
		})
	}
}

func readPNG(t *testing.T, path string) *image.NRGBA {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewNRGBA(im.Bounds())
	for y := range im.Bounds().Dy() {
		for x := range im.Bounds().Dx() {
			out.Set(x, y, im.At(x, y))
		}
	}
	return out
}

func largest(p frames.Picture, want *image.NRGBA) (worst int) {
	for i := range p.Width * p.Height {
		for c := range 3 {
			d := int(p.Pix[3*i+c]) - int(want.Pix[4*i+c])
			worst = max(worst, d, -d)
		}
	}
	return worst
}

package gitvideo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// halfApart is how far float16 may take features, keys, values and logits: its eleven
// binary digits are eight times bfloat16's.
const halfApart = 1e-4

// What a GPU runs is checked here on the CPU, which computes the same graph operator
// by operator in float32 and rounds between them.
func TestHalfStaysNearTransformers(t *testing.T) {
	for _, name := range []string{"image", "video"} {
		dir := filepath.Join("..", "testdata", "git", name)
		g, m := readGolden(t, dir), loadAs(t, vlm.FP16, dir, t.TempDir(), 1)
		for i, clip := range g.Clips {
			t.Run(fmt.Sprintf("%s %d: %d frames of %dx%d", name, i, clip.Frames, clip.Width, clip.Height), func(t *testing.T) {
				checkNear(t, m, g, i, halfApart)
			})
		}
	}
}

func TestTheDemonstrationModelStaysNearInHalf(t *testing.T) {
	exact, rounded := demoPrefix(t, demo(t, vlm.FP32)), demoPrefix(t, demo(t, vlm.FP16))
	for layer := range exact.keys {
		for kind, d := range map[string]float64{"keys": apart(keysOf(rounded, layer), keysOf(exact, layer)), "values": apart(valuesOf(rounded, layer), valuesOf(exact, layer))} {
			if !(d < halfApart) {
				t.Errorf("%s of layer %d: %.2g apart; want below %g", kind, layer, d, halfApart)
			}
		}
	}
}

func TestADeviceWantsItsLibraryAndPrecision(t *testing.T) {
	dir := t.TempDir()
	without, with := filepath.Join(dir, "libonnxruntime.so"), filepath.Join(dir, "cuda", "libonnxruntime.so")
	if err := os.Mkdir(filepath.Dir(with), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(with), "libonnxruntime_providers_cuda.so"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := demo(t, vlm.FP32).config
	for _, tc := range []struct {
		p       vlm.Precision
		library string
		want    vlm.Precision // before what is for words; "": refused
	}{{vlm.Auto, with, vlm.FP16}, {vlm.FP16, with, vlm.FP16}, {vlm.FP16INT8, with, vlm.FP16}, {vlm.FP32, with, ""}, {vlm.BF16, with, ""}, {vlm.Auto, without, ""}} {
		got, err := precisionFor(tc.p, c, CUDA, tc.library)
		if got.Pictures() != tc.want || (tc.want == "") != errors.Is(err, fault.BadRequest) {
			t.Errorf("%s becomes %q, %v; want %q", tc.p, got, err, tc.want)
		}
	}
}

// BenchmarkDevice encodes batches on the device that VIDEOQA_DEVICE names, of the
// demonstration model; make bench-device does so of a random GIT-base.
func BenchmarkDevice(b *testing.B) {
	m := benchDevice(b)
	side := m.ImageSize()
	for _, n := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			z := size{n, side / m.spec.patch, side / m.spec.patch}
			pixels := make([]byte, 0, n*side*side*3)
			for i := range n {
				pixels = append(pixels, picture(i, side)...)
			}
			for b.Loop() {
				if _, err := m.encode(b.Context(), pixels, z); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
	benchClips(b, m)
}

// benchClips reads clips of as many frames as the model has embeddings: their
// prefixes alone, and new frames with them.
func benchClips(b *testing.B, m *Model) {
	count, side := max(1, m.spec.frames), m.ImageSize()
	var pixels []byte
	slots := make([]int64, count)
	for i := range count {
		pixels, slots[i] = append(pixels, picture(i, side)...), int64(min(i, m.spec.frames))
	}
	var frames []pictureTokens
	read := func() error {
		_, err := m.readPictures(b.Context(), frames, slots)
		return err
	}
	clip := func() (err error) {
		if frames, err = m.encodePictures(b.Context(), pixels, count, side, side); err != nil {
			return err
		}
		return read()
	}
	if err := clip(); err != nil {
		b.Fatal(err)
	}
	for name, once := range map[string]func() error{"prefix": read, "clip": clip} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := once(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clips/s")
		})
	}
}

// benchDevice opens the checkpoint that VIDEOQA_BENCH_MODEL names, or the demonstration
// model, for the device and in the precision that the variables of those names say.
func benchDevice(b *testing.B) *Model {
	dir, device, precision := os.Getenv("VIDEOQA_BENCH_MODEL"), os.Getenv("VIDEOQA_DEVICE"), vlm.Precision(os.Getenv("VIDEOQA_PRECISION"))
	var c *checkpoint.Checkpoint
	var err error
	if dir == "" {
		c, err = checkpoint.OpenFS(model.Files)
	} else {
		c, err = checkpoint.Open(dir)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	m, err := loadModel(b.Context(), c, Config{CacheDir: b.TempDir(), Library: library(b), Precision: precision, Device: device})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

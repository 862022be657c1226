package gitvideo

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"videoqa/internal/vlm"
	"videoqa/temporal"
)

// fullSize is the folder of full-size checkpoints that testdata/parity/parity.py made.
func fullSize(b *testing.B) string {
	b.Helper()
	root := os.Getenv("VIDEOQA_PARITY")
	if root == "" {
		b.Skip("VIDEOQA_PARITY names no folder of full-size checkpoints; run: make parity")
	}
	return root
}

// full loads the video checkpoint of fullSize in VIDEOQA_PRECISION.
func full(b *testing.B) (*Model, *golden) {
	b.Helper()
	root := fullSize(b)
	dir := filepath.Join(root, "git-base-224")
	cache := filepath.Join(root, "cache") // kept, so that only the first run converts weights
	return loadAs(b, cmp.Or(vlm.Precision(os.Getenv("VIDEOQA_PRECISION")), vlm.FP32), dir, cache, 2), readGolden(b, dir)
}

// BenchmarkEncode is the vision tower over new pictures.
func BenchmarkEncode(b *testing.B) {
	m, g := full(b)
	pixels := g.bytes("0.pixels")
	for name, n := range map[string]int{"1 frame": 1, "6 frames": 6} {
		b.Run(name, func(b *testing.B) {
			part := pixels[:n*224*224*3]
			if _, err := m.encodePictures(b.Context(), part, n, 224, 224); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := m.encodePictures(b.Context(), part, n, 224, 224); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// BenchmarkPrefix is the decoder over six frames whose features are known.
func BenchmarkPrefix(b *testing.B) {
	m, g := full(b)
	frames, slots := benchFrames(b, m, g)
	if _, err := m.readPictures(b.Context(), frames, slots); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.readPictures(b.Context(), frames, slots); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGenerate is questions of 8 tokens on a known clip, answered in 4.
func BenchmarkGenerate(b *testing.B) {
	m, g := full(b)
	frames, slots := benchFrames(b, m, g)
	p, err := m.readPictures(b.Context(), frames, slots)
	if err != nil {
		b.Fatal(err)
	}
	for name, n := range map[string]int{"1 question": 1, "16 questions": 16} {
		b.Run(name, func(b *testing.B) {
			prompts := make([][]int64, n)
			for i := range prompts {
				prompts[i] = g.Clips[0].Prompts[0].Prompt
			}
			for b.Loop() {
				if _, err := m.generate(b.Context(), p, prompts, generation{MaxTokens: 4}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "answers/s")
		})
	}
}

func benchFrames(b *testing.B, m *Model, g *golden) ([]pictureTokens, []int64) {
	b.Helper()
	frames, err := m.encodePictures(b.Context(), g.bytes("0.pixels"), 6, 224, 224)
	if err != nil {
		b.Fatal(err)
	}
	slots, err := temporal.Slots(6, m.spec.frames, true)
	if err != nil {
		b.Fatal(err)
	}
	return frames, slots
}

// BenchmarkConvert is Load where nothing is in the cache: what a first start adds.
func BenchmarkConvert(b *testing.B) {
	dir := filepath.Join(fullSize(b), "git-base-224")
	for _, p := range []vlm.Precision{vlm.FP32, vlm.BF16INT8, vlm.INT8} {
		b.Run(string(p), func(b *testing.B) {
			for b.Loop() {
				loadAs(b, p, dir, b.TempDir(), 2)
			}
		})
	}
}

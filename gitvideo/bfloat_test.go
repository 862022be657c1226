package gitvideo

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// withBFloat16 skips a test on a processor that has none.
func withBFloat16(t testing.TB) {
	t.Helper()
	if !onnx.Multiplies(onnx.BFloat16) {
		t.Skip("this processor has no AVX512-BF16; run it on one that has: grep avx512_bf16 /proc/cpuinfo")
	}
}

// apart is how far got is from want: one less the cosine of their angle.
func apart(got, want []float32) float64 {
	var gw, gg, ww float64
	for i := range got {
		g, w := float64(got[i]), float64(want[i])
		gw, gg, ww = gw+g*w, gg+g*g, ww+w*w
	}
	return 1 - gw/math.Sqrt(gg*ww)
}

// bf16Apart is how far bfloat16 may take features, keys and values; full-size
// checkpoints are within 2e-4.
const bf16Apart = 1e-3

func TestBFloat16StaysNearTransformers(t *testing.T) {
	t.Run("pairs", func(t *testing.T) {
		withBFloat16(t)
		checkBFloat16(t, weights.BFloat16Panels, weights.Float32Panels)
	})
	t.Run("OpenVINO", func(t *testing.T) { // as processors with AMX have it; it rounds on any
		if !onnx.HasOpenVINO(library(t)) {
			t.Skip("the library has no OpenVINO beside it: deploy/deps.sh brings one that has, on x86-64")
		}
		checkBFloat16(t, weights.Plain, weights.Plain)
	})
}

func checkBFloat16(t *testing.T, pictures, words weights.Form) {
	t.Helper()
	for _, name := range []string{"image", "video"} {
		dir := filepath.Join("..", "testdata", "git", name)
		g, m := readGolden(t, dir), loadForms(t, vlm.BF16, pictures, words, dir, t.TempDir(), 1)
		for i, clip := range g.Clips {
			t.Run(fmt.Sprintf("%s %d: %d frames of %dx%d", name, i, clip.Frames, clip.Width, clip.Height), func(t *testing.T) {
				frames, err := m.encodePictures(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
				if err != nil {
					t.Fatal(err)
				}
				p, _ := prefixOf(t, m, g, i, frames, tolerance)
				near := func(what string, got []float32) {
					if want := g.floats(fmt.Sprintf("%d.%s", i, what)); len(want) > 0 && !(apart(got, want) < bf16Apart) {
						t.Errorf("%s are %.2g apart; want below %g", what, apart(got, want), bf16Apart)
					}
				}
				var features []float32
				for _, f := range frames {
					features = append(features, f.Data...)
				}
				near("features", features)
				for layer := range p.keys {
					near(fmt.Sprintf("key.%d", layer), keysOf(p, layer))
					near(fmt.Sprintf("value.%d", layer), valuesOf(p, layer))
				}
			})
		}
	}
}

// A frame's features are kept and used beside others: its company in a batch must not
// change a bit of them.
func TestAFrameIsEncodedAlikeInAnyCompany(t *testing.T) {
	for _, p := range []vlm.Precision{vlm.FP32, vlm.BF16, vlm.INT8} {
		if pictures, _ := formsOf(p, false); !pictures.Panelled() {
			continue // ONNX Runtime's products in blocks differ in their last bits
		}
		t.Run(string(p), func(t *testing.T) {
			dir := filepath.Join("..", "testdata", "git", "video")
			g, m := readGolden(t, dir), loadAs(t, p, dir, t.TempDir(), 2)
			i := slices.IndexFunc(g.Clips, func(c goldenClip) bool { return c.Frames == m.spec.frames })
			if i < 0 {
				t.Fatal("no golden clip has all frames")
			}
			clip, pixels := g.Clips[i], g.bytes(fmt.Sprintf("%d.pixels", i))
			together, err := m.encodePictures(t.Context(), pixels, clip.Frames, clip.Height, clip.Width)
			if err != nil {
				t.Fatal(err)
			}
			for k, one := 0, clip.Height*clip.Width*3; k < clip.Frames; k++ {
				alone, err := m.encodePictures(t.Context(), pixels[k*one:][:one], 1, clip.Height, clip.Width)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(alone[0].Data, together[k].Data) {
					t.Errorf("frame %d differs from what it is alone", k)
				}
			}
		})
	}
}

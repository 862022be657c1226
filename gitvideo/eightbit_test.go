package gitvideo

import (
	"fmt"
	"path/filepath"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/nn/decode"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// int8Apart is how far 8 bits may take features, keys, values and logits. What meets
// in a product is rounded to steps of a 127th of the largest number beside it, which
// takes a product of evenly spread numbers some 2e-5 off, and adds up over layers:
// the tiny checkpoints are within 4e-4, and twelve random layers of GIT-base's width
// too.
const int8Apart = 1e-3

func TestEightBitsStayNearTransformers(t *testing.T) {
	for _, p := range []vlm.Precision{vlm.INT8, vlm.FP32INT8} {
		for _, name := range []string{"image", "video"} {
			dir := filepath.Join("..", "testdata", "git", name)
			g, m := readGolden(t, dir), loadAs(t, p, dir, t.TempDir(), 1)
			for i, clip := range g.Clips {
				t.Run(fmt.Sprintf("%s, %s %d: %d frames of %dx%d", p, name, i, clip.Frames, clip.Width, clip.Height), func(t *testing.T) {
					checkNear(t, m, g, i, int8Apart)
				})
			}
		}
	}
}

// Processors without an instruction for bytes have INT8 in another form. It is run here on any.
func TestEightBitsInBlocksStayNearTransformers(t *testing.T) {
	dir, cache := filepath.Join("..", "testdata", "git", "video"), t.TempDir()
	m := loadForms(t, vlm.INT8, weights.Int8Blocks, weights.Int8Blocks, dir, cache, 1)
	g := readGolden(t, dir)
	for i := range g.Clips {
		checkNear(t, m, g, i, int8Apart)
	}
	loadAs(t, vlm.INT8, dir, cache, 1)
	if folders, err := filepath.Glob(filepath.Join(cache, "graphs", "*")); err != nil || onnx.Multiplies(onnx.Uint8) && len(folders) != 2 {
		t.Errorf("the forms of blocks and of this processor lie in %v, %v; want two folders", folders, err)
	}
}

// checkNear holds all that is computed about clip i to the goldens, by angle.
func checkNear(t *testing.T, m *Model, g *golden, i int, limit float64) {
	t.Helper()
	clip := g.Clips[i]
	frames, err := m.encodePictures(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		t.Fatal(err)
	}
	near := func(name string, got []float32) {
		t.Helper()
		want := g.floats(fmt.Sprintf("%d.%s", i, name))
		if len(want) == 0 {
			return
		}
		if d := apart(got, want); !(d < limit) {
			t.Errorf("%s: %.2g apart; want below %g", name, d, limit)
		}
	}
	var features []float32
	for _, f := range frames {
		features = append(features, f.Data...)
	}
	near("features", features)
	p, _ := prefixOf(t, m, g, i, frames, tolerance)
	for layer := range p.keys {
		near(fmt.Sprintf("key.%d", layer), keysOf(p, layer))
		near(fmt.Sprintf("value.%d", layer), valuesOf(p, layer))
	}
	for k, want := range clip.Prompts {
		// The first step alone: the next one follows what was answered.
		var logits []float32
		s := decode.NewGreedy(m.config.EOS, 1, nil)
		if err := m.finish(t.Context(), p, []decode.Job{{Prompt: want.Prompt, Search: recorder{s, &logits}}}); err != nil {
			t.Fatal(err)
		}
		if first := g.floats(fmt.Sprintf("%d.logits.%d", i, k)); !(apart(logits, first[:len(logits)]) < limit) {
			t.Errorf("logits after prompt %v are %.2g apart; want below %g", want.Prompt, apart(logits, first[:len(logits)]), limit)
		}
	}
}

// demo opens the demonstration model.
func demo(t testing.TB, p vlm.Precision) *Model {
	t.Helper()
	c, err := checkpoint.OpenFS(model.Files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m, err := loadModel(t.Context(), c, Config{CacheDir: t.TempDir(), Library: library(t), Threads: 1, Precision: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// picture is some colours that go over into each other, another for each n.
func picture(n, side int) []byte {
	b := make([]byte, 0, side*side*3)
	for y := range side {
		for x := range side {
			b = append(b, byte(x*(n+2)), byte(y*3+40*n), byte((x^y)*n))
		}
	}
	return b
}

// What a frame becomes must not depend on what was encoded beside it: features are
// kept, and used beside others.
func TestEightBitFramesDoNotFeelTheirCompany(t *testing.T) {
	m := demo(t, vlm.INT8)
	side, all := m.ImageSize(), m.spec.frames
	var pixels []byte
	for n := range all {
		pixels = append(pixels, picture(n, side)...)
	}
	copy(pixels[side*side*3:], make([]byte, side*side*3)) // the second is black
	together, err := m.encodePictures(t.Context(), pixels, all, side, side)
	if err != nil {
		t.Fatal(err)
	}
	for n := range all {
		alone, err := m.encodePictures(t.Context(), pixels[n*side*side*3:][:side*side*3], 1, side, side)
		if err != nil {
			t.Fatal(err)
		}
		if c := compare(fmt.Sprintf("frame %d alone", n), alone[0].Data, together[n].Data, tolerance); !c.ok() {
			t.Error(c)
		}
	}
}

// Questions that are asked together get the answers that each gets alone.
func TestEightBitQuestionsDoNotFeelTheirCompany(t *testing.T) {
	m := demo(t, vlm.INT8)
	p := demoPrefix(t, m)
	prompts := [][]int64{m.prompt([]int64{10, 11, 12}), m.prompt([]int64{20, 21, 22, 23, 24, 25}), m.prompt(nil), m.prompt([]int64{30})}
	together, err := m.generate(t.Context(), p, prompts, generation{MaxTokens: 5})
	if err != nil {
		t.Fatal(err)
	}
	for i, prompt := range prompts {
		alone, err := m.generate(t.Context(), p, [][]int64{prompt}, generation{MaxTokens: 5})
		if err != nil {
			t.Fatal(err)
		}
		if d := alone[0].LogProb - together[i].LogProb; fmt.Sprint(alone[0].IDs) != fmt.Sprint(together[i].IDs) || d > tolerance || d < -tolerance {
			t.Errorf("prompt %v alone is answered %v; beside others %v", prompt, alone[0], together[i])
		}
	}
}

func demoPrefix(t *testing.T, m *Model) *Prefix {
	t.Helper()
	var pixels []byte
	slots := make([]int64, m.spec.frames)
	for n := range slots {
		pixels, slots[n] = append(pixels, picture(n, m.ImageSize())...), int64(n)
	}
	frames, err := m.encodePictures(t.Context(), pixels, len(slots), m.ImageSize(), m.ImageSize())
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.readPictures(t.Context(), frames, slots)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The demonstration model was trained, so its numbers have the outliers that random
// ones have not.
func TestTheDemonstrationModelStaysNearInEightBits(t *testing.T) {
	exact, rounded := demoPrefix(t, demo(t, vlm.FP32)), demoPrefix(t, demo(t, vlm.INT8))
	for layer := range exact.keys {
		for kind, d := range map[string]float64{"keys": apart(keysOf(rounded, layer), keysOf(exact, layer)), "values": apart(valuesOf(rounded, layer), valuesOf(exact, layer))} {
			t.Logf("%s of layer %d: %.2g apart", kind, layer, d)
			if !(d < int8Apart) {
				t.Errorf("%s of layer %d: %.2g apart; want below %g", kind, layer, d, int8Apart)
			}
		}
	}
}

// All forms fit the checkpoint's tensors, whichever this processor takes.
func TestEveryFormOfTheWeightsFits(t *testing.T) {
	for _, r := range released[:6] {
		c, err := parseModelConfig([]byte(fmt.Sprintf(`{"model_type":"git","num_image_with_embedding":%d,"vision_config":{"image_size":%d}}`, max(1, r.frames), r.image)), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, z := specOf(c), size{1, c.Vision.Grid(), c.Vision.Grid()}
		e := embeddingOf(s, z)
		for _, forms := range [][2]weights.Form{{weights.Float32Panels, weights.Float32Panels}, {weights.BFloat16Panels, weights.Float32Panels}, {weights.BFloat16Panels, weights.Int8Blocks}, {weights.Int8Panels, weights.Int8Blocks}, {weights.Int8Blocks, weights.Int8Blocks}, {weights.Plain, weights.Int8Blocks}} {
			l := newLayout(s, false, forms[0], forms[1])
			if _, err := visionGraph(onnx.NewGraph("vision"), s, l, z.frames, e); err != nil {
				t.Error(err)
			}
			if _, err := prefixGraph(onnx.NewGraph("prefix"), s, l, 1, z.tokens(), onnx.Half); err != nil {
				t.Error(err)
			}
			if _, err := textGraph(s, l, onnx.Half); err != nil {
				t.Error(err)
			}
		}
	}
}

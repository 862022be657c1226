package gitvideo

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"videoqa/internal/nn/decode"
	"videoqa/internal/nn/weights"
	"videoqa/internal/vlm"
	"videoqa/temporal"
)

// tolerance of the tiny checkpoints, times the largest magnitude or 1.
const tolerance = 1e-4

func TestTinyModelsEqualTransformers(t *testing.T) {
	t.Run("our own products", func(t *testing.T) { checkTiny(t, weights.Float32Panels) })
	t.Run("ONNX Runtime's", func(t *testing.T) { checkTiny(t, weights.Plain) }) // as processors without AVX2 have it
}

func checkTiny(t *testing.T, f weights.Form) {
	t.Helper()
	for _, name := range []string{"image", "video"} {
		dir := filepath.Join("..", "testdata", "git", name)
		g, m := readGolden(t, dir), loadForms(t, vlm.FP32, f, f, dir, t.TempDir(), 1)
		for i, clip := range g.Clips {
			t.Run(fmt.Sprintf("%s %d: %d frames of %dx%d, video %v", name, i, clip.Frames, clip.Width, clip.Height, clip.Video), func(t *testing.T) {
				frames, err := m.encodePictures(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
				if err != nil {
					t.Fatal(err)
				}
				checkClip(t, m, g, i, frames)
				checkClip(t, m, g, i, frames)
			})
		}
	}
}

// checkClip holds everything about clip i to the goldens.
func checkClip(t *testing.T, m *Model, g *golden, i int, frames []pictureTokens) {
	t.Helper()
	p, all := prefixOf(t, m, g, i, frames, tolerance)
	for _, c := range all {
		if !c.ok() {
			t.Error(c)
		}
	}
	for k, want := range g.Clips[i].Prompts {
		r, c := continueGreedily(t, m, g, p, i, k, tolerance)
		if !c.ok() {
			t.Error(c)
		}
		if !slices.Equal(r.IDs, want.IDs) || r.Cut != want.Cut || !near(r.LogProb, want.LogProb) {
			t.Errorf("prompt %v is answered %v; want %v, log-probability %v, cut %v", want.Prompt, r, want.IDs, want.LogProb, want.Cut)
		}
		checkBeams(t, m, p, want)
		checkScores(t, m, p, want)
	}
}

// prefixOf makes the prefix of clip i and compares features, keys and values.
func prefixOf(t *testing.T, m *Model, g *golden, i int, frames []pictureTokens, tolerance float64) (*Prefix, []comparison) {
	t.Helper()
	var features []float32
	for _, f := range frames {
		features = append(features, f.Data...)
	}
	all := []comparison{compare(fmt.Sprintf("clip %d features", i), features, g.floats(fmt.Sprintf("%d.features", i)), tolerance)}
	slots, err := temporal.Slots(len(frames), m.spec.frames, g.Clips[i].Video)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.readPictures(t.Context(), frames, slots)
	if err != nil {
		t.Fatal(err)
	}
	for layer := range p.keys {
		for kind, got := range map[string][]float32{"key": keysOf(p, layer), "value": valuesOf(p, layer)} {
			want := g.floats(fmt.Sprintf("%d.%s.%d", i, kind, layer))
			all = append(all, compare(fmt.Sprintf("clip %d %s %d", i, kind, layer), got, want, tolerance))
		}
	}
	return p, all
}

// continueGreedily answers prompt k of clip i and compares every step's logits.
func continueGreedily(t *testing.T, m *Model, g *golden, p *Prefix, i, k int, tolerance float64) (decode.Result, comparison) {
	t.Helper()
	want := g.Clips[i].Prompts[k]
	steps := len(want.IDs)
	if !want.Cut {
		steps++
	}
	s := decode.NewGreedy(m.config.EOS, steps, nil)
	var logits []float32
	if err := m.finish(t.Context(), p, []decode.Job{{Prompt: want.Prompt, Search: recorder{s, &logits}}}); err != nil {
		t.Fatal(err)
	}
	return s.Result(), compare(fmt.Sprintf("clip %d prompt %d logits", i, k), logits, g.floats(fmt.Sprintf("%d.logits.%d", i, k)), tolerance)
}

// near compares log-probabilities, sums of up to ten steps.
func near(got, want float64) bool { return math.Abs(got-want) <= 10*tolerance*max(1, math.Abs(want)) }

func checkBeams(t *testing.T, m *Model, p *Prefix, want goldenPrompt) {
	t.Helper()
	for _, b := range want.Beams {
		got, err := m.generate(t.Context(), p, [][]int64{want.Prompt}, generation{MaxTokens: b.Limit, Beam: b.Width})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[0].IDs, b.IDs) || got[0].Cut != b.Cut || !near(got[0].LogProb, b.LogProb) {
			t.Errorf("prompt %v by %d beams of %d steps is answered %v; want %+v", want.Prompt, b.Width, b.Limit, got[0], b)
		}
	}
}

func checkScores(t *testing.T, m *Model, p *Prefix, want goldenPrompt) {
	t.Helper()
	got, err := m.score(t.Context(), p, want.Prompt, want.Choices)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if !near(got[i], want.Scores[i]) {
			t.Errorf("choice %v after %v scores %v; want %v", want.Choices[i], want.Prompt, got[i], want.Scores[i])
		}
	}
}

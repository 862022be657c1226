package gitvideo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/native"
	"videoqa/temporal"
)

// tiny loads a tiny checkpoint and makes the prefix of its clip i.
func tiny(t *testing.T, name string, i int) (*Model, *golden, *Prefix) {
	t.Helper()
	dir := filepath.Join("..", "testdata", "git", name)
	g, m := readGolden(t, dir), load(t, dir, t.TempDir(), 1)
	return m, g, clipPrefix(t, m, g, i)
}

func clipPrefix(t *testing.T, m *Model, g *golden, i int) *Prefix {
	t.Helper()
	clip := g.Clips[i]
	frames, err := m.encodePictures(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		t.Fatal(err)
	}
	slots, err := temporal.Slots(clip.Frames, m.spec.frames, clip.Video)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.readPictures(t.Context(), frames, slots)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestQuestionsTogetherAreAnsweredAsAlone(t *testing.T) {
	const clip = 5 // six frames, prompts of 1, 3 and 6 tokens
	m, g, p := tiny(t, "video", clip)
	var prompts [][]int64
	for range 50 { // more than fit into one batch, of lengths that need padding
		for _, q := range g.Clips[clip].Prompts {
			prompts = append(prompts, q.Prompt)
		}
	}
	for _, beam := range []int{1, 4} {
		got, err := m.generate(t.Context(), p, prompts, generation{MaxTokens: 6, Beam: beam})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range got {
			want := g.Clips[clip].Prompts[i%3]
			ids, logprob, cut := want.IDs, want.LogProb, want.Cut
			if beam > 1 {
				ids, logprob, cut = want.Beams[0].IDs, want.Beams[0].LogProb, want.Beams[0].Cut
			}
			if !slices.Equal(r.IDs, ids) || r.Cut != cut || !near(r.LogProb, logprob) {
				t.Fatalf("prompt %d of %d by %d beams gives %+v; want %v, %v, %v", i, len(prompts), beam, r, ids, logprob, cut)
			}
		}
	}
}

func TestTokensAreToldAsTheyCome(t *testing.T) {
	m, g, p := tiny(t, "video", 5)
	prompts := [][]int64{g.Clips[5].Prompts[1].Prompt, g.Clips[5].Prompts[2].Prompt}
	for _, beam := range []int{0, 3} {
		told := make([][]int64, len(prompts))
		got, err := m.generate(t.Context(), p, prompts, generation{MaxTokens: 6, Beam: beam,
			onToken: func(i int, id int64) { told[i] = append(told[i], id) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !slices.Equal(told[i], got[i].IDs) {
				t.Errorf("prompt %d by %d beams was told %v; answered %v", i, beam, told[i], got[i].IDs)
			}
		}
	}
}

func TestGenerationStopsBetweenStepsWhenItsContextEnds(t *testing.T) {
	m, g, p := tiny(t, "video", 0)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone, told := errors.New("the asker is gone"), 0
	_, err := m.generate(ctx, p, [][]int64{g.Clips[0].Prompts[0].Prompt}, generation{onToken: func(int, int64) {
		if told++; told == 2 {
			cancel(gone)
		}
	}})
	if !errors.Is(err, gone) || told != 2 {
		t.Errorf("Generate gives %v after %d tokens; want %v after 2", err, told, gone)
	}
}

func TestAllAnswersTogetherAreCertain(t *testing.T) {
	m, g, p := tiny(t, "image", 0)
	prompt := g.Clips[0].Prompts[1].Prompt
	choices := [][]int64{}
	for a := range int64(m.spec.vocab) {
		choices = append(choices, []int64{a})
	}
	one, err := m.score(t.Context(), p, prompt, choices)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := m.score(t.Context(), p, prompt, choices[7:8])
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, s := range one {
		sum += math.Exp(s)
	}
	if sum >= 1 || !near(alone[0], one[7]) {
		t.Errorf("one-token answers sum to %v, one scores %v alone and %v among all", sum, alone[0], one[7])
	}
}

func TestPromptKeepsTheLastOfALongQuestion(t *testing.T) {
	m, _, _ := tiny(t, "video", 0)
	long := make([]int64, 50)
	for i := range long {
		long[i] = int64(i)
	}
	if got := m.prompt(long); len(got) != 39 || got[0] != m.config.BOS || got[1] != 12 || got[38] != 49 {
		t.Errorf("Prompt of 50 tokens is %v; want the beginning and the last 38", got)
	}
	if got := m.prompt(nil); !slices.Equal(got, []int64{m.config.BOS}) {
		t.Errorf("the prompt of a caption is %v; want the beginning alone", got)
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	m, g, p := tiny(t, "video", 0)
	frame, err := m.encodePictures(t.Context(), g.bytes("0.pixels"), 1, 12, 12)
	if err != nil {
		t.Fatal(err)
	}
	other, _, imagePrefix := tiny(t, "image", 0)
	ctx := t.Context()
	for name, ask := range map[string]func() error{
		"no pixels":                   func() error { _, err := m.encodePictures(ctx, nil, 1, 12, 12); return err },
		"pixels of another size":      func() error { _, err := m.encodePictures(ctx, make([]byte, 12*12*3), 1, 12, 13); return err },
		"less than a patch":           func() error { _, err := m.encodePictures(ctx, make([]byte, 3*12*3), 1, 3, 12); return err },
		"no frames":                   func() error { _, err := m.readPictures(ctx, nil, nil); return err },
		"a slot that does not exist":  func() error { _, err := m.readPictures(ctx, frame, []int64{7}); return err },
		"a slot for no frame":         func() error { _, err := m.readPictures(ctx, frame, []int64{0, 1}); return err },
		"another model's frame":       func() error { _, err := other.readPictures(ctx, frame, []int64{0}); return err },
		"another model's prefix":      func() error { _, err := m.generate(ctx, imagePrefix, [][]int64{{5}}, generation{}); return err },
		"an empty prompt":             func() error { _, err := m.generate(ctx, p, [][]int64{{}}, generation{}); return err },
		"an unknown token":            func() error { _, err := m.generate(ctx, p, [][]int64{{48}}, generation{}); return err },
		"a prompt without room":       func() error { _, err := m.generate(ctx, p, [][]int64{make([]int64, 24)}, generation{}); return err },
		"tokens below none":           func() error { _, err := m.generate(ctx, p, [][]int64{{5}}, generation{MaxTokens: -1}); return err },
		"too many beams":              func() error { _, err := m.generate(ctx, p, [][]int64{{5}}, generation{Beam: 1000}); return err },
		"no choices":                  func() error { _, err := m.score(ctx, p, []int64{5}, nil); return err },
		"an empty choice":             func() error { _, err := m.score(ctx, p, []int64{5}, [][]int64{{}}); return err },
		"a choice too long to answer": func() error { _, err := m.score(ctx, p, []int64{5}, [][]int64{make([]int64, 24)}); return err },
		"features cut short":          func() error { _, err := m.Context(ctx, [][]float32{frame[0].Data[1:]}, false); return err },
	} {
		if err := ask(); !errors.Is(err, fault.BadRequest) {
			t.Errorf("%s gives %v; want %v", name, err, fault.BadRequest)
		}
	}
}

func TestAnswersEndWhereTextPositionsEnd(t *testing.T) {
	m, _, p := tiny(t, "video", 0)
	prompt := make([]int64, m.spec.places-2)
	for i := range prompt {
		prompt[i] = 9
	}
	got, err := m.generate(t.Context(), p, [][]int64{prompt}, generation{MaxTokens: 20})
	if err != nil || len(got[0].IDs) > 2 {
		t.Errorf("with two positions left the answer is %v, %v", got, err)
	}
}

func TestAModelHoldsNothingAfterClose(t *testing.T) {
	dir := filepath.Join("..", "testdata", "git", "video")
	g, cache := readGolden(t, dir), t.TempDir()
	var before native.Stats
	for i := range 30 {
		t.Run("once", func(t *testing.T) {
			m := load(t, dir, cache, 1)
			clipPrefix(t, m, g, 2)
		})
		now := native.Read()
		if i == 9 {
			before = now
		}
		if i > 9 && (now.Handles != before.Handles || now.Leaked != before.Leaked || now.HeapBytes > before.HeapBytes+8<<20) {
			t.Fatalf("after %d loads %+v; want %+v", i+1, now, before)
		}
	}
}

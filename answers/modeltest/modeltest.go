// Package modeltest holds every family of models to what [answers.Model] promises.
package modeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"videoqa/answers"
	"videoqa/frames/prepare"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// Run holds the model that open opens to the promises. Each call of open gives a
// model of its own, made of the same checkpoint, which open closes when t ends.
func Run(t *testing.T, open func(t *testing.T) answers.Model) {
	m := open(t)
	t.Run("a picture's features do not depend on its company", func(t *testing.T) { featuresAlone(t, m) })
	t.Run("a reply does not depend on its company", func(t *testing.T) { repliesAlone(t, m) })
	t.Run("many callers at once get what each gets alone", func(t *testing.T) { callersAtOnce(t, m) })
	t.Run("another opening of the checkpoint gives the same bits", func(t *testing.T) { sameBits(t, m, open(t)) })
	t.Run("keys follow what results depend on", func(t *testing.T) { keys(t, m) })
	t.Run("the words that are told make the text", func(t *testing.T) { told(t, m) })
	t.Run("a choice has its share of the probability of all", func(t *testing.T) { shares(t, m) })
	t.Run("a call whose context has ended returns its cause", func(t *testing.T) { cancelled(t, m) })
	t.Run("what cannot be asked is refused", func(t *testing.T) { refusals(t, m) })
	t.Run("an answer has no more tokens than are allowed", func(t *testing.T) { lengths(t, m) })
}

// clip makes n pictures, each unlike the others, prepared for m.
func clip(m answers.Model, n int) []prepare.Image {
	how := m.Vision()
	pictures := make([]prepare.Image, n)
	for i := range pictures {
		p := prepare.Blank(how.ImageSize+8, how.ImageSize+16)
		for k := range p.Pix {
			p.Pix[k] = byte(k*(i+3)/7 + k/(53+i))
		}
		pictures[i] = how.Preparation.Apply(p)
	}
	return pictures
}

// prompts are of all kinds: a caption, open questions, and closed ones.
func prompts() []vlm.Prompt {
	return []vlm.Prompt{
		{}, {Text: "what is this?"}, {Text: "what color is the background of the picture?"},
		{Text: "is there a dog?", Choices: []vlm.Choice{{Answer: "yes", Spelling: "yes"}, {Answer: "no", Spelling: "no"}}, AllChoices: true},
		{Text: "how many?", Choices: []vlm.Choice{{Answer: "1", Spelling: "1"}, {Answer: "1", Spelling: "one"}, {Answer: "2", Spelling: "two"}}},
	}
}

func see(t testing.TB, m answers.Model, pictures []prepare.Image) [][]float32 {
	t.Helper()
	features, err := m.See(t.Context(), pictures)
	if err != nil || len(features) != len(pictures) {
		t.Fatalf("See of %d pictures gives features of %d, %v", len(pictures), len(features), err)
	}
	return features
}

func about(t testing.TB, m answers.Model, features [][]float32, video bool) vlm.Context {
	t.Helper()
	c, err := m.Context(t.Context(), features, video)
	if err != nil {
		t.Fatal(err)
	}
	if c.Bytes() < 1 || c.InDistribution() < 0 || c.InDistribution() > 1 {
		t.Errorf("a context has %d bytes and is in distribution with probability %v", c.Bytes(), c.InDistribution())
	}
	return c
}

// ask answers prompts, none of which may fail.
func ask(t testing.TB, m answers.Model, c vlm.Context, prompts ...vlm.Prompt) []vlm.Reply {
	t.Helper()
	replies, err := m.Answer(t.Context(), c, prompts, vlm.Generation{MaxTokens: 8})
	if err != nil || len(replies) != len(prompts) {
		t.Fatalf("%d prompts have %d replies, %v", len(prompts), len(replies), err)
	}
	for i, r := range replies {
		if r.Err != nil {
			t.Fatalf("prompt %+v: %v", prompts[i], r.Err)
		}
	}
	return replies
}

func featuresAlone(t *testing.T, m answers.Model) {
	pictures := clip(m, 5)
	together := see(t, m, pictures)
	for i, p := range pictures {
		if alone := see(t, m, []prepare.Image{p}); !slices.Equal(alone[0], together[i]) {
			t.Errorf("picture %d has other features alone than beside four others", i)
		}
	}
	if slices.Equal(together[0], together[1]) {
		t.Error("two unlike pictures have the same features")
	}
}

func repliesAlone(t *testing.T, m answers.Model) {
	frames := m.Vision().Frames
	c := about(t, m, see(t, m, clip(m, frames)), true)
	together := ask(t, m, c, prompts()...)
	for i, p := range prompts() {
		if alone := ask(t, m, c, p); !alike(alone[0], together[i]) {
			t.Errorf("prompt %+v has the reply %+v alone, and %+v beside others", p, alone[0], together[i])
		}
	}
}

// alike says that two replies are the same but for the last digits of their scores: sums
// over prompts of several lengths may go in another order.
func alike(a, b vlm.Reply) bool {
	near := math.Abs(a.Score-b.Score) <= 1e-5
	a.Score, b.Score = 0, 0
	return near && a == b
}

func callersAtOnce(t *testing.T, m answers.Model) {
	pictures := clip(m, 4)
	want := make([][]vlm.Reply, len(pictures))
	for i, p := range pictures {
		want[i] = ask(t, m, about(t, m, see(t, m, []prepare.Image{p}), false), prompts()...)
	}
	var wait sync.WaitGroup
	for i := range 2 * len(pictures) {
		wait.Go(func() {
			n := i % len(pictures)
			features, err := m.See(t.Context(), pictures[n:n+1])
			if err != nil {
				t.Error(err)
				return
			}
			c, err := m.Context(t.Context(), features, false)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := m.Answer(t.Context(), c, prompts(), vlm.Generation{MaxTokens: 8})
			if err != nil || !slices.EqualFunc(got, want[n], alike) {
				t.Errorf("picture %d has the replies %+v at once with others, %v; alone %+v", n, got, err, want[n])
			}
		})
	}
	wait.Wait()
}

// sameBits is what a cache relies on: features that were stored by one process are
// those that another computes.
func sameBits(t *testing.T, one, other answers.Model) {
	pictures := clip(one, one.Vision().Frames)
	cold := see(t, one, pictures)
	if warm := see(t, other, pictures); !slices.EqualFunc(cold, warm, slices.Equal[[]float32]) {
		t.Fatal("features differ")
	}
	a, b := ask(t, one, about(t, one, cold, true), prompts()...), ask(t, other, about(t, other, cold, true), prompts()...)
	if !slices.Equal(a, b) {
		t.Errorf("replies differ: %+v and %+v", a, b)
	}
}

func keys(t *testing.T, m answers.Model) {
	d, v := m.Description(), m.Vision()
	for _, part := range []string{d.Digest, string(d.Preprocess), d.Device} {
		if !slices.Contains(m.FeatureKey(), part) {
			t.Errorf("the key of features %q lacks %q", m.FeatureKey(), part)
		}
	}
	seen := map[string]string{}
	for n := 1; n <= v.Frames; n++ {
		for _, video := range []bool{false, true} {
			if n > 1 && !video {
				continue
			}
			key, err := m.ContextKey(n, video)
			if err != nil {
				t.Fatalf("no key for %d pictures, of a video %v: %v", n, video, err)
			}
			seen[fmt.Sprint(key)] += fmt.Sprintf(" %d/%v", n, video)
		}
	}
	if v.Frames > 1 && len(seen) != v.Frames+1 {
		t.Errorf("contexts of a still and of 1 to %d pictures share keys: %v", v.Frames, seen)
	}
	if bits := m.FeatureBits(); bits != 16 && bits != 32 {
		t.Errorf("features are kept in %d bits", bits)
	}
}

func told(t *testing.T, m answers.Model) {
	c := about(t, m, see(t, m, clip(m, 1)), false)
	texts := make([]string, len(prompts()))
	replies, err := m.Answer(t.Context(), c, prompts(), vlm.Generation{MaxTokens: 8, OnText: func(prompt, at int, text string) {
		texts[prompt] = string([]rune(texts[prompt])[:at]) + text
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range prompts() {
		want := replies[i].Text
		if p.Choices != nil {
			want = ""
		}
		if texts[i] != want {
			t.Errorf("of the reply %q to %+v was told %q", replies[i].Text, p, texts[i])
		}
	}
}

func shares(t *testing.T, m answers.Model) {
	c := about(t, m, see(t, m, clip(m, 1)), false)
	yes := vlm.Choice{Answer: "yes", Spelling: "yes"}
	no := vlm.Choice{Answer: "no", Spelling: "no"}
	both := ask(t, m, c, vlm.Prompt{Text: "is it?", Choices: []vlm.Choice{yes, no}})[0]
	only := ask(t, m, c, vlm.Prompt{Text: "is it?", Choices: []vlm.Choice{no}})[0]
	again := ask(t, m, c, vlm.Prompt{Text: "is it?", Choices: []vlm.Choice{yes, no, yes}})[0]
	if both.Score < .5 || both.Score > 1 || only.Text != "no" || only.Score != 1 || again != both {
		t.Errorf("of two choices %+v, of one %+v, of one twice %+v", both, only, again)
	}
	for _, r := range ask(t, m, c, prompts()...) {
		if math.IsNaN(r.Score) || r.Score < 0 || r.Score > 1 {
			t.Errorf("%+v has no probability", r)
		}
	}
}

var errStop = errors.New("enough")

func cancelled(t *testing.T, m answers.Model) {
	pictures := clip(m, 1)
	features := see(t, m, pictures)
	c := about(t, m, features, false)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	_, seeing := m.See(ctx, pictures)
	_, reading := m.Context(ctx, features, false)
	_, answering := m.Answer(ctx, c, prompts(), vlm.Generation{})
	_, choosing := m.Answer(ctx, c, prompts()[3:4], vlm.Generation{})
	for what, err := range map[string]error{"See": seeing, "Context": reading, "Answer": answering, "Answer of choices": choosing} {
		if !errors.Is(err, errStop) {
			t.Errorf("%s returns %v", what, err)
		}
	}
}

// foreign is a context that no model has made.
type foreign struct{}

func (foreign) Bytes() int64            { return 1 }
func (foreign) InDistribution() float64 { return 1 }

func refusals(t *testing.T, m answers.Model) {
	pictures := clip(m, 1)
	features := see(t, m, pictures)
	c := about(t, m, features, false)
	ctx, size, many := t.Context(), m.Vision().ImageSize, m.Vision().Frames+1
	answer := func(c vlm.Context, p vlm.Prompt, how vlm.Generation) error {
		replies, err := m.Answer(ctx, c, []vlm.Prompt{p}, how)
		if err != nil {
			return err
		}
		return replies[0].Err
	}
	for what, err := range map[string]error{
		"pictures of two sizes": second(m.See(ctx, []prepare.Image{prepare.Blank(size, size), prepare.Blank(size, 2*size)})),
		"too many pictures":     second(m.ContextKey(many, true)),
		"a context of too many": second(m.Context(ctx, slices.Repeat(features, many), true)),
		"a context of nothing":  second(m.Context(ctx, nil, true)),
		"features cut short":    second(m.Context(ctx, [][]float32{features[0][1:]}, false)),
		"a foreign context":     answer(foreign{}, vlm.Prompt{}, vlm.Generation{}),
		"tokens below none":     answer(c, vlm.Prompt{}, vlm.Generation{MaxTokens: -1}),
		"beams below none":      answer(c, vlm.Prompt{}, vlm.Generation{Beam: -1}),
	} {
		if !errors.Is(err, fault.BadRequest) {
			t.Errorf("%s: %v; want %v", what, err, fault.BadRequest)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func lengths(t *testing.T, m answers.Model) {
	c := about(t, m, see(t, m, clip(m, 1)), false)
	long, err := m.Answer(t.Context(), c, []vlm.Prompt{{}}, vlm.Generation{MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	short, err := m.Answer(t.Context(), c, []vlm.Prompt{{}}, vlm.Generation{MaxTokens: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(short[0].Text) > len(long[0].Text) || short[0].Text != "" && !bytes.HasPrefix([]byte(long[0].Text), []byte(short[0].Text)) {
		t.Errorf("with one token %+v, with eight %+v", short[0], long[0])
	}
	wordy := vlm.Prompt{Text: string(bytes.Repeat([]byte("what is this? "), 200))}
	if r := ask(t, m, c, wordy)[0]; !r.PromptCut {
		t.Errorf("a question of 800 words is not said to be cut: %+v", r)
	}
}

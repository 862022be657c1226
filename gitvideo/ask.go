package gitvideo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"videoqa/frames/prepare"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// Description names the model.
func (m *Model) Description() vlm.Description { return m.description }

// Vision says how the model looks at clips.
func (m *Model) Vision() vlm.Vision { return m.sight }

// FeatureKey is everything besides the picture that the result of See depends on.
func (m *Model) FeatureKey() []string {
	return []string{m.description.Digest, string(m.description.Preprocess), string(m.precision.Pictures()), m.device, Revision}
}

// FeatureBits is how many bits a value of a feature is worth keeping in: 32 or 16.
func (m *Model) FeatureBits() int {
	if m.precision.Pictures() == vlm.FP32 {
		return 32
	}
	return 16
}

// See runs the vision tower over pictures of one size, which were prepared as
// [Model.Vision] says, and returns the features of each, [tokens, width] values in
// memory of their own. Calls that wait for their turn with pictures of one size are
// encoded together. It returns [fault.BadRequest] for pictures of several sizes, or
// smaller than a patch.
func (m *Model) See(ctx context.Context, pictures []prepare.Image) ([][]float32, error) {
	var pixels []byte
	for _, p := range pictures {
		if p.Width != pictures[0].Width || p.Height != pictures[0].Height {
			return nil, fmt.Errorf("gitvideo: see pictures of %d x %d and %d x %d together: %w", pictures[0].Width, pictures[0].Height, p.Width, p.Height, fault.BadRequest)
		}
		pixels = append(pixels, p.Pix...)
	}
	if len(pictures) == 0 {
		return nil, nil
	}
	encoded, err := m.encodePictures(ctx, pixels, len(pictures), pictures[0].Height, pictures[0].Width)
	if err != nil {
		return nil, err
	}
	features := make([][]float32, len(encoded))
	for i, e := range encoded {
		features[i] = e.Data
	}
	return features, nil
}

// ContextKey is everything besides the features that the result of Context depends
// on. It returns [fault.BadRequest] for more pictures than the model tells apart.
func (m *Model) ContextKey(pictures int, video bool) ([]string, error) {
	slots, err := m.slots(pictures, video)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprint(slots), string(m.precision.Pictures())}, nil
}

// Context runs the decoder over the features of a clip's pictures in time order, or
// those of a single picture. It returns [fault.BadRequest] for features that are not
// this model's.
func (m *Model) Context(ctx context.Context, features [][]float32, video bool) (vlm.Context, error) {
	slots, err := m.slots(len(features), video)
	if err != nil {
		return nil, err
	}
	width := m.Width()
	seen := make([]pictureTokens, len(features))
	for i, f := range features {
		seen[i] = pictureTokens{Tokens: len(f) / width, Width: width, Data: f}
	}
	return m.readPictures(ctx, seen, slots)
}

// Answer answers prompts about one context: those without choices word by word in
// one batch, those with choices by the probability of each. Replies are in the order
// of prompts; an error concerns all of them.
func (m *Model) Answer(ctx context.Context, about vlm.Context, prompts []vlm.Prompt, how vlm.Generation) ([]vlm.Reply, error) {
	p, ok := about.(*Prefix)
	if !ok {
		return nil, fmt.Errorf("gitvideo: answer: the context is of another model: %w", fault.BadRequest)
	}
	replies := make([]vlm.Reply, len(prompts))
	var open []int
	var texts [][]int64
	for i, prompt := range prompts {
		ids, err := m.readPrompt(prompt, &replies[i])
		switch {
		case err != nil:
			replies[i] = vlm.Reply{Err: err}
		case len(prompt.Choices) == 0:
			open, texts = append(open, i), append(texts, ids)
		default:
			err := m.choose(ctx, p, ids, prompt, &replies[i])
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				replies[i] = vlm.Reply{Err: err}
			}
		}
	}
	return replies, m.write(ctx, p, open, texts, how, replies)
}

// write generates the replies to the open prompts, which are those at places.
func (m *Model) write(ctx context.Context, p *Prefix, places []int, prompts [][]int64, how vlm.Generation, replies []vlm.Reply) error {
	if len(places) == 0 {
		return nil
	}
	results, err := m.generate(ctx, p, prompts, generation{MaxTokens: how.MaxTokens, Beam: how.Beam, onToken: m.telling(places, how.OnText)})
	if err != nil {
		return err
	}
	for n, i := range places {
		r := &replies[i]
		r.Text, r.Score, r.Cut = m.words.Decode(results[n].IDs), math.Exp(results[n].LogProb), results[n].Cut
	}
	return nil
}

// telling returns what tells of a text's tokens as words; nil: no client does.
func (m *Model) telling(places []int, onText func(prompt, at int, text string)) func(n int, id int64) {
	if onText == nil {
		return nil
	}
	ids, told := make([][]int64, len(places)), make([]string, len(places))
	return func(n int, id int64) {
		ids[n] = append(ids[n], id)
		text := m.words.Decode(ids[n])
		same := commonPrefix(told[n], text)
		if told[n] = text; same < len(text) {
			onText(places[n], utf8.RuneCountInString(text[:same]), text[same:])
		}
	}
}

// commonPrefix is how many bytes of whole code points two texts begin with alike.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(b) && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}

// readPrompt turns a prompt into tokens, and notes in r what the asker should know
// about it.
func (m *Model) readPrompt(prompt vlm.Prompt, r *vlm.Reply) ([]int64, error) {
	if prompt.Text == "" {
		return m.prompt(nil), nil
	}
	ids, unknown, err := m.words.Encode(prompt.Text)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: read question: %w", err)
	}
	all := m.prompt(ids)
	r.UnknownWords, r.PromptCut = unknown > 0, len(all) < len(ids)+1
	return all, nil
}

// A spelledChoice is a choice in tokens.
type spelledChoice struct {
	answer string
	ids    []int64
}

// choose finds the most probable answer of a prompt with choices, and its share of
// the probability of all of them.
func (m *Model) choose(ctx context.Context, p *Prefix, ids []int64, prompt vlm.Prompt, r *vlm.Reply) error {
	choices, err := m.spell(prompt)
	if err != nil {
		return err
	}
	spellings := make([][]int64, len(choices))
	for i, c := range choices {
		spellings[i] = c.ids
	}
	logs, err := m.score(ctx, p, ids, spellings)
	if err != nil {
		return err
	}
	r.Text, r.Score = most(choices, logs)
	return nil
}

// spell turns a prompt's choices into tokens. A choice that the vocabulary cannot
// spell is left out, or is [fault.BadRequest] where all are needed, because its
// probability would be that of any unknown word.
func (m *Model) spell(prompt vlm.Prompt) ([]spelledChoice, error) {
	var out []spelledChoice
	for _, c := range prompt.Choices {
		ids, unknown, err := m.words.Encode(c.Spelling)
		switch {
		case err != nil:
			return nil, fmt.Errorf("gitvideo: read choice %q: %w", c.Spelling, err)
		case slices.ContainsFunc(out, func(o spelledChoice) bool { return slices.Equal(o.ids, ids) }):
			// The model reads it as an earlier one: each text has its share once.
		case unknown == 0:
			out = append(out, spelledChoice{c.Answer, ids})
		case prompt.AllChoices:
			return nil, fmt.Errorf("gitvideo: read choice %q: the model %s does not know the word: %w", c.Spelling, m.Name(), fault.BadRequest)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("gitvideo: the model %s knows no word for any of the possible answers: %w", m.Name(), fault.BadRequest)
	}
	return out, nil
}

// most merges spellings of one answer and returns the most probable answer with
// its share; of equals the first.
func most(choices []spelledChoice, logs []float64) (string, float64) {
	top := slices.Max(logs)
	share, total := map[string]float64{}, 0.0
	for i, c := range choices {
		p := math.Exp(logs[i] - top)
		share[c.answer] += p
		total += p
	}
	best := choices[0].answer
	for _, c := range choices {
		if share[c.answer] > share[best] {
			best = c.answer
		}
	}
	return best, share[best] / total
}

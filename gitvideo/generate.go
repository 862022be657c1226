package gitvideo

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"videoqa/internal/fault"
	"videoqa/internal/nn/decode"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

const (
	// longestQuestion is how many tokens of a question the original keeps, its
	// last ones: max_text_len 40, less two for the marks of beginning and end.
	longestQuestion = 38
	// maxRows and maxWords bound what one step works on: rows of text, and new
	// words of all rows together, with room for the padding of uneven prompts.
	maxRows, maxWords = 128, 1024
)

// generation says how answers are made. Its zero value is greedy, of at most
// [vlm.DefaultTokens].
type generation struct {
	// MaxTokens is the most steps an answer may take, its stop token included;
	// 0 means vlm.DefaultTokens. A model with fewer text positions stops there.
	MaxTokens int
	// Beam is the width of the original's beam search; 0 and 1 mean greedy. The
	// original uses 4.
	Beam int
	// onToken, if not nil, is called with each token of an answer as soon as it
	// is certain: at once when greedy, at the end of a prompt's search with beams.
	// Calls come one at a time, before generate returns.
	onToken func(prompt int, id int64)
}

// prompt is what the model is asked with: the mark of beginning, then the last 38
// tokens of the question. Without a question it asks for a caption.
func (m *Model) prompt(question []int64) []int64 {
	question = question[max(0, len(question)-longestQuestion):]
	return append([]int64{m.config.BOS}, question...)
}

// generate answers prompts about one clip, all in the same runs as far as they
// fit, with those of other calls about p that wait for their turn. Results are in the
// order of prompts. It returns [fault.BadRequest] for an empty prompt, one with no room left for an answer, or an unknown token.
func (m *Model) generate(ctx context.Context, p *Prefix, prompts [][]int64, opt generation) ([]decode.Result, error) {
	if opt.MaxTokens < 0 || opt.Beam < 0 || opt.Beam > maxRows {
		return nil, fmt.Errorf("gitvideo: generate %d tokens by %d beams: %w", opt.MaxTokens, opt.Beam, fault.BadRequest)
	}
	limit := cmp.Or(opt.MaxTokens, vlm.DefaultTokens)
	jobs := make([]decode.Job, len(prompts))
	for i, prompt := range prompts {
		if err := m.checkText(prompt, 1); err != nil {
			return nil, fmt.Errorf("gitvideo: generate from prompt %d: %w", i, err)
		}
		jobs[i] = decode.Job{Prompt: prompt, Search: m.searchFor(i, len(prompt), min(limit, m.spec.places-len(prompt)), opt)}
	}
	if err := m.finish(ctx, p, jobs); err != nil {
		return nil, fmt.Errorf("gitvideo: generate: %w", err)
	}
	results := make([]decode.Result, len(jobs))
	for i, j := range jobs {
		results[i] = resultOf(j.Search, i, opt.onToken)
	}
	return results, nil
}

// searchFor begins the search that opt asks for.
func (m *Model) searchFor(i, prompt, limit int, opt generation) decode.Search {
	if opt.Beam > 1 {
		return decode.NewBeams(beamRule, m.config.EOS, opt.Beam, limit, prompt)
	}
	var token func(id int64)
	if opt.onToken != nil {
		token = func(id int64) { opt.onToken(i, id) }
	}
	return decode.NewGreedy(m.config.EOS, limit, token)
}

// resultOf takes a finished search's result; beams have not called back yet.
func resultOf(s decode.Search, i int, token func(int, int64)) decode.Result {
	b, ok := s.(*decode.Beams)
	if !ok {
		return s.(*decode.Greedy).Result()
	}
	for _, id := range b.Result().IDs {
		if token != nil {
			token(i, id)
		}
	}
	return b.Result()
}

// score returns how likely each choice is as the whole answer to prompt: the
// natural logarithm of its probability, stop token included. Choices are weighed
// against each other by the caller. It returns [fault.BadRequest] for an empty
// choice, an unknown token, or one that does not fit behind the prompt.
func (m *Model) score(ctx context.Context, p *Prefix, prompt []int64, choices [][]int64) ([]float64, error) {
	if len(choices) == 0 {
		return nil, fmt.Errorf("gitvideo: score no choices: %w", fault.BadRequest)
	}
	if err := m.checkText(prompt, 1); err != nil {
		return nil, fmt.Errorf("gitvideo: score choices: %w", err)
	}
	for i, c := range choices {
		if err := m.checkText(c, len(prompt)); err != nil {
			return nil, fmt.Errorf("gitvideo: score choice %d: %w", i, err)
		}
	}
	t := decode.NewTrie(m.config.EOS, choices)
	if err := m.finish(ctx, p, []decode.Job{{Prompt: prompt, Search: t}}); err != nil {
		return nil, fmt.Errorf("gitvideo: score %d choices: %w", len(choices), err)
	}
	return t.Scores(), nil
}

// checkText refuses ids that are empty, unknown, or do not leave more text
// positions free.
func (m *Model) checkText(ids []int64, more int) error {
	if len(ids) == 0 || len(ids)+more > m.spec.places {
		return fmt.Errorf("%d tokens, and %d more, of at most %d: %w", len(ids), more, m.spec.places, fault.BadRequest)
	}
	for _, id := range ids {
		if id < 0 || id >= int64(m.spec.vocab) {
			return fmt.Errorf("token %d of a vocabulary of %d: %w", id, m.spec.vocab, fault.BadRequest)
		}
	}
	return nil
}

// An asking is the jobs of one call, about one clip.
type asking struct {
	prefix *Prefix
	jobs   []decode.Job
}

// finish runs all jobs to their end.
func (m *Model) finish(ctx context.Context, p *Prefix, jobs []decode.Job) error {
	if p == nil || p.tokens < 1 || len(p.keys) != m.spec.text.Layers || !m.readable(p.values[0], p.tokens) {
		return fmt.Errorf("the prefix is not this model's: %w", fault.BadRequest)
	}
	rows := 0
	for _, j := range jobs {
		rows += j.Search.Rows()
	}
	return m.askings.Do(ctx, p, rows, &asking{p, jobs})
}

// readable says that values of so many tokens are laid out as the text graph wants them.
func (m *Model) readable(values onnx.Tensor, tokens int) bool {
	t := m.spec.text
	return slices.Equal(values.Shape(), []int64{int64(t.Heads), int64(tokens), int64(onnx.PackedHead(t.Head()))}) && values.DType() == keptType(m.precision)
}

// finishAll runs the jobs of several calls about one clip to their end, as many at
// a time as fit, those with prompts of like length together. The first step has its
// turn, which done gives back; each later one takes its own.
func (m *Model) finishAll(ctx context.Context, done func(), all []*asking) error {
	s, close, err := m.text(ctx)
	if err != nil {
		return err
	}
	defer close()
	var order []decode.Job
	for _, a := range all {
		order = append(order, a.jobs...)
	}
	slices.SortStableFunc(order, func(a, b decode.Job) int { return len(a.Prompt) - len(b.Prompt) })
	for len(order) > 0 {
		n, rows := 0, 0
		for ; n < len(order); n++ {
			rows += order[n].Search.Rows()
			if n > 0 && (rows > maxRows || (n+1)*len(order[n].Prompt) > maxWords) {
				break
			}
		}
		if err := decode.Run(ctx, m.newStepper(s, all[0].prefix, done), order[:n]); err != nil {
			return err
		}
		order, done = order[n:], nil
	}
	return nil
}

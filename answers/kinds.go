package answers

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"videoqa/gitvideo"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// numbers are the words for 0 to 20, as question answering sets spell them.
var numbers = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")

// generate answers the questions: open ones word by word in one batch, closed
// ones by the probability of each choice.
func (j *job) generate(ctx context.Context) error {
	var open []int
	var prompts [][]int64
	for _, i := range j.places {
		q := j.questions[i]
		prompt, notes, err := j.s.model.prompt(q)
		if err != nil {
			j.results[i].Err = err
			continue
		}
		if len(j.seen.looks) < 2 && aboutTime(q.Text) {
			notes = append(notes, ingest.NoTime)
		}
		j.results[i].Answer.Sampling.Notes = notes
		if k := q.AsKind(); k == ingest.Open || k == ingest.Caption {
			open, prompts = append(open, i), append(prompts, prompt)
			continue
		}
		if j.results[i].Answer.Text, j.results[i].Answer.Score, j.results[i].Err = j.score(ctx, prompt, q); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err := j.write(ctx, open, prompts); err != nil {
		return err
	}
	for _, i := range j.places {
		if j.results[i].Err == nil {
			j.weigh(&j.results[i].Answer)
		}
	}
	return nil
}

// weigh makes an answer's score, which is the answer's probability if the pictures
// are like those that the model was trained on, its probability altogether, and
// abstains where that is too low, or where the pictures more likely are unlike.
func (j *job) weigh(a *ingest.Answer) {
	inside := j.prefix.InDistribution()
	a.Score *= inside
	if inside < 0.5 {
		a.Sampling.Notes = append(a.Sampling.Notes, ingest.OutOfDistribution)
	}
	if inside < 0.5 || a.Score < j.s.cfg.AbstainBelow {
		a.Text, a.Abstained = "", true
	}
}

// write generates the answers to the open questions at places.
func (j *job) write(ctx context.Context, places []int, prompts [][]int64) error {
	if len(places) == 0 {
		return nil
	}
	generated, err := j.s.model.git.Generate(ctx, j.prefix, prompts, gitvideo.Generation{MaxTokens: j.s.cfg.MaxTokens, Beam: j.s.cfg.Beam})
	if err != nil {
		return err
	}
	for n, i := range places {
		a := &j.results[i].Answer
		a.Text, a.Score = j.s.model.words.Decode(generated[n].IDs), math.Exp(generated[n].LogProb)
		if generated[n].Cut {
			a.Sampling.Notes = append(a.Sampling.Notes, ingest.Cut)
		}
	}
	return nil
}

// prompt turns a question into what the model is asked with, and says what the
// asker should know about it.
func (m *Model) prompt(q ingest.Question) ([]int64, []ingest.Note, error) {
	if q.AsKind() == ingest.Caption {
		return m.git.Prompt(nil), nil, nil
	}
	ids, unknown, err := m.words.Encode(q.Text)
	if err != nil {
		return nil, nil, fmt.Errorf("answers: read question: %w", err)
	}
	var notes []ingest.Note
	if unknown > 0 {
		notes = append(notes, ingest.UnknownWords)
	}
	prompt := m.git.Prompt(ids)
	if len(prompt) < len(ids)+1 {
		notes = append(notes, ingest.QuestionCut)
	}
	return prompt, notes, nil
}

// A candidate is one way to spell an answer of a closed question.
type candidate struct {
	answer string
	ids    []int64
}

// score finds the most probable answer of a closed question, and its share of
// the probability of all of them.
func (j *job) score(ctx context.Context, prompt []int64, q ingest.Question) (string, float64, error) {
	candidates, err := j.s.model.candidates(q)
	if err != nil {
		return "", 0, err
	}
	spellings := make([][]int64, len(candidates))
	for i, c := range candidates {
		spellings[i] = c.ids
	}
	logs, err := j.s.model.git.Score(ctx, j.prefix, prompt, spellings)
	if err != nil {
		return "", 0, err
	}
	answer, share := most(candidates, logs)
	return answer, share, nil
}

// most merges spellings of one answer and returns the most probable answer with
// its share; of equals the first.
func most(candidates []candidate, logs []float64) (string, float64) {
	top := slices.Max(logs)
	share, total := map[string]float64{}, 0.0
	for i, c := range candidates {
		p := math.Exp(logs[i] - top)
		share[c.answer] += p
		total += p
	}
	best := candidates[0].answer
	for _, c := range candidates {
		if share[c.answer] > share[best] {
			best = c.answer
		}
	}
	return best, share[best] / total
}

// candidates are the answers that a closed question may have. Numbers that the
// model's vocabulary cannot spell are left out; a choice that it cannot spell is
// [fault.BadRequest], because its probability would be that of any unknown word.
func (m *Model) candidates(q ingest.Question) ([]candidate, error) {
	texts, required := closed(q)
	var out []candidate
	for _, t := range texts {
		ids, unknown, err := m.words.Encode(t.spelling)
		switch {
		case err != nil:
			return nil, fmt.Errorf("answers: read choice %q: %w", t.spelling, err)
		case slices.ContainsFunc(out, func(c candidate) bool { return slices.Equal(c.ids, ids) }):
			// The model reads it as one before: each text has its share once.
		case unknown == 0:
			out = append(out, candidate{t.answer, ids})
		case required:
			return nil, fmt.Errorf("answers: read choice %q: the model %s does not know the word: %w", t.spelling, m.Name(), fault.BadRequest)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("answers: the model %s knows no word for an answer of kind %s: %w", m.Name(), q.AsKind(), fault.BadRequest)
	}
	return out, nil
}

type spelled struct{ answer, spelling string }

// closed lists the spellings of a closed question's answers, and whether the
// model has to know all of them.
func closed(q ingest.Question) (texts []spelled, required bool) {
	switch q.AsKind() {
	case ingest.YesNo:
		return []spelled{{"yes", "yes"}, {"no", "no"}}, true
	case ingest.Count:
		for value, word := range numbers {
			digits := strconv.Itoa(value)
			texts = append(texts, spelled{digits, digits}, spelled{digits, word})
		}
		return texts, false
	}
	for _, c := range q.Choices {
		texts = append(texts, spelled{c, c})
	}
	return texts, true
}

package decode

import (
	"context"
	"slices"
)

// A Job is one prompt and the search that continues it.
type Job struct {
	Prompt []int64
	Search Search
}

// A Stepper is a model that continues rows of text, one token a row and step.
type Stepper interface {
	// Begin reads prompts, a row each. It returns the logits of what may follow each:
	// a row's vocabulary after the other's, borrowed until the next call.
	Begin(ctx context.Context, prompts [][]int64) ([]float32, error)
	// Next goes on with rows that each follow an earlier one, parents[i], by a token.
	// It returns logits as Begin does.
	Next(ctx context.Context, parents []int, tokens []int64) ([]float32, error)
	// Vocabulary is how many logits a row has.
	Vocabulary() int
}

// Run takes jobs to their end, all of them in the same steps. A job that has finished
// leaves the batch.
func Run(ctx context.Context, s Stepper, jobs []Job) error {
	b := batch{vocabulary: s.Vocabulary(), jobs: slices.Clone(jobs), rows: slices.Repeat([]int{1}, len(jobs))}
	prompts := make([][]int64, len(jobs))
	for i, j := range jobs {
		prompts[i] = j.Prompt
	}
	logits, err := s.Begin(ctx, prompts)
	for err == nil {
		parents, tokens := b.advance(logits)
		if len(tokens) == 0 {
			return nil
		}
		logits, err = s.Next(ctx, parents, tokens)
	}
	return err
}

// A batch is the jobs that have not finished. Their rows lie one after the other.
type batch struct {
	vocabulary int
	jobs       []Job
	rows       []int // of each job
}

// advance lets each job read its rows' logits, and returns which rows go on, by which
// tokens.
func (b *batch) advance(logits []float32) (parents []int, tokens []int64) {
	var jobs []Job
	var rows []int
	first := 0
	for i, j := range b.jobs {
		n := b.rows[i]
		of := slices.Collect(slices.Chunk(logits[first*b.vocabulary:(first+n)*b.vocabulary], b.vocabulary))
		branches := j.Search.Advance(of)
		for _, r := range branches {
			parents, tokens = append(parents, first+r.Parent), append(tokens, r.Token)
		}
		if first += n; len(branches) > 0 {
			jobs, rows = append(jobs, j), append(rows, len(branches))
		}
	}
	b.jobs, b.rows = jobs, rows
	return parents, tokens
}

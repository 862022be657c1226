package decode

import (
	"math"
	"slices"
)

// A BeamRule is what the authors of a family chose for their beam search.
type BeamRule struct {
	CandidatesPerBeam int     // next tokens of all rows that are looked at, over the width
	LengthPower       float64 // a finished text's score is its sum over ((5+length)/6)^LengthPower
	Longest           int     // length that the rule for stopping early assumes a text could reach
}

// Beams is a beam search that keeps one finished hypothesis. All lengths count the
// whole text with the prompt.
//
// A step takes the CandidatesPerBeam·width best (sum of log-probabilities) of all
// rows' next tokens. Going down that list, a stop token finishes a hypothesis, whose
// score is its sum, stop included, over the penalty of the length without it, and
// other tokens become the next rows until there are width. It is over when the best
// candidate's sum over the penalty of the longest text no longer beats the finished
// hypothesis. At the last step every candidate finishes: its token counts in its
// score but is not part of the text.
type Beams struct {
	rule   BeamRule
	stops  []int64
	width  int
	limit  int // steps
	prompt int // length of the prompt

	live     []hypothesis
	best     Result
	score    float64 // of best
	finished bool    // there is a best
}

// A hypothesis is a text so far, after the prompt.
type hypothesis struct {
	ids []int64
	sum float64
}

// A candidate is one more token for a live hypothesis.
type candidate struct {
	Branch
	sum float64
}

// NewBeams returns a beam search of that width for a text that ends with one of stops,
// or after limit tokens, behind a prompt of that length.
func NewBeams(rule BeamRule, stops []int64, width, limit, prompt int) *Beams {
	return &Beams{rule: rule, stops: stops, width: width, limit: limit, prompt: prompt, live: []hypothesis{{}}}
}

// Result is the text, once the search has finished.
func (b *Beams) Result() Result { return b.best }

// Rows implements [Search].
func (b *Beams) Rows() int { return b.width }

// Advance implements [Search].
func (b *Beams) Advance(logits [][]float32) []Branch {
	all := b.candidates(logits)
	if b.finished && b.score >= all[0].sum/b.penalty(b.rule.Longest) {
		return nil
	}
	last := len(b.live[0].ids)+1 == b.limit
	var next []hypothesis
	var out []Branch
	for _, c := range all {
		parent := b.live[c.Parent]
		stop := slices.Contains(b.stops, c.Token)
		if stop || last {
			b.finish(parent, c.sum, stop)
			continue
		}
		next = append(next, hypothesis{append(slices.Clone(parent.ids), c.Token), c.sum})
		if out = append(out, c.Branch); len(out) == b.width {
			break
		}
	}
	b.live = next
	return out
}

// candidates are the best next tokens of all rows, best first; equal ones in the
// order of rows and tokens.
func (b *Beams) candidates(logits [][]float32) []candidate {
	n := b.rule.CandidatesPerBeam * b.width
	best := make([]candidate, 0, n+1)
	for row, l := range logits {
		base := b.live[row].sum - logSum(l)
		for id, v := range l {
			sum := base + float64(v)
			if len(best) == n && sum <= best[n-1].sum {
				continue
			}
			at := len(best)
			for at > 0 && best[at-1].sum < sum {
				at--
			}
			best = slices.Insert(best, at, candidate{Branch{row, int64(id)}, sum})
			best = best[:min(len(best), n)]
		}
	}
	return best
}

// finish offers a finished hypothesis. One cut off at the last step is scored
// with its next token, as the original does, and reported without it.
func (b *Beams) finish(h hypothesis, sum float64, stopped bool) {
	score := sum / b.penalty(b.prompt+len(h.ids))
	if b.finished && score <= b.score {
		return
	}
	b.score, b.finished = score, true
	b.best = Result{IDs: slices.Clone(h.ids), LogProb: sum, Cut: !stopped}
	if !stopped {
		b.best.LogProb = h.sum
	}
}

// penalty is what the score of a text of that length is divided by.
func (b *Beams) penalty(length int) float64 {
	return math.Pow((5+float64(length))/6, b.rule.LengthPower)
}

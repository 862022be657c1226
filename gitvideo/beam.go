package gitvideo

import (
	"math"
	"slices"
)

// The constants of the original's beam search (GenerativeImage2Text, decoder.py
// and model.py).
const (
	candidatesPerBeam = 2    // per_node_beam_size
	lengthPower       = 0.6  // length_penalty
	longest           = 1023 // max_steps - 1, which its stop rule assumes
)

// beams is the original's beam search, which keeps one finished hypothesis. All
// lengths count the whole text with the prompt.
//
// A step takes the 2·width best (sum of log-probabilities) of all rows' next
// tokens. Going down that list, a stop token finishes a hypothesis, whose score
// is its sum, stop included, over ((5+length)/6)^0.6 of the length without it,
// and other tokens become the next rows until there are width. It is over when
// the best candidate's sum over the penalty of the longest text no longer beats
// the finished hypothesis. At the last step every candidate finishes: its token
// counts in its score but is not part of the text.
type beams struct {
	stops  []int64
	width  int
	limit  int // steps
	prompt int // length of the prompt

	live     []hypothesis
	best     result
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
	branch
	sum float64
}

func newBeams(stops []int64, width, limit, prompt int) *beams {
	return &beams{stops: stops, width: width, limit: limit, prompt: prompt, live: []hypothesis{{}}}
}

func (b *beams) rows() int { return b.width }

func (b *beams) advance(logits [][]float32) []branch {
	all := b.candidates(logits)
	if b.finished && b.score >= all[0].sum/penalty(longest) {
		return nil
	}
	last := len(b.live[0].ids)+1 == b.limit
	var next []hypothesis
	var out []branch
	for _, c := range all {
		parent := b.live[c.parent]
		stop := slices.Contains(b.stops, c.token)
		if stop || last {
			b.finish(parent, c.sum, stop)
			continue
		}
		next = append(next, hypothesis{append(slices.Clone(parent.ids), c.token), c.sum})
		if out = append(out, c.branch); len(out) == b.width {
			break
		}
	}
	b.live = next
	return out
}

// candidates are the best next tokens of all rows, best first; equal ones in the
// order of rows and tokens.
func (b *beams) candidates(logits [][]float32) []candidate {
	n := candidatesPerBeam * b.width
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
			best = slices.Insert(best, at, candidate{branch{row, int64(id)}, sum})
			best = best[:min(len(best), n)]
		}
	}
	return best
}

// finish offers a finished hypothesis. One cut off at the last step is scored
// with its next token, as the original does, and reported without it.
func (b *beams) finish(h hypothesis, sum float64, stopped bool) {
	score := sum / penalty(b.prompt+len(h.ids))
	if b.finished && score <= b.score {
		return
	}
	b.score, b.finished = score, true
	b.best = result{IDs: slices.Clone(h.ids), LogProb: sum, Cut: !stopped}
	if !stopped {
		b.best.LogProb = h.sum
	}
}

// penalty is what the score of a text of that length is divided by.
func penalty(length int) float64 { return math.Pow((5+float64(length))/6, lengthPower) }

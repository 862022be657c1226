package decode

import "slices"

// Greedy takes the likeliest token until it is a stop or the limit is reached.
type Greedy struct {
	stops []int64
	limit int
	token func(id int64)

	result Result
}

// NewGreedy returns a greedy search for a text that ends with one of stops, or after
// limit tokens. token, if not nil, is called with each token as soon as it is taken.
func NewGreedy(stops []int64, limit int, token func(id int64)) *Greedy {
	return &Greedy{stops: stops, limit: limit, token: token}
}

// Result is the text, once the search has finished.
func (g *Greedy) Result() Result { return g.result }

// Rows implements [Search].
func (g *Greedy) Rows() int { return 1 }

// Advance implements [Search].
func (g *Greedy) Advance(logits [][]float32) []Branch {
	id := argmax(logits[0])
	g.result.LogProb += float64(logits[0][id]) - logSum(logits[0])
	if slices.Contains(g.stops, id) {
		return nil
	}
	g.result.IDs = append(g.result.IDs, id)
	if g.token != nil {
		g.token(id)
	}
	if len(g.result.IDs) == g.limit {
		g.result.Cut = true
		return nil
	}
	return []Branch{{0, id}}
}

package gitvideo

import "slices"

// greedy takes the likeliest token until it is a stop or limit tokens are taken.
type greedy struct {
	stops []int64
	limit int
	token func(id int64) // may be nil

	result result
}

func (g *greedy) rows() int { return 1 }

func (g *greedy) advance(logits [][]float32) []branch {
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
	return []branch{{0, id}}
}

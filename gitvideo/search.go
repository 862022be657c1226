package gitvideo

import (
	"math"
	"slices"
)

// A search decides how one prompt is continued: greedily, by beams, or along a
// trie of given answers. It starts with one row of text, the prompt.
type search interface {
	// rows is the most rows it can have at a time.
	rows() int
	// advance reads what may follow each of its rows, the logits of the whole
	// vocabulary, and says which rows to go on with. None: it has finished. The
	// logits are borrowed until it returns.
	advance(logits [][]float32) []branch
}

// A branch is a row to go on with: an earlier row and one more token.
type branch struct {
	parent int
	token  int64
}

// logSum returns log(sum(exp(x))), in float64. A token's log-probability is its
// logit less that.
func logSum(x []float32) float64 {
	top := float64(slices.Max(x))
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// argmax returns the index of the first largest value.
func argmax(x []float32) int64 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int64(best)
}

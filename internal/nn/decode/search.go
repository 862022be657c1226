package decode

import (
	"math"
	"slices"
)

// A Search decides how one prompt is continued: greedily, by beams, or along a
// trie of given texts. It starts with one row of text, the prompt.
type Search interface {
	// Rows is the most rows it can have at a time.
	Rows() int
	// Advance reads what may follow each of its rows, the logits of the whole
	// vocabulary, and says which rows to go on with. None: it has finished. The
	// logits are borrowed until it returns.
	Advance(logits [][]float32) []Branch
}

// A Branch is a row to go on with: an earlier row and one more token.
type Branch struct {
	Parent int
	Token  int64
}

// A Result is a generated text.
type Result struct {
	// IDs are the text's tokens, without prompt and stop token.
	IDs []int64
	// LogProb is the natural logarithm of the text's probability, stop token
	// included, or without it if Cut.
	LogProb float64
	// Cut says that the text was not over when it was ended.
	Cut bool
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

package decode

import "math"

// A Trie scores given texts. Texts that begin alike share rows, so each
// beginning is evaluated once, and all of one length in one step.
type Trie struct {
	stops  []int64
	scores []float64 // by text: log-probability, stop included

	width    int // most nodes of one depth
	frontier []*trieNode
}

// A trieNode is a beginning of some texts.
type trieNode struct {
	token    int64
	children []*trieNode // in the order of the texts
	ends     []int       // texts that are exactly this beginning
	sum      float64     // its log-probability
}

// NewTrie returns a search that scores texts, each of which ends with one of stops.
func NewTrie(stops []int64, texts [][]int64) *Trie {
	root := &trieNode{}
	t := &Trie{stops: stops, scores: make([]float64, len(texts)), frontier: []*trieNode{root}}
	for i, a := range texts {
		n := root
		for _, id := range a {
			n = n.child(id)
		}
		n.ends = append(n.ends, i)
	}
	for level := t.frontier; len(level) > 0; {
		t.width = max(t.width, len(level))
		var next []*trieNode
		for _, n := range level {
			next = append(next, n.children...)
		}
		level = next
	}
	return t
}

// child returns n's child of that token, making it if need be.
func (n *trieNode) child(id int64) *trieNode {
	for _, c := range n.children {
		if c.token == id {
			return c
		}
	}
	c := &trieNode{token: id}
	n.children = append(n.children, c)
	return c
}

// Scores are the natural logarithms of the texts' probabilities, stop token included,
// once the search has finished.
func (t *Trie) Scores() []float64 { return t.scores }

// Rows implements [Search].
func (t *Trie) Rows() int { return t.width }

// Advance implements [Search].
func (t *Trie) Advance(logits [][]float32) []Branch {
	var next []*trieNode
	var out []Branch
	for row, n := range t.frontier {
		l := logits[row]
		base := n.sum - logSum(l)
		for _, i := range n.ends {
			t.scores[i] = base + t.stop(l)
		}
		for _, c := range n.children {
			c.sum = base + float64(l[c.token])
			next = append(next, c)
			out = append(out, Branch{row, c.token})
		}
	}
	t.frontier = next
	return out
}

// stop is the logit of stopping, by any of the stop tokens.
func (t *Trie) stop(logits []float32) float64 {
	if len(t.stops) == 1 {
		return float64(logits[t.stops[0]])
	}
	var sum float64
	for _, id := range t.stops {
		sum += math.Exp(float64(logits[id]))
	}
	return math.Log(sum)
}

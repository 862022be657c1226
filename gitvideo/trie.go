package gitvideo

import "math"

// A trie scores given answers. Answers that begin alike share rows, so each
// beginning is evaluated once, and all of one length in one step.
type trie struct {
	stops  []int64
	scores []float64 // by answer: log-probability, stop included

	width    int // most nodes of one depth
	frontier []*trieNode
}

// A trieNode is a beginning of some answers.
type trieNode struct {
	token    int64
	children []*trieNode // in the order of the answers
	ends     []int       // answers that are exactly this beginning
	sum      float64     // its log-probability
}

func newTrie(stops []int64, answers [][]int64) *trie {
	root := &trieNode{}
	t := &trie{stops: stops, scores: make([]float64, len(answers)), frontier: []*trieNode{root}}
	for i, a := range answers {
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

func (t *trie) rows() int { return t.width }

func (t *trie) advance(logits [][]float32) []branch {
	var next []*trieNode
	var out []branch
	for row, n := range t.frontier {
		l := logits[row]
		base := n.sum - logSum(l)
		for _, i := range n.ends {
			t.scores[i] = base + t.stop(l)
		}
		for _, c := range n.children {
			c.sum = base + float64(l[c.token])
			next = append(next, c)
			out = append(out, branch{row, c.token})
		}
	}
	t.frontier = next
	return out
}

// stop is the logit of stopping, by any of the stop tokens.
func (t *trie) stop(logits []float32) float64 {
	if len(t.stops) == 1 {
		return float64(logits[t.stops[0]])
	}
	var sum float64
	for _, id := range t.stops {
		sum += math.Exp(float64(logits[id]))
	}
	return math.Log(sum)
}

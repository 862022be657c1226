package gitvideo

import (
	"context"
	"fmt"
	"slices"

	"videoqa/internal/onnx"
	"videoqa/internal/turns"
)

// never is added to the score of a word that must not be seen: far below any
// score, so that its weight is zero, and far from overflow.
const never = -1e30

// A batch is jobs being run together over one clip's prefix. Their rows of text
// lie one after the other, each row's own past padded to the same width.
type batch struct {
	spec    spec
	session *onnx.Session
	turns   *turns.Turns
	done    func() // gives back the turn that the next step has; nil: it takes one
	prefix  *Prefix
	jobs    []job // those not finished

	rows  []row
	first int // columns of the past that hold prompts; later ones hold one step each
	width int // columns of the past
	past  [][]float32
	spare [][]float32 // takes the next step's past, then changes places with past

	logits []float32
}

// A row is one text of a job.
type row struct {
	prompt int // length of its prompt, which fills the first columns up to there
	length int // tokens so far, which is the position of the next
}

// run takes the jobs to their end.
func (b *batch) run(ctx context.Context) error {
	b.past = make([][]float32, 2*b.spec.text.layers)
	b.spare = make([][]float32, 2*b.spec.text.layers)
	if err := b.readPrompts(ctx); err != nil {
		return err
	}
	live := make([]int, len(b.jobs)) // rows of each job
	for i := range live {
		live[i] = 1
	}
	for {
		tokens, parents := b.advance(&live)
		if len(tokens) == 0 {
			return nil
		}
		b.follow(parents)
		if err := b.readTokens(ctx, tokens); err != nil {
			return err
		}
	}
}

// advance lets each job read its rows' logits. It returns the next rows' tokens
// and which rows they follow, and drops jobs that have finished.
func (b *batch) advance(live *[]int) (tokens []int64, parents []int) {
	var jobs []job
	var next []int
	first, v := 0, b.spec.vocab
	for i, j := range b.jobs {
		n := (*live)[i]
		logits := slices.Collect(slices.Chunk(b.logits[first*v:(first+n)*v], v))
		branches := j.search.advance(logits)
		for _, r := range branches {
			tokens = append(tokens, r.token)
			parents = append(parents, first+r.parent)
		}
		if first += n; len(branches) > 0 {
			jobs, next = append(jobs, j), append(next, len(branches))
		}
	}
	b.jobs, *live = jobs, next
	return tokens, parents
}

// readPrompts is the first step: every prompt in one row, short ones padded
// behind their end, where no row's own words look.
func (b *batch) readPrompts(ctx context.Context) error {
	for _, j := range b.jobs {
		b.rows = append(b.rows, row{len(j.prompt), len(j.prompt)})
		b.first = max(b.first, len(j.prompt))
	}
	q, s := len(b.rows), b.first
	ids, places := make([]int64, q*s), make([]int64, q*s)
	mask := make([]float32, q*s*s)
	wanted := make([]int64, q)
	for i, j := range b.jobs {
		copy(ids[i*s:], j.prompt)
		wanted[i] = int64(i*s + len(j.prompt) - 1)
		for k := range s {
			places[i*s+k] = int64(k)
			for later := k + 1; later < s; later++ {
				mask[(i*s+k)*s+later] = never
			}
		}
	}
	return b.step(ctx, q, s, ids, places, mask, wanted)
}

// readTokens is a later step: one more token for every row.
func (b *batch) readTokens(ctx context.Context, tokens []int64) error {
	q, t := len(tokens), b.width+1
	places, wanted := make([]int64, q), make([]int64, q)
	mask := make([]float32, q*t)
	for i := range b.rows {
		r := &b.rows[i]
		for pad := r.prompt; pad < b.first; pad++ {
			mask[i*t+pad] = never
		}
		places[i], wanted[i] = int64(r.length), int64(i)
		r.length++
	}
	return b.step(ctx, q, 1, tokens, places, mask, wanted)
}

// step runs the text graph over q rows of s new words each, and takes over the
// past that it returns.
func (b *batch) step(ctx context.Context, q, s int, ids, places []int64, mask []float32, wanted []int64) error {
	t := b.spec.text
	heads, head := int64(t.heads), int64(t.head())
	rows, words, width := int64(q), int64(s), int64(b.width)
	in := onnx.Feed{
		"ids":       onnx.Ints(ids, rows, words),
		"positions": onnx.Ints(places, rows, words),
		"mask":      onnx.Floats(mask, 1, rows, words, width+words),
		"rows":      onnx.Ints(wanted, int64(len(wanted))),
	}
	b.logits = room(b.logits, len(wanted)*b.spec.vocab)
	out := onnx.Feed{"logits": onnx.Floats(b.logits, int64(len(wanted)), int64(b.spec.vocab))}
	for i := range t.layers {
		for k, kind := range []string{"key", "value"} {
			b.spare[2*i+k] = room(b.spare[2*i+k], q*(b.width+s)*t.width)
			in[fmt.Sprintf("prefix.%s.%d", kind, i)] = []onnx.Tensor{b.prefix.keys[i], b.prefix.values[i]}[k]
			in[fmt.Sprintf("past.%s.%d", kind, i)] = onnx.Floats(b.past[2*i+k], heads, rows, width, head)
			out[fmt.Sprintf("%s.%d", kind, i)] = onnx.Floats(b.spare[2*i+k], heads, rows, width+words, head)
		}
	}
	if err := b.inTurn(ctx, func() error { return b.session.Run(ctx, in, out) }); err != nil {
		return err
	}
	b.past, b.spare = b.spare, b.past
	b.width += s
	return nil
}

// inTurn runs a step when its turn comes, so that others' steps come in between.
func (b *batch) inTurn(ctx context.Context, step func() error) (err error) {
	done := b.done
	if b.done = nil; done == nil {
		if done, err = b.turns.Take(ctx); err != nil {
			return err
		}
	}
	defer done()
	return step()
}

// follow makes the rows those that follow parents: rows that end are dropped, and
// one that branches is copied. Nothing is copied if every row goes on alone.
func (b *batch) follow(parents []int) {
	same := len(parents) == len(b.rows)
	rows := make([]row, len(parents))
	for i, p := range parents {
		rows[i] = b.rows[p]
		same = same && i == p
	}
	if !same {
		for i := range b.past {
			b.spare[i] = room(b.spare[i], len(parents)*b.width*b.spec.text.width)
			gather(b.spare[i], b.past[i], b.spec.text, len(b.rows), b.width, parents)
		}
		b.past, b.spare = b.spare, b.past
	}
	b.rows = rows
}

// gather copies rows [heads, rows, width, head] by index.
func gather(to, from []float32, t tower, rows, width int, parents []int) {
	n := width * t.head()
	for h := range t.heads {
		for i, p := range parents {
			copy(to[(h*len(parents)+i)*n:][:n], from[(h*rows+p)*n:][:n])
		}
	}
}

// room returns a slice of n values, buf's own memory if it is large enough.
func room(buf []float32, n int) []float32 {
	if cap(buf) < n {
		return make([]float32, n, n+n/4)
	}
	return buf[:n]
}

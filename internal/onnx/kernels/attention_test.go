package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx/kernels"
)

// weighed is the sum of values, each times softmax of its score, in float64.
func weighed(scores []float64, values [][]float32) []float64 {
	out, total, top := make([]float64, len(values[0])), 0.0, slices.Max(scores)
	for i, s := range scores {
		w := math.Exp(s - top)
		total += w
		for d := range out {
			out[d] += w * float64(values[i][d])
		}
	}
	for d := range out {
		out[d] /= total
	}
	return out
}

func product(x, y []float32) (sum float64) {
	for i := range x {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}

// scaled is what scores are multiplied by.
func scaled(scale float32, head int) float64 {
	if scale == 0 {
		return 1 / math.Sqrt(float64(head))
	}
	return float64(scale)
}

// attend runs a, whose slices are copied to memory of m.
func attend(t *testing.T, a kernels.SelfAttention) (out []float32) {
	t.Helper()
	with(t, func(m *memory) {
		a.QKV, a.Out = fenced(m, a.QKV), unwritten(m, len(a.QKV)/3)
		if a.Bias.Data != nil {
			a.Bias.Data = fenced(m, a.Bias.Data)
		}
		ran(t, a.Run())
		out = slices.Clone(a.Out)
	})
	return out
}

// wantSelf is head h of a token of the batch, in float64.
func wantSelf(a kernels.SelfAttention, token, h int) []float64 {
	part := func(token, which int) []float32 { return a.QKV[((token*3+which)*a.Heads+h)*a.Head:][:a.Head] }
	first, batch, query := token/a.Tokens*a.Tokens, token/a.Tokens, token%a.Tokens
	var scores []float64
	var values [][]float32
	for t := range a.Tokens {
		scores = append(scores, product(part(token, 0), part(first+t, 1))*scaled(a.Scale, a.Head)+float64(biasAt(a, batch, h, query, t)))
		values = append(values, part(first+t, 2))
	}
	return weighed(scores, values)
}

func biasAt(a kernels.SelfAttention, batch, h, query, key int) float32 {
	if a.Bias.Data == nil {
		return 0
	}
	at := 0
	for _, axis := range []struct {
		there bool
		n, i  int
	}{{a.Bias.Batch, a.Batch, batch}, {a.Bias.Heads, a.Heads, h}, {a.Bias.Queries, a.Tokens, query}} {
		if axis.there {
			at = at*axis.n + axis.i
		}
	}
	return a.Bias.Data[at*a.Tokens+key]
}

// biasFor is a random one for a, of which each axis is there or 1 by the bits of axes, and
// which hides some keys, never the first.
func biasFor(rng *rand.Rand, a kernels.SelfAttention, axes int) kernels.Bias {
	b := kernels.Bias{Batch: axes&1 != 0, Heads: axes&2 != 0, Queries: axes&4 != 0}
	n := a.Tokens
	for _, axis := range []struct {
		there bool
		n     int
	}{{b.Batch, a.Batch}, {b.Heads, a.Heads}, {b.Queries, a.Tokens}} {
		if axis.there {
			n *= axis.n
		}
	}
	b.Data = randoms(rng, n)
	for i := range b.Data {
		if i%a.Tokens > 0 && rng.IntN(4) == 0 {
			b.Data[i] = -inf
		}
	}
	return b
}

func TestSelfAttentionIsAttention(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for i, z := range [][4]int{{1, 1, 1, 1}, {2, 17, 3, 20}, {1, 16, 2, 64}, {3, 33, 2, 8}, {1, 60, 1, 88}, {2, 57, 2, 31}, {1, 120, 1, 144}} {
			if z[1]*z[1]*z[2]*z[3] > most(4e6) {
				continue
			}
			for _, bf16 := range []bool{false, true} {
				a := kernels.SelfAttention{Batch: z[0], Tokens: z[1], Heads: z[2], Head: z[3], BFloat16: bf16, QKV: randoms(rng, 3*z[0]*z[1]*z[2]*z[3])}
				checkSelf(t, a)
				for axes := range 8 {
					a.Bias = biasFor(rng, a, axes)
					a.Scale = [2]float32{0, 0.05}[(axes+i)%2]
					checkSelf(t, a)
				}
			}
		}
	})
}

func checkSelf(t *testing.T, a kernels.SelfAttention) {
	t.Helper()
	tolerance := 3e-6
	if a.BFloat16 {
		tolerance = 2e-2 // of numbers of eight binary digits
	}
	out := attend(t, a)
	for token := range a.Batch * a.Tokens {
		for h := range a.Heads {
			near(t, out[(token*a.Heads+h)*a.Head:][:a.Head], wantSelf(a, token, h), tolerance, "%d sequences of %d tokens, %d heads of %d, bias %v, bfloat16 %v: head %d of token %d",
				a.Batch, a.Tokens, a.Heads, a.Head, a.Bias.Data != nil, a.BFloat16, h, token)
		}
	}
	each := len(out) / a.Batch
	for b := range a.Batch { // alone, to the bit
		one := a
		one.Batch, one.QKV = 1, a.QKV[3*b*each:][:3*each]
		if a.Bias.Batch {
			n := len(a.Bias.Data) / a.Batch
			one.Bias.Data = a.Bias.Data[b*n:][:n]
		}
		if alone := attend(t, one); !slices.Equal(alone, out[b*each:][:each]) {
			t.Fatalf("%d sequences of %d tokens, bfloat16 %v: sequence %d differs from what it is alone", a.Batch, a.Tokens, a.BFloat16, b)
		}
	}
}

// A bias of zeros changes no bit, and a key that is hidden is as if it were not there.
func TestABiasOfNothingIsNone(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		a := kernels.SelfAttention{Batch: 2, Tokens: 19, Heads: 2, Head: 24, QKV: randoms(rng, 3*2*19*2*24)}
		plain := attend(t, a)
		a.Bias = kernels.Bias{Data: make([]float32, 19)}
		if got := attend(t, a); !slices.Equal(got, plain) {
			t.Error("zeros added to scores change what is read")
		}
		a.Bias.Data[4] = -inf
		got := attend(t, a)
		for b := range 2 { // what the hidden token's key and value are has no effect
			clear(a.QKV[((b*19+4)*3+1)*2*24:][:2*2*24])
		}
		again := attend(t, a)
		if !slices.Equal(got, again) {
			t.Error("a hidden token is read")
		}
	})
}

func TestSelfAttentionKeepsWhatIsNoNumberInItsRow(t *testing.T) {
	everySet(t, func(t *testing.T) {
		for _, bf16 := range []bool{false, true} {
			a := kernels.SelfAttention{Batch: 2, Tokens: 9, Heads: 2, Head: 8, BFloat16: bf16, QKV: randoms(rand.New(rand.NewPCG(5, 6)), 3*2*9*2*8)}
			a.QKV[3*16*3] = nan // of the query of token 3, in head 0
			for i, v := range attend(t, a) {
				if (v != v) != (i/8 == 3*2) {
					t.Fatalf("bfloat16 %v: number %d of head %d of token %d is %g", bf16, i%8, i/8%2, i/16, v)
				}
			}
		}
	})
}

// A clip is keys and values [tokens, heads, head], which rows read packed.
type clip struct {
	tokens, heads, head int
	keys, values        []float32
}

func randomClip(rng *rand.Rand, tokens, heads, head int) clip {
	n := tokens * heads * head
	return clip{tokens, heads, head, randoms(rng, n), randoms(rng, n)}
}

// packClip is c in memory of m, and what it holds, which is rounded if it is kept as float16.
func packClip[T kernels.Number](m *memory, c clip) (keys, values []T, kept clip) {
	m.t.Helper()
	keys, values = fenced(m, make([]T, c.heads*kernels.Padded(c.tokens)*c.head)), fenced(m, make([]T, c.heads*c.tokens*kernels.Padded(c.head)))
	kernels.PackKeys(keys, fenced(m, c.keys), c.tokens, c.heads, c.head)
	kernels.PackValues(values, fenced(m, c.values), c.tokens, c.heads, c.head)
	kept = c
	if _, half := any(keys).([]uint16); half {
		kept.keys, kept.values = halved(c.keys), halved(c.values)
	}
	return keys, values, kept
}

func (c clip) key(token, h int) []float32   { return c.keys[(token*c.heads+h)*c.head:][:c.head] }
func (c clip) value(token, h int) []float32 { return c.values[(token*c.heads+h)*c.head:][:c.head] }

func TestCrossAttentionIsAttention(t *testing.T) {
	everySet(t, func(t *testing.T) {
		checkCross[float32](t)
		checkCross[uint16](t)
	})
}

func checkCross[T kernels.Number](t *testing.T) {
	t.Helper()
	rng := rand.New(rand.NewPCG(23, 24))
	for _, z := range [][4]int{{1, 1, 1, 1}, {32, 257, 2, 64}, {7, 33, 3, 20}, {17, 16, 2, 8}, {16, 15, 1, 144}, {40, 5, 2, 88}} {
		if z[0]*z[1]*z[2]*z[3] > most(4e6) {
			continue
		}
		rows, c := z[0], randomClip(rng, z[1], z[2], z[3])
		queries, width := randoms(rng, rows*c.heads*c.head), c.heads*c.head
		for _, scale := range []float32{0, 0.05} {
			out := cross[T](t, c, queries, scale)
			with(t, func(m *memory) {
				_, _, kept := packClip[T](m, c)
				for row := range rows {
					for h := range c.heads {
						var scores []float64
						var values [][]float32
						query := queries[row*width+h*c.head:][:c.head]
						for token := range c.tokens {
							scores, values = append(scores, product(query, kept.key(token, h))*scaled(scale, c.head)), append(values, kept.value(token, h))
						}
						near(t, out[row*width+h*c.head:][:c.head], weighed(scores, values), 4e-6, "%v: head %d of row %d", z, h, row)
					}
				}
			})
			for row := range rows { // alone, to the bit
				if alone := cross[T](t, c, queries[row*width:][:width], scale); !slices.Equal(alone, out[row*width:][:width]) {
					t.Fatalf("%v: row %d differs from what it is alone", z, row)
				}
			}
		}
	}
}

func cross[T kernels.Number](t *testing.T, c clip, queries []float32, scale float32) (out []float32) {
	t.Helper()
	with(t, func(m *memory) {
		keys, values, _ := packClip[T](m, c)
		a := kernels.CrossAttention[T]{Queries: fenced(m, queries), Keys: keys, Values: values, Out: unwritten(m, len(queries)), Rows: len(queries) / (c.heads * c.head), Tokens: c.tokens, Heads: c.heads, Head: c.head, Scale: scale}
		ran(t, a.Run())
		out = slices.Clone(a.Out)
	})
	return out
}

// Cross-attention is prefix attention whose rows' own words are hidden.
func TestCrossAttentionIsPrefixAttentionWithoutWords(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(25, 26))
		q := question{clip: randomClip(rng, 37, 2, 24), questions: 5, words: 1}.filled(rng)
		for i := range q.mask {
			q.mask[i] = -inf
		}
		var queries []float32
		for row := range slices.Chunk(q.qkv, 3*2*24) {
			queries = append(queries, row[:2*24]...)
		}
		got, _, _ := ask[float32](t, q)
		if want := cross[float32](t, q.clip, queries, 0); !slices.Equal(got, want) {
			t.Errorf("%v and on, want %v", got[:4], want[:4])
		}
	})
}

// A question is one run of prefix attention.
type question struct {
	clip
	questions, words, past int
	byHead                 bool
	scale                  float32

	qkv, mask, pastKeys, pastValues []float32
}

func (q question) String() string {
	return fmt.Sprintf("%d heads of %d, %d tokens, %d questions of %d words after %d", q.heads, q.head, q.tokens, q.questions, q.words, q.past)
}

func (q question) filled(rng *rand.Rand) question {
	width, own, masks := q.heads*q.head, q.past+q.words, 1
	if q.byHead {
		masks = q.heads
	}
	q.qkv, q.mask = randoms(rng, q.questions*q.words*3*width), randoms(rng, masks*q.questions*q.words*own)
	for i := range q.mask {
		if i%own > 0 && rng.IntN(4) == 0 { // not the first: without tokens, something must be left
			q.mask[i] = -1e30
		}
	}
	q.pastKeys, q.pastValues = randoms(rng, width*q.questions*q.past), randoms(rng, width*q.questions*q.past)
	return q
}

// ask runs q, whose clip is kept as T.
func ask[T kernels.Number](t *testing.T, q question) (out, keys, values []float32) {
	t.Helper()
	with(t, func(m *memory) {
		packedKeys, packedValues, _ := packClip[T](m, q.clip)
		width, own := q.heads*q.head, q.past+q.words
		a := kernels.PrefixAttention[T]{
			QKV: fenced(m, q.qkv), Mask: fenced(m, q.mask), Keys: packedKeys, Values: packedValues, PastKeys: fenced(m, q.pastKeys), PastValues: fenced(m, q.pastValues),
			Out: unwritten(m, q.questions*q.words*width), NewKeys: unwritten(m, q.questions*own*width), NewValues: unwritten(m, q.questions*own*width),
			Questions: q.questions, Words: q.words, Past: q.past, Tokens: q.tokens, Heads: q.heads, Head: q.head, MaskByHead: q.byHead, Scale: q.scale,
		}
		ran(t, a.Run())
		out, keys, values = slices.Clone(a.Out), slices.Clone(a.NewKeys), slices.Clone(a.NewValues)
	})
	return out, keys, values
}

// own is the key (which = 1) or value (2) of word t of a question, in one head.
func (q question) own(h, of, t, which int) []float32 {
	if t < q.past {
		return [][]float32{nil, q.pastKeys, q.pastValues}[which][((h*q.questions+of)*q.past+t)*q.head:][:q.head]
	}
	return q.qkv[((of*q.words+t-q.past)*3+which)*q.heads*q.head+h*q.head:][:q.head]
}

// want is attention by its definition, in float64: head h of a row.
func (q question) want(h, row int) []float64 {
	own, width, mask := q.past+q.words, q.heads*q.head, q.mask
	if q.byHead {
		mask = mask[h*q.questions*q.words*own:]
	}
	query := q.qkv[row*3*width+h*q.head:][:q.head]
	var scores []float64
	var values [][]float32
	see := func(key, value []float32, mask float32) {
		scores, values = append(scores, product(query, key)*scaled(q.scale, q.head)+float64(mask)), append(values, value)
	}
	for t := range q.tokens {
		see(q.key(t, h), q.value(t, h), 0)
	}
	for t := range own {
		see(q.own(h, row/q.words, t, 1), q.own(h, row/q.words, t, 2), mask[row*own+t])
	}
	return weighed(scores, values)
}

func TestPrefixAttentionIsAttention(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, z := range []question{
			{clip: randomClip(rng, 197, 2, 64), questions: 1, words: 1, past: 9},
			{clip: randomClip(rng, 33, 3, 64), questions: 3, words: 7},
			{clip: randomClip(rng, 16, 2, 8), questions: 5, words: 5, past: 2, byHead: true},
			{clip: randomClip(rng, 1, 1, 20), questions: 17, words: 1, past: 1, scale: 1},
			{clip: randomClip(rng, 15, 2, 144), questions: 2, words: 9, past: 3},
			{clip: randomClip(rng, 0, 3, 24), questions: 2, words: 3, past: 4, byHead: true, scale: 1}, // T5's decoder has no prefix
			{clip: randomClip(rng, 0, 1, 8), questions: 1, words: 1},
		} {
			q := z.filled(rng)
			out, keys, values := ask[float32](t, q)
			checkAnswers(t, q, out, keys, values)
			checkAlone[float32](t, q, out)
			out, keys, values = ask[uint16](t, q)
			kept := q
			kept.keys, kept.values = halved(q.keys), halved(q.values)
			checkAnswers(t, kept, out, keys, values)
			checkAlone[uint16](t, q, out)
		}
	})
}

func checkAnswers(t *testing.T, q question, out, keys, values []float32) {
	t.Helper()
	for row := range q.questions * q.words {
		for h := range q.heads {
			near(t, out[(row*q.heads+h)*q.head:][:q.head], q.want(h, row), 4e-6, "%v: head %d of row %d", q, h, row)
		}
	}
	own := q.past + q.words
	for i := range q.heads * q.questions * own {
		h, of, word := i/own/q.questions, i/own%q.questions, i%own
		if !slices.Equal(keys[i*q.head:][:q.head], q.own(h, of, word, 1)) || !slices.Equal(values[i*q.head:][:q.head], q.own(h, of, word, 2)) {
			t.Fatalf("%v: word %d of question %d is not kept for the next step", q, word, of)
		}
	}
}

// checkAlone asks each question by itself, which must change no bit.
func checkAlone[T kernels.Number](t *testing.T, q question, out []float32) {
	t.Helper()
	width, own := q.heads*q.head, q.past+q.words
	for of := range q.questions {
		one := q
		one.questions, one.mask, one.pastKeys, one.pastValues = 1, nil, nil, nil
		one.qkv = q.qkv[of*q.words*3*width:][:q.words*3*width]
		for at := of * q.words * own; at < len(q.mask); at += q.questions * q.words * own { // a head each, if there are several
			one.mask = append(one.mask, q.mask[at:][:q.words*own]...)
		}
		for h := range q.heads {
			at := (h*q.questions + of) * q.past * q.head
			one.pastKeys = append(one.pastKeys, q.pastKeys[at:][:q.past*q.head]...)
			one.pastValues = append(one.pastValues, q.pastValues[at:][:q.past*q.head]...)
		}
		if alone, _, _ := ask[T](t, one); !slices.Equal(alone, out[of*q.words*width:][:q.words*width]) {
			t.Fatalf("%v: question %d differs from what it is alone", q, of)
		}
	}
}

func TestPrefixAttentionKeepsWhatIsNoNumberInItsRow(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		q := question{clip: randomClip(rng, 20, 1, 8), questions: 1, words: 2}.filled(rng)
		q.qkv[0] = nan // of the first row's query
		out, _, _ := ask[float32](t, q)
		for d, v := range out {
			if (v != v) != (d < q.head) {
				t.Errorf("number %d is %g: the first row alone has none", d, v)
			}
		}
	})
}

package decode

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
)

const (
	vocabulary = 5
	stop       = 4
)

// likely are logits that depend on the whole text.
func likely(seed int64, text []int64) []float32 {
	out := make([]float32, vocabulary)
	for i := range out {
		h := uint64(seed)*2654435761 + uint64(i+1)*40503
		for _, id := range text {
			h = h*6364136223846793005 + uint64(id) + 1442695040888963407
		}
		out[i] = float32(h>>40)/float32(1<<24)*6 - 3
	}
	return out
}

// A reader is a model whose keys are the tokens themselves: what it may look at, it
// reads from the cache, as a decoder does.
type reader struct {
	seed  int64
	cache *Cache
}

func newReader(seed int64) *reader { return &reader{seed, NewCache(2, 2, 1)} }

func (r *reader) Vocabulary() int { return vocabulary }

func (r *reader) Begin(_ context.Context, prompts [][]int64) ([]float32, error) {
	return r.run(r.cache.Prompts(prompts))
}

func (r *reader) Next(_ context.Context, parents []int, tokens []int64) ([]float32, error) {
	return r.run(r.cache.Tokens(parents, tokens))
}

func (r *reader) run(s Step) ([]float32, error) {
	total := s.Width + s.Words
	for i := range 2 { // both tensors and both heads hold the same
		past, grown := r.cache.Past(i), r.cache.Grown(i)
		for head := range 2 {
			for row := range s.Rows {
				to := grown[(head*s.Rows+row)*total:][:total]
				copy(to, past[(head*s.Rows+row)*s.Width:][:s.Width])
				for k := range s.Words {
					to[s.Width+k] = float32(s.IDs[row*s.Words+k])
				}
			}
		}
	}
	var logits []float32
	for _, w := range s.Wanted {
		row, word := int(w)/s.Words, int(w)%s.Words
		var text []int64
		for k := range total {
			if s.Mask[(row*s.Words+word)*total+k] == 0 {
				text = append(text, int64(r.cache.Grown(1)[(s.Rows+row)*total+k]))
			}
		}
		if at := s.Positions[w]; at != int64(len(text)-1) {
			return nil, fmt.Errorf("the token behind %v stands at %d", text, at)
		}
		logits = append(logits, likely(r.seed, text)...)
	}
	r.cache.Grow()
	return logits, nil
}

// alone runs one search by its definition, without a cache or a batch.
func alone(seed int64, prompt []int64, s Search) {
	texts := [][]int64{prompt}
	for {
		var logits [][]float32
		for _, t := range texts {
			logits = append(logits, likely(seed, t))
		}
		branches := s.Advance(logits)
		if len(branches) == 0 {
			return
		}
		var grown [][]int64
		for _, b := range branches {
			grown = append(grown, append(slices.Clone(texts[b.Parent]), b.Token))
		}
		texts = grown
	}
}

var rule = BeamRule{CandidatesPerBeam: 2, LengthPower: 0.6, Longest: 1023}

func TestAJobOfABatchEndsAsItDoesAlone(t *testing.T) {
	for seed := range int64(30) {
		var jobs []Job
		var want, got []func() string
		add := func(prompt []int64, make func() (Search, func() string)) {
			batched, batchedResult := make()
			single, singleResult := make()
			alone(seed, prompt, single)
			jobs = append(jobs, Job{prompt, batched})
			want, got = append(want, singleResult), append(got, batchedResult)
		}
		for n := range int64(5) {
			prompt := []int64{n % 4, 1, 2, 3, 0}[:1+n]
			add(prompt, func() (Search, func() string) {
				g := NewGreedy([]int64{stop}, 6, nil)
				return g, func() string { return fmt.Sprint(g.Result()) }
			})
			add(prompt, func() (Search, func() string) {
				b := NewBeams(rule, []int64{stop}, 3, 5, len(prompt))
				return b, func() string { return fmt.Sprint(b.Result()) }
			})
			add(prompt, func() (Search, func() string) {
				s := NewTrie([]int64{stop}, [][]int64{{1, 2}, {1, 3}, {0}, {1, 2, 2, 2}})
				return s, func() string { return fmt.Sprint(s.Scores()) }
			})
		}
		if err := Run(t.Context(), newReader(seed), jobs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range jobs {
			if got[i]() != want[i]() {
				t.Errorf("seed %d: job %d, a %T, gives %s; alone %s", seed, i, jobs[i].Search, got[i](), want[i]())
			}
		}
	}
}

func TestTokensAreToldAsTheyAreTaken(t *testing.T) {
	for seed := range int64(10) {
		var told []int64
		g := NewGreedy([]int64{stop}, 6, func(id int64) { told = append(told, id) })
		if err := Run(t.Context(), newReader(seed), []Job{{[]int64{1}, g}}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, g.Result().IDs) {
			t.Errorf("seed %d: told of %v; the text is %v", seed, told, g.Result().IDs)
		}
	}
}

func TestAllTextsOfATrieAreScored(t *testing.T) {
	texts := [][]int64{{1}, {1, 2}, {2, 2}, {}}
	s := NewTrie([]int64{stop}, texts)
	if err := Run(t.Context(), newReader(7), []Job{{[]int64{3}, s}}); err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		want, at := 0.0, []int64{3}
		for _, id := range append(slices.Clone(text), stop) {
			l := likely(7, at)
			want += float64(l[id]) - logSum(l)
			at = append(at, id)
		}
		if math.Abs(s.Scores()[i]-want) > 1e-9 {
			t.Errorf("%v has %v; want %v", text, s.Scores()[i], want)
		}
	}
}

func TestBeamsWideEnoughFindTheBestOfAllTexts(t *testing.T) {
	const steps = 3
	prompt := []int64{0, 1}
	for seed := range int64(20) {
		next := func(text []int64) []float32 { return likely(seed, append(slices.Clone(prompt), text...)) }
		best, bestScore := exhaust(next, nil, 0, steps, len(prompt))
		b := NewBeams(rule, []int64{stop}, 64, steps, len(prompt))
		if err := Run(t.Context(), newReader(seed), []Job{{prompt, b}}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.best.IDs, best) || math.Abs(b.score-bestScore) > 1e-9 {
			t.Errorf("seed %d: beams find %v with %v; the best of all is %v with %v", seed, b.best.IDs, b.score, best, bestScore)
		}
	}
}

// exhaust returns the best text of all by the beam search's own score.
func exhaust(next func([]int64) []float32, ids []int64, sum float64, steps, prompt int) (best []int64, score float64) {
	score = math.Inf(-1)
	l := next(ids)
	base := sum - logSum(l)
	for id := range vocabulary {
		total := base + float64(l[id])
		text, s := ids, total/math.Pow((5+float64(prompt+len(ids)))/6, 0.6)
		if id != stop && len(ids)+1 < steps {
			text, s = exhaust(next, append(slices.Clone(ids), int64(id)), total, steps, prompt)
		}
		if s > score {
			best, score = text, s
		}
	}
	return slices.Clone(best), score
}

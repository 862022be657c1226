package gitvideo

import (
	"context"
	"fmt"

	"videoqa/internal/fair"
	"videoqa/internal/nn/decode"
	"videoqa/internal/onnx"
)

// A stepper continues rows of text over one clip's prefix, as [decode.Run] wants it.
type stepper struct {
	spec    spec
	session *onnx.Session
	slots   *fair.Scheduler
	done    func() // gives back the turn that the next step has; nil: it takes one
	prefix  *Prefix

	cache  *decode.Cache // keys of layer i at 2i, its values at 2i+1
	logits []float32
}

func (m *Model) newStepper(session *onnx.Session, p *Prefix, done func()) *stepper {
	t := m.spec.text
	return &stepper{spec: m.spec, session: session, slots: m.textSlots, done: done, prefix: p, cache: decode.NewCache(2*t.Layers, t.Heads, t.Head())}
}

// Vocabulary implements [decode.Stepper].
func (s *stepper) Vocabulary() int { return s.spec.vocab }

// Begin implements [decode.Stepper].
func (s *stepper) Begin(ctx context.Context, prompts [][]int64) ([]float32, error) {
	return s.run(ctx, s.cache.Prompts(prompts))
}

// Next implements [decode.Stepper].
func (s *stepper) Next(ctx context.Context, parents []int, tokens []int64) ([]float32, error) {
	return s.run(ctx, s.cache.Tokens(parents, tokens))
}

// run runs the text graph.
func (s *stepper) run(ctx context.Context, step decode.Step) ([]float32, error) {
	t := s.spec.text
	heads, head := int64(t.Heads), int64(t.Head())
	rows, words, width, wanted := int64(step.Rows), int64(step.Words), int64(step.Width), int64(len(step.Wanted))
	in := onnx.Feed{
		"ids":       onnx.Ints(step.IDs, rows, words),
		"positions": onnx.Ints(step.Positions, rows, words),
		"mask":      onnx.Floats(step.Mask, 1, rows, words, width+words),
		"rows":      onnx.Ints(step.Wanted, wanted),
	}
	s.logits = decode.Resize(s.logits, len(step.Wanted)*s.spec.vocab)
	out := onnx.Feed{"logits": onnx.Floats(s.logits, wanted, int64(s.spec.vocab))}
	for i := range t.Layers {
		for k, kind := range []string{"key", "value"} {
			in[fmt.Sprintf("prefix.%s.%d", kind, i)] = []onnx.Tensor{s.prefix.keys[i], s.prefix.values[i]}[k]
			in[fmt.Sprintf("past.%s.%d", kind, i)] = onnx.Floats(s.cache.Past(2*i+k), heads, rows, width, head)
			out[fmt.Sprintf("%s.%d", kind, i)] = onnx.Floats(s.cache.Grown(2*i+k), heads, rows, width+words, head)
		}
	}
	if err := s.inTurn(ctx, func() error { return s.session.Run(ctx, in, out) }); err != nil {
		return nil, err
	}
	s.cache.Grow()
	return s.logits, nil
}

// inTurn runs a step when its turn comes, so that others' steps come in between.
func (s *stepper) inTurn(ctx context.Context, run func() error) (err error) {
	done := s.done
	if s.done = nil; done == nil {
		if done, err = s.slots.Acquire(ctx); err != nil {
			return err
		}
	}
	defer done()
	return run()
}

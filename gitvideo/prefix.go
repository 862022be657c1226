package gitvideo

import (
	"context"
	"fmt"
	"sync"

	"videoqa/internal/fault"
	"videoqa/internal/nn/decode"
	"videoqa/internal/nn/layers"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// A Prefix is a clip as the decoder sees it: each layer's keys and values of all
// visual tokens. It depends on the frames and their slots only, never on a
// question, and is never changed once made.
type Prefix struct {
	tokens int
	inside float64       // probability that the pictures are in distribution
	keys   []onnx.Tensor // a layer each, as [onnx.PackKeys] lays them out
	values []onnx.Tensor // and [onnx.PackValues]
}

// Tokens returns how many visual tokens p has.
func (p *Prefix) Tokens() int { return p.tokens }

// InDistribution is the probability that the clip's pictures are like those that the
// model was trained on, as the checkpoint's detector has it; 1 for a checkpoint
// without one.
func (p *Prefix) InDistribution() float64 { return p.inside }

// Bytes returns how much Go memory p holds; for six frames under GIT-base 43.6 MB in
// FP32, half of that in all other precisions. The collector frees it.
func (p *Prefix) Bytes() int64 {
	var n int64
	for i := range p.keys {
		n += p.keys[i].Bytes() + p.values[i].Bytes()
	}
	return n
}

// kept is what keys and values are kept in: float16 wherever what they are made of, or
// what reads them, is rounded to fewer bits anyway.
func keptType(p vlm.Precision) onnx.DType {
	if p == vlm.FP32 {
		return onnx.Float
	}
	return onnx.Half
}

// Prefix runs the decoder over the frames of a clip, in time order, all of one
// size. pictureTokens i gets temporal embedding slots[i], or none where slots[i] is
// [Model.Frames]; which it gets is for package temporal to say. It returns
// [fault.BadRequest] if there are no frames, sizes differ, or a slot does not
// exist.
func (m *Model) readPictures(ctx context.Context, frames []pictureTokens, slots []int64) (*Prefix, error) {
	if err := m.checkFrames(frames, slots); err != nil {
		return nil, fmt.Errorf("gitvideo: make prefix of %d frames: %w: %w", len(frames), err, fault.BadRequest)
	}
	f, n, w := len(frames), frames[0].Tokens, m.spec.vision.Width
	features := make([]float32, 0, f*n*w)
	for _, frame := range frames {
		features = append(features, frame.Data...)
	}
	s, done, err := m.prefixGraph(ctx, f, n)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: make prefix: %w", err)
	}
	defer done()
	turn, err := m.wideSlots.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: make prefix: %w", err)
	}
	defer turn()
	in := onnx.Feed{"features": onnx.Floats(features, int64(f), int64(n), int64(w)), "slots": onnx.Ints(slots, int64(f))}
	p, err := m.readFrames(ctx, s, in, f*n)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: make prefix: %w", err)
	}
	pictures := make([][]float32, len(frames))
	for i, f := range frames {
		pictures[i] = f.Data
	}
	p.inside = m.from.detector.InDistribution(pictures)
	return p, nil
}

// packs says that the prefix graph lays keys and values out itself.
func (m *Model) packs() bool { return !m.openVINO() && m.device != CUDA }

// readFrames runs the prefix graph.
func (m *Model) readFrames(ctx context.Context, s *onnx.Session, in onnx.Feed, tokens int) (*Prefix, error) {
	t, kept := m.spec.text, keptType(m.precision)
	p, out := &Prefix{tokens: tokens, keys: make([]onnx.Tensor, t.Layers), values: make([]onnx.Tensor, t.Layers)}, onnx.Feed{}
	if m.packs() {
		for i := range t.Layers {
			p.keys[i], p.values[i] = onnx.NewPackedKeys(kept, tokens, t.Heads, t.Head()), onnx.NewPackedValues(kept, tokens, t.Heads, t.Head())
			out[fmt.Sprintf("key.%d", i)], out[fmt.Sprintf("value.%d", i)] = p.keys[i], p.values[i]
		}
		return p, s.Run(ctx, in, out)
	}
	loose, _ := m.rooms.Get().(*[][]float32)
	if loose == nil {
		made := make([][]float32, 2*t.Layers) // a layer's keys at 2i, its values at 2i+1
		loose = &made
	}
	defer m.rooms.Put(loose)
	for i := range *loose {
		(*loose)[i] = decode.Resize((*loose)[i], tokens*t.Width)
		kind := []string{"key", "value"}[i%2]
		out[fmt.Sprintf("%s.%d", kind, i/2)] = onnx.Floats((*loose)[i], int64(tokens), int64(t.Heads), int64(t.Head()))
	}
	if err := s.Run(ctx, in, out); err != nil {
		return nil, err
	}
	p.fill(*loose, kept, t)
	return p, nil
}

// fill lays loose keys and values [tokens, heads, head] out as the text step reads them.
func (p *Prefix) fill(loose [][]float32, kept onnx.DType, t layers.Stack) {
	var packing sync.WaitGroup
	for i := range t.Layers {
		packing.Go(func() {
			p.keys[i] = onnx.PackKeys(loose[2*i], kept, p.tokens, t.Heads, t.Head())
			p.values[i] = onnx.PackValues(loose[2*i+1], kept, p.tokens, t.Heads, t.Head())
		})
	}
	packing.Wait()
}

func (m *Model) checkFrames(frames []pictureTokens, slots []int64) error {
	if len(frames) == 0 || len(slots) != len(frames) {
		return fmt.Errorf("%d slots", len(slots))
	}
	for i, f := range frames {
		switch {
		case f.Tokens != frames[0].Tokens || f.Tokens < 1 || f.Width != m.spec.vision.Width || len(f.Data) != f.Tokens*f.Width:
			return fmt.Errorf("frame %d is %d x %d in %d values, want %d x %d", i, f.Tokens, f.Width, len(f.Data), frames[0].Tokens, m.spec.vision.Width)
		case slots[i] < 0 || slots[i] > int64(m.spec.frames):
			return fmt.Errorf("frame %d wants slot %d of %d", i, slots[i], m.spec.frames)
		}
	}
	return nil
}

// prefix returns the session of the prefix graph for that many frames of so many
// tokens.
func (m *Model) prefixGraph(ctx context.Context, frames, tokens int) (*onnx.Session, func(), error) {
	name := fmt.Sprintf("prefix-%dx%d", frames, tokens)
	kept := onnx.DType(0)
	if m.packs() {
		kept = keptType(m.precision)
	}
	return m.runtime.Graph(ctx, name, m.wide(), func() (onnx.Model, error) {
		return prefixGraph(m.newWide(name), m.spec, m.layout, frames, tokens, kept)
	})
}

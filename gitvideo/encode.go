package gitvideo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// maxBatch is how many pictures one run encodes at most. Beyond a few, a run
// gains nothing from more on a CPU and only holds more memory.
const maxBatch = 8

// together is how many of n pictures the next run encodes. Where every number has a
// copy of the weights of its own it is all frames of a clip or one: one alone costs
// a third more, and a copy 200 MB under GIT-base in bf16.
func (m *Model) together(n int) int {
	switch {
	case m.shares():
		return min(n, maxBatch)
	case n >= max(1, m.spec.frames):
		return max(1, m.spec.frames)
	}
	return 1
}

// Encode runs the vision tower over pictures of one size.
//
//	pixels  [frames, height, width, 3]  uint8 RGB, upright, prepared as the model wants them
//
// Each Frame has its own memory. Sizes other than the model's own get position
// embeddings interpolated to their grid; rows and columns beyond the last whole
// patch are not looked at. Encode borrows pixels until it returns. It returns
// [fault.BadRequest] if pixels do not fit the sizes or are smaller than a patch.
func (m *Model) Encode(ctx context.Context, pixels []byte, frames, height, width int) ([]Frame, error) {
	z := size{frames, height / m.spec.patch, width / m.spec.patch}
	if frames < 1 || z.high < 1 || z.wide < 1 || len(pixels) != frames*height*width*3 {
		return nil, fmt.Errorf("gitvideo: encode %d pictures of %d x %d in %d bytes, patches of %d: %w", frames, width, height, len(pixels), m.spec.patch, fault.BadRequest)
	}
	var out []Frame
	for one := height * width * 3; len(pixels) > 0; {
		z.frames = m.together(len(pixels) / one)
		got, err := m.encode(ctx, wholePatches(pixels[:z.frames*one], z, height, width, m.spec.patch), z)
		if err != nil {
			return nil, fmt.Errorf("gitvideo: encode %d pictures: %w", frames, err)
		}
		out, pixels = append(out, got...), pixels[z.frames*one:]
	}
	return out, nil
}

// encode runs the graph of size z over pixels of exactly that size.
func (m *Model) encode(ctx context.Context, pixels []byte, z size) ([]Frame, error) {
	s, done, err := m.vision(ctx, z)
	if err != nil {
		return nil, err
	}
	defer done()
	n, w, p := z.tokens(), m.spec.vision.width, m.spec.patch
	features := make([]float32, z.frames*n*w)
	err = s.Run(ctx,
		onnx.Feed{"pixels": onnx.Bytes(pixels, int64(z.frames), int64(z.high*p), int64(z.wide*p), 3)},
		onnx.Feed{"features": onnx.Floats(features, int64(z.frames), int64(n), int64(w))})
	if err != nil {
		return nil, err
	}
	out := make([]Frame, 0, z.frames)
	for f := range slices.Chunk(features, n*w) {
		if z.frames > 1 {
			f = slices.Clone(f) // one frame kept must not keep the others
		}
		out = append(out, Frame{n, w, f})
	}
	return out, nil
}

// wholePatches drops what lies beyond the last whole patch of each picture, as a
// convolution with that stride does.
func wholePatches(pixels []byte, z size, height, width, patch int) []byte {
	high, wide := z.high*patch, z.wide*patch
	if high == height && wide == width {
		return pixels
	}
	out := make([]byte, 0, z.frames*high*wide*3)
	for f := range z.frames {
		for y := range high {
			out = append(out, pixels[(f*height+y)*width*3:][:wide*3]...)
		}
	}
	return out
}

// vision returns the session of the vision graph of size z. Its name tells the
// normalisation, which is inside the graph.
func (m *Model) vision(ctx context.Context, z size) (*onnx.Session, func(), error) {
	arithmetic := sha256.Sum256(fmt.Append(nil, m.scale, m.shift))
	name := fmt.Sprintf("vision-%dx%dx%d-%s", z.frames, z.high, z.wide, hex.EncodeToString(arithmetic[:4]))
	return m.graph(ctx, name, m.wide(), func() (onnx.Model, error) {
		e, err := m.embedding(z)
		if err != nil {
			return onnx.Model{}, err
		}
		return visionGraph(m.newWide(name), m.spec, m.layout, z, e)
	})
}

// wide is the configuration of graphs over whole pictures, which come in many sizes
// and share one mapping of the weights.
func (m *Model) wide() onnx.SessionConfig {
	cfg := m.session
	if m.precision.Pictures() == BF16 {
		cfg.Provider, cfg.BFloat16 = onnx.OpenVINO, true
	}
	cfg.SharedWeights = m.shares()
	return cfg
}

// shares says that graphs over pictures read the weights where they are mapped.
// OpenVINO does not, and blocks that are not packed would be turned into float32.
// Columns take 4 to 7 % longer so.
func (m *Model) shares() bool {
	return m.precision.Pictures() != BF16 && m.pictures != blocks
}

// newWide begins a graph for wide.
func (m *Model) newWide(name string) *onnx.Graph {
	if m.precision.Pictures() == BF16 {
		return onnx.NewPlainGraph(name)
	}
	return onnx.NewGraph(name)
}

// embedding reads the checkpoint's part of the embedding and prepares it for z.
func (m *Model) embedding(z size) (embedding, error) {
	var t [3]checkpoint.Tensor
	for i, name := range []string{"patch_embedding.weight", "position_embedding.weight", "class_embedding"} {
		var err error
		if t[i], err = m.from.Tensor(visionPrefix + "embeddings." + name); err != nil {
			return embedding{}, err
		}
	}
	return embed(m.spec, t[0].Float32(), t[1].Float32(), t[2].Float32(), m.scale, m.shift, z.high, z.wide), nil
}

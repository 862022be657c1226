package gitvideo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/x448/float16"

	"videoqa/internal/fault"
	"videoqa/internal/nn/layers"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// What one run encodes at most: pictures, and the tokens that they become, which is
// what its memory follows. Beyond a few, a run gains nothing from more on a CPU.
const (
	maxBatch  = 8
	maxTokens = maxBatch * 197 // of GIT-base's own pictures
)

// deviceBatch is how many pictures one run encodes on a GPU, where many are there.
const deviceBatch = 64

// most is how many pictures of so many tokens one run encodes at most.
func (m *Model) most(tokens int) int {
	switch {
	case m.device == CUDA:
		return max(deviceBatch, m.spec.frames)
	case !m.shares():
		return max(1, m.spec.frames)
	}
	return max(1, min(maxBatch, maxTokens/tokens))
}

// together is how many of n pictures the next run encodes. Where every number has a
// copy of the weights of its own it is all that a run takes, all frames of a clip, or
// one: one alone costs a third more, and a copy 200 MB under GIT-base in bf16.
func (m *Model) together(n, tokens int) int {
	most := m.most(tokens)
	switch {
	case n >= most || m.device != CUDA && m.shares():
		return min(n, most)
	case n >= m.spec.frames && m.spec.frames > 0:
		return m.spec.frames
	}
	return 1
}

// An encoding is the pictures of one call.
type encoding struct {
	pixels []byte // whole patches only
	size   size
	out    []pictureTokens
}

// Encode runs the vision tower over pictures of one size.
//
//	pixels  [frames, height, width, 3]  uint8 RGB, upright, prepared as the model wants them
//
// Each pictureTokens has its own memory. Sizes other than the model's own get position
// embeddings interpolated to their grid; rows and columns beyond the last whole
// patch are not looked at. Calls that wait for their turn with pictures of one size
// are encoded together. Encode borrows pixels until it returns. It returns
// [fault.BadRequest] if pixels do not fit the sizes or are smaller than a patch.
func (m *Model) encodePictures(ctx context.Context, pixels []byte, frames, height, width int) ([]pictureTokens, error) {
	z := size{frames, height / m.spec.patch, width / m.spec.patch}
	if frames < 1 || z.high < 1 || z.wide < 1 || len(pixels) != frames*height*width*3 {
		return nil, fmt.Errorf("gitvideo: encode %d pictures of %d x %d in %d bytes, patches of %d: %w", frames, width, height, len(pixels), m.spec.patch, fault.BadRequest)
	}
	e := &encoding{pixels: wholePatches(pixels, z, height, width, m.spec.patch), size: z}
	if err := m.encodings.Do(ctx, size{1, z.high, z.wide}, frames*z.tokens(), e); err != nil {
		return nil, fmt.Errorf("gitvideo: encode %d pictures: %w", frames, err)
	}
	return e.out, nil
}

// encodeAll runs the vision tower over the pictures of several calls, as many at a
// time as one run takes. done gives back the turn that the first run has.
func (m *Model) encodeAll(ctx context.Context, done func(), all []*encoding) error {
	pixels := all[0].pixels
	if len(all) > 1 {
		pixels = nil
		for _, e := range all {
			pixels = append(pixels, e.pixels...)
		}
	}
	z := all[0].size
	one := len(all[0].pixels) / z.frames
	var out []pictureTokens
	for len(pixels) > 0 {
		z.frames = m.together(len(pixels)/one, z.tokens())
		got, err := m.encode(ctx, pixels[:z.frames*one], z)
		done()
		if err != nil {
			return err
		}
		if out, pixels = append(out, got...), pixels[z.frames*one:]; len(pixels) > 0 {
			if done, err = m.wideSlots.Acquire(ctx); err != nil {
				return err
			}
		}
	}
	for _, e := range all {
		e.out, out = out[:e.size.frames:e.size.frames], out[e.size.frames:]
	}
	return nil
}

// encode runs the graph of size z over pixels of exactly that size.
func (m *Model) encode(ctx context.Context, pixels []byte, z size) ([]pictureTokens, error) {
	s, done, err := m.vision(ctx, z)
	if err != nil {
		return nil, err
	}
	defer done()
	n, w, p := z.tokens(), m.spec.vision.Width, m.spec.patch
	features := make([]float32, z.frames*n*w)
	halves, result := []uint16(nil), onnx.Floats(features, int64(z.frames), int64(n), int64(w))
	if m.precision.Pictures() == vlm.FP16 {
		halves = make([]uint16, len(features))
		result = onnx.Halves(halves, int64(z.frames), int64(n), int64(w))
	}
	err = s.Run(ctx, onnx.Feed{"pixels": onnx.Bytes(pixels, int64(z.frames), int64(z.high*p), int64(z.wide*p), 3)}, onnx.Feed{"features": result})
	if err != nil {
		return nil, err
	}
	for i, bits := range halves {
		features[i] = float16.Frombits(bits).Float32()
	}
	out := make([]pictureTokens, 0, z.frames)
	for f := range slices.Chunk(features, n*w) {
		if z.frames > 1 {
			f = slices.Clone(f) // one frame kept must not keep the others
		}
		out = append(out, pictureTokens{n, w, f})
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
	return m.runtime.Graph(ctx, name, m.wide(), func() (onnx.Model, error) {
		e, err := m.embedding(z)
		if err != nil {
			return onnx.Model{}, err
		}
		return visionGraph(m.newWide(name), m.spec, m.layout, z.frames, e)
	})
}

// wide is the configuration of graphs over whole pictures, which come in many sizes
// and share one mapping of the weights.
func (m *Model) wide() onnx.SessionConfig {
	cfg := m.runtime.Config()
	switch {
	case m.device == CUDA:
		cfg.Provider = onnx.CUDA
	case m.openVINO():
		cfg.Provider, cfg.BFloat16 = onnx.OpenVINO, true
	}
	cfg.SharedWeights = m.shares()
	return cfg
}

// openVINO says that it runs the graphs over pictures.
func (m *Model) openVINO() bool {
	return m.precision.Pictures() == vlm.BF16 && m.pictureForm == weights.Plain
}

// shares says that graphs over pictures read the weights where they are mapped.
// OpenVINO does not, and blocks that are not packed would be turned into float32.
func (m *Model) shares() bool { return !m.openVINO() && m.pictureForm != weights.Int8Blocks }

// newWide begins a graph for wide.
func (m *Model) newWide(name string) *onnx.Graph {
	switch {
	case m.openVINO():
		return onnx.NewPlainGraph(name)
	case m.precision.Pictures() == vlm.FP16:
		return onnx.NewHalfGraph(name)
	}
	return onnx.NewGraph(name)
}

// embedding reads the checkpoint's part of the embedding and prepares it for z.
func (m *Model) embedding(z size) (layers.PatchEmbedding, error) {
	w := layers.PatchWeights{Side: m.spec.patch, Grid: m.spec.grid}
	for name, into := range map[string]*[]float32{"patch_embedding.weight": &w.Patch, "position_embedding.weight": &w.Positions, "class_embedding": &w.Class} {
		values, err := m.tensor(visionPrefix + "embeddings." + name)
		if err != nil {
			return layers.PatchEmbedding{}, err
		}
		*into = values
	}
	return w.Embed(m.scale, m.shift, z.high, z.wide), nil
}

package gitvideo

import (
	"encoding/binary"
	"fmt"
	"math"

	"videoqa/internal/fault"
)

// A Frame is one picture as the vision tower sees it: its class token and its
// patches, row by row, after the last norm and before any temporal embedding.
//
//	Data  [Tokens, Width]  float32; 197 x 768 for GIT-base at 224 x 224
//
// It depends on the picture's bytes, the model, the preprocessing and the
// precision only. Frames are never changed once made, so they may be shared.
type Frame struct {
	Tokens, Width int
	Data          []float32
}

// Bytes returns f's values as little-endian float32, 4*Tokens*Width bytes, which
// is the stored form of the fp32 precision: a round trip changes no bit.
func (f Frame) Bytes() []byte {
	b := make([]byte, 0, 4*len(f.Data))
	for _, v := range f.Data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// FrameFromBytes is the inverse of [Frame.Bytes] for frames of width values a
// token ([Model.Width]). It returns [fault.BadRequest] if b is not whole tokens.
func FrameFromBytes(b []byte, width int) (Frame, error) {
	if width < 1 || len(b) == 0 || len(b)%(4*width) != 0 {
		return Frame{}, fmt.Errorf("gitvideo: read frame features: %d bytes are not whole tokens of %d values: %w", len(b), width, fault.BadRequest)
	}
	f := Frame{Tokens: len(b) / (4 * width), Width: width, Data: make([]float32, len(b)/4)}
	for i := range f.Data {
		f.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return f, nil
}

package gitvideo

import (
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// formsOf are those of a precision on this processor: of the graphs over pictures, and
// of the text step. Both read one copy of a matrix where they can.
//
// Our own kernels are for processors that they are fast on ([onnx.Multiplies]); ONNX
// Runtime has the others' float32 and bytes, and OpenVINO bfloat16 where it is faster.
func formsOf(p vlm.Precision, openVINO bool) (pictures, words weights.Form) {
	switch {
	case p.Pictures() == vlm.INT8 && onnx.Multiplies(onnx.Uint8):
		pictures = weights.Int8Panels
	case p.Pictures() == vlm.INT8:
		pictures = weights.Int8Blocks
	case p.Pictures() == vlm.BF16 && !openVINO:
		pictures = weights.BFloat16Panels
	case p.Pictures() == vlm.FP32 && onnx.Multiplies(onnx.Float):
		pictures = weights.Float32Panels
	}
	switch {
	case p.Words() == vlm.INT8:
		words = weights.Int8Blocks
	case pictures != weights.Plain:
		words = weights.Float32Panels
	}
	return pictures, words
}

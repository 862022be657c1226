package gitvideo

import (
	"errors"
	"path/filepath"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

func TestPrecisionFollowsProcessorLibraryAndSize(t *testing.T) {
	base, err := parseModelConfig([]byte(`{"model_type":"git"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	tiny := base
	tiny.Vision.HiddenSize, tiny.Vision.IntermediateSize, tiny.Vision.Layers = 8, 8, 1
	tiny.HiddenSize, tiny.IntermediateSize, tiny.Layers, tiny.VocabSize = 8, 8, 1, 10
	fast, alone := onnx.ByteProducts(), filepath.Join(t.TempDir(), "libonnxruntime.so")
	for _, tc := range []struct {
		name    string
		p       vlm.Precision
		c       modelConfig
		library string
		want    vlm.Precision // of a processor that has bfloat16; "": refused
		without vlm.Precision // of one that has not
	}{
		{"auto takes what pays", vlm.Auto, base, library(t), best(true, fast), best(false, fast)},
		{"auto is the default", "", base, library(t), best(true, fast), best(false, fast)},
		{"a small model gains nothing", vlm.Auto, tiny, library(t), vlm.FP32, vlm.FP32},
		{"a small model may be run so all the same", vlm.BF16, tiny, library(t), vlm.BF16, ""},
		{"so may its words alone", vlm.BF16INT8, tiny, library(t), vlm.BF16INT8, ""},
		{"fp32 is fp32", vlm.FP32, base, library(t), vlm.FP32, vlm.FP32},
		{"a library alone has bf16 too", vlm.BF16INT8, base, alone, vlm.BF16INT8, ""},
		{"int8 runs on any processor", vlm.INT8, tiny, alone, vlm.INT8, vlm.INT8},
	} {
		want := tc.want
		if !onnx.Multiplies(onnx.BFloat16) {
			want = tc.without
		}
		got, err := precisionFor(tc.p, tc.c, CPU, tc.library)
		if got != want || (want == "") != errors.Is(err, fault.BadRequest) {
			t.Errorf("%s: %q is %q, %v; want %q", tc.name, tc.p, got, err, want)
		}
	}
}

func TestAPrecisionIsOneOfPicturesAndOneOfWords(t *testing.T) {
	for _, tc := range []struct{ p, pictures, words vlm.Precision }{
		{vlm.FP32, vlm.FP32, vlm.FP32}, {vlm.BF16, vlm.BF16, vlm.FP32}, {vlm.INT8, vlm.INT8, vlm.INT8}, {vlm.FP32INT8, vlm.FP32, vlm.INT8}, {vlm.BF16INT8, vlm.BF16, vlm.INT8},
	} {
		if tc.p.Pictures() != tc.pictures || tc.p.Words() != tc.words {
			t.Errorf("%s has pictures in %s and words in %s; want %s and %s", tc.p, tc.p.Pictures(), tc.p.Words(), tc.pictures, tc.words)
		}
	}
	for _, p := range []vlm.Precision{"int8+fp32", "fp7", "auto+int8", "fp32+", "+int8"} {
		if err := p.Validate(); !errors.Is(err, fault.BadRequest) {
			t.Errorf("%q gives %v; want %v", p, err, fault.BadRequest)
		}
	}
}

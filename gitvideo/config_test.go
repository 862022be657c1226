package gitvideo

import (
	"errors"
	"path/filepath"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

func TestPrecisionFollowsProcessorLibraryAndSize(t *testing.T) {
	base, err := checkpoint.ParseConfig([]byte(`{"model_type":"git"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	tiny := base
	tiny.Vision.HiddenSize, tiny.Vision.IntermediateSize, tiny.Vision.Layers = 8, 8, 1
	tiny.HiddenSize, tiny.IntermediateSize, tiny.Layers, tiny.VocabSize = 8, 8, 1, 10
	fast, alone := onnx.ByteProducts(), filepath.Join(t.TempDir(), "libonnxruntime.so")
	for _, tc := range []struct {
		name    string
		p       Precision
		c       checkpoint.Config
		library string
		want    Precision // of a processor that has bfloat16; "": refused
		without Precision // of one that has not
	}{
		{"auto takes what pays", Auto, base, library(t), best(true, fast), best(false, fast)},
		{"auto is the default", "", base, library(t), best(true, fast), best(false, fast)},
		{"a small model gains nothing", Auto, tiny, library(t), FP32, FP32},
		{"a small model may be run so all the same", BF16, tiny, library(t), BF16, ""},
		{"so may its words alone", BF16INT8, tiny, library(t), BF16INT8, ""},
		{"fp32 is fp32", FP32, base, library(t), FP32, FP32},
		{"a library alone has bf16 too", BF16INT8, base, alone, BF16INT8, ""},
		{"int8 runs on any processor", INT8, tiny, alone, INT8, INT8},
	} {
		want := tc.want
		if !onnx.Multiplies(onnx.BFloat16) {
			want = tc.without
		}
		got, err := tc.p.For(tc.c, CPU, tc.library)
		if got != want || (want == "") != errors.Is(err, fault.BadRequest) {
			t.Errorf("%s: %q is %q, %v; want %q", tc.name, tc.p, got, err, want)
		}
	}
}

func TestAPrecisionIsOneOfPicturesAndOneOfWords(t *testing.T) {
	for _, tc := range []struct{ p, pictures, words Precision }{
		{FP32, FP32, FP32}, {BF16, BF16, FP32}, {INT8, INT8, INT8}, {FP32INT8, FP32, INT8}, {BF16INT8, BF16, INT8},
	} {
		if tc.p.Pictures() != tc.pictures || tc.p.words() != tc.words {
			t.Errorf("%s has pictures in %s and words in %s; want %s and %s", tc.p, tc.p.Pictures(), tc.p.words(), tc.pictures, tc.words)
		}
	}
	for _, p := range []Precision{"int8+fp32", "fp7", "auto+int8", "fp32+", "+int8"} {
		if err := p.check(); !errors.Is(err, fault.BadRequest) {
			t.Errorf("%q gives %v; want %v", p, err, fault.BadRequest)
		}
	}
}

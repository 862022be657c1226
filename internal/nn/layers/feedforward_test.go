package layers_test

import (
	"errors"
	"testing"

	"videoqa/internal/fault"
	"videoqa/internal/nn/layers"
	"videoqa/internal/onnx"
)

func TestFeedForwardIsReadAsTransformersDoes(t *testing.T) {
	for _, tc := range []struct {
		name, denseAct, proj string
		act                  onnx.Activation
		gated                bool
	}{
		{"nothing is T5's own", "", "", onnx.ReLU, false},
		{"T5", "relu", "relu", onnx.ReLU, false},
		{"T5 1.1 without dense_act_fn", "", "gated-gelu", onnx.TanhGELU, true},
		{"Flan-T5 as it is saved", "gelu_new", "gated-gelu", onnx.TanhGELU, true},
		{"dense_act_fn decides", "gelu", "gated-gelu", onnx.GELU, true},
		{"a gate before ReLU", "", "gated-relu", onnx.ReLU, true},
		{"gelu alone is by the error function", "", "gelu", onnx.GELU, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if act, gated, err := layers.FeedForward(tc.denseAct, tc.proj); act != tc.act || gated != tc.gated || err != nil {
				t.Errorf("FeedForward(%q, %q) = %d, %v, %v; want %d, %v", tc.denseAct, tc.proj, act, gated, err, tc.act, tc.gated)
			}
		})
	}
	for _, proj := range []string{"gated-silu", "twice-gated-gelu", "sine"} {
		if _, _, err := layers.FeedForward("", proj); !errors.Is(err, fault.BadModel) {
			t.Errorf("%s gives %v, want %v", proj, err, fault.BadModel)
		}
	}
}

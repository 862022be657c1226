package layers

import (
	"fmt"
	"strings"

	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// FeedForward reads how a T5 configuration names the MLP of its layers: the activation, and
// whether it is gated ([onnx.Graph.GatedProduct]). denseAct is dense_act_fn, "" if the
// configuration has none; proj is feed_forward_proj, "" for its default, relu.
//
// As in transformers (T5Config), dense_act_fn decides where it is given, and
// "gated-gelu" alone means the approximation with tanh, unlike "gelu". It returns
// [fault.BadModel] for what is not built in.
func FeedForward(denseAct, proj string) (act onnx.Activation, gated bool, err error) {
	if proj == "" {
		proj = "relu"
	}
	name, gated := strings.CutPrefix(proj, "gated-")
	switch {
	case denseAct != "":
		name = denseAct
	case proj == "gated-gelu":
		name = "gelu_new"
	}
	switch name {
	case "relu":
		return onnx.ReLU, gated, nil
	case "gelu":
		return onnx.GELU, gated, nil
	case "gelu_new", "gelu_pytorch_tanh":
		return onnx.TanhGELU, gated, nil
	}
	return 0, false, fmt.Errorf("layers: read feed_forward_proj %q, dense_act_fn %q: have relu, gelu, gelu_new and gelu_pytorch_tanh, each after gated- too: %w", proj, denseAct, fault.BadModel)
}

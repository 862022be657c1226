// Package onnx builds ONNX graphs from weights and runs them. It is the only
// room of ONNX Runtime.
//
//	g := onnx.NewGraph("mlp")
//	y := g.Gemm("fc", g.Input("x", onnx.Float, "N", 768), g.Weight(w), g.Weight(b))
//	g.Output("y", y)
//	model, err := g.Model()                           // every misfit of shapes is found here, by name
//	s, err := runtime.Open(path, model.Ports, onnx.SessionConfig{Threads: 2})
//	err = s.Run(ctx, onnx.Feed{"x": onnx.Floats(in, n, 768)}, onnx.Feed{"y": onnx.Floats(out, n, 768)})
//
// A [Graph] is described operator by operator; shapes follow along, with names
// for what is known only at run time ("Q", "Q*S"). The first misfit stops the
// building and is what Model returns. Weights stay outside the graph in one data
// file ([Data]) that several graphs may share.
//
// Tensors are Go memory, inputs and outputs alike: the caller owns them, may use
// them again, and nothing is copied on the way in or out. ONNX Runtime sees them
// only while [Session.Run] runs. A process has one ONNX Runtime ([OpenRuntime]).
package onnx

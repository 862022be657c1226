package onnx

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto3 (github.com/onnx/onnx), those that are written.
const (
	modelIR, modelProducer, modelGraph, modelOpset = 1, 2, 7, 8
	opsetDomain, opsetVersion                      = 1, 2

	graphNode, graphName, graphInitializer, graphInput, graphOutput = 1, 2, 5, 11, 12

	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute, nodeDomain = 1, 2, 3, 4, 5, 7

	attrName, attrF, attrI, attrInts, attrType = 1, 2, 3, 8, 20
	attrTypeFloat, attrTypeInt, attrTypeInts   = 1, 2, 7

	tensorDims, tensorType, tensorName, tensorRaw, tensorExternal, tensorLocation = 1, 2, 8, 9, 13, 14

	valueName, valueType         = 1, 2
	typeTensor                   = 1
	tensorTypeElem, tensorShape  = 1, 2
	shapeDim, dimValue, dimParam = 1, 1, 2
	entryKey, entryValue         = 1, 2
)

// wire is protobuf being written.
type wire []byte

func (w *wire) text(field protowire.Number, s string) {
	*w = protowire.AppendString(protowire.AppendTag(*w, field, protowire.BytesType), s)
}

func (w *wire) bytes(field protowire.Number, b []byte) {
	*w = protowire.AppendBytes(protowire.AppendTag(*w, field, protowire.BytesType), b)
}

func (w *wire) int(field protowire.Number, v int64) {
	*w = protowire.AppendVarint(protowire.AppendTag(*w, field, protowire.VarintType), uint64(v))
}

func (w *wire) float(field protowire.Number, v float32) {
	*w = protowire.AppendFixed32(protowire.AppendTag(*w, field, protowire.Fixed32Type), math.Float32bits(v))
}

// message writes a nested message that fill describes.
func (w *wire) message(field protowire.Number, fill func(m *wire)) {
	var m wire
	fill(&m)
	w.bytes(field, m)
}

// encode writes the model: IR version 8, operators of ai.onnx 17 and
// com.microsoft 1, which ONNX Runtime 1.24 and all later ones read, and our own.
func (s *state) encode() []byte {
	var m wire
	m.int(modelIR, 8)
	m.text(modelProducer, "videoqa")
	m.message(modelGraph, s.encodeGraph)
	opset := func(domain string, version int64) {
		m.message(modelOpset, func(w *wire) { w.text(opsetDomain, domain); w.int(opsetVersion, version) })
	}
	opset("", 17)
	opset(microsoft, 1)
	if slices.ContainsFunc(s.nodes, func(n node) bool { return n.domain == custom }) {
		opset(custom, 1) // OpenVINO would not know it
	}
	return m
}

func (s *state) encodeGraph(w *wire) {
	for _, n := range s.nodes {
		w.message(graphNode, n.encode)
	}
	w.text(graphName, s.name)
	for _, i := range s.initializers {
		w.message(graphInitializer, i.encode)
	}
	for _, p := range s.inputs {
		w.message(graphInput, p.encode)
	}
	for _, p := range s.outputs {
		w.message(graphOutput, p.encode)
	}
}

// A node is one operator of a graph.
type node struct {
	name, op, domain string
	in, out          []string
	attrs            []attr
}

func (n node) encode(w *wire) {
	for _, i := range n.in {
		w.text(nodeInput, i)
	}
	for _, o := range n.out {
		w.text(nodeOutput, o)
	}
	w.text(nodeName, n.name)
	w.text(nodeOp, n.op)
	for _, a := range n.attrs {
		w.message(nodeAttribute, a.encode)
	}
	if n.domain != "" {
		w.text(nodeDomain, n.domain)
	}
}

// An attr is one attribute of a node: a float32, an int64 or a []int64.
type attr struct {
	name  string
	value any
}

func (a attr) encode(w *wire) {
	w.text(attrName, a.name)
	switch v := a.value.(type) {
	case float32:
		w.float(attrF, v)
		w.int(attrType, attrTypeFloat)
	case int64:
		w.int(attrI, v)
		w.int(attrType, attrTypeInt)
	case []int64:
		for _, i := range v {
			w.int(attrInts, i)
		}
		w.int(attrType, attrTypeInts)
	}
}

// An initializer is a tensor that a graph brings along: raw values inside the
// graph, or a place in its data file.
type initializer struct {
	name  string
	dtype DType
	dims  []int64
	raw   []byte // nil if it lies in the data file
	ref   Ref
}

func (i initializer) encode(w *wire) {
	for _, d := range i.dims {
		w.int(tensorDims, d)
	}
	w.int(tensorType, int64(i.dtype))
	w.text(tensorName, i.name)
	if i.raw != nil {
		w.bytes(tensorRaw, i.raw)
		return
	}
	for _, e := range i.ref.entries() {
		w.message(tensorExternal, func(w *wire) { w.text(entryKey, e[0]); w.text(entryValue, e[1]) })
	}
	w.int(tensorLocation, 1)
}

func (p Port) encode(w *wire) {
	w.text(valueName, p.Name)
	w.message(valueType, func(w *wire) {
		w.message(typeTensor, func(w *wire) {
			w.int(tensorTypeElem, int64(p.DType))
			w.message(tensorShape, func(w *wire) {
				for _, d := range p.Shape {
					w.message(shapeDim, d.encode)
				}
			})
		})
	})
}

func (d Dim) encode(w *wire) {
	if n, ok := d.Static(); ok {
		w.int(dimValue, n)
		return
	}
	w.text(dimParam, d.String())
}

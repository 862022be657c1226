package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the type of a tensor's elements, by ONNX's numbers.
type DType int

// The types in use.
const (
	Float DType = 1
	Uint8 DType = 2
	Int8  DType = 3
	Int64 DType = 7
	Half  DType = 10 // float16

	BFloat16 DType = 16
)

// microsoft is the domain of ONNX Runtime's own operators.
const microsoft = "com.microsoft"

// size of one element in bytes.
func (t DType) size() int64 {
	switch t {
	case Float:
		return 4
	case Uint8, Int8:
		return 1
	case Half, BFloat16:
		return 2
	case Int64:
		return 8
	}
	panic(fmt.Sprintf("onnx: unknown element type %d", int(t)))
}

// String names t.
func (t DType) String() string {
	switch t {
	case Float:
		return "float32"
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int64:
		return "int64"
	case Half:
		return "float16"
	case BFloat16:
		return "bfloat16"
	}
	return fmt.Sprintf("type %d", int(t))
}

// A Value is a tensor within a graph that is being built.
type Value struct {
	name  string
	dtype DType
	shape Shape
}

// Shape returns v's shape; the caller must not change it.
func (v Value) Shape() Shape { return v.shape }

// A Port is a graph's input or output.
type Port struct {
	Name  string
	DType DType
	Shape Shape
}

// Ports are a graph's inputs and outputs, and the weights that it has in a data file.
type Ports struct {
	Inputs, Outputs []Port
	Weights         []Ref
}

// A Model is a finished graph.
type Model struct {
	Bytes []byte // the .onnx file
	Ports Ports
	Nodes int // how many operators it has
}

// A Graph is an ONNX graph being described, in one goroutine. Its methods add an
// operator and return what it computes. After the first misfit they add nothing
// more, so a description reads straight on; [Graph.Model] reports the misfit.
type Graph struct {
	*state
	scope string
}

type state struct {
	name         string
	plain        bool
	float16      bool
	nodes        []node
	initializers []initializer
	inputs       []Port
	outputs      []Port
	aliases      [][2]string // value and output name
	names        map[string]bool
	err          error
}

// NewGraph begins a graph.
func NewGraph(name string) *Graph {
	return &Graph{state: &state{name: name, names: map[string]bool{}}}
}

// NewPlainGraph begins a graph that is described alike and uses standard operators
// only, for providers that know no others: what ONNX Runtime has one operator for
// becomes several.
func NewPlainGraph(name string) *Graph {
	g := NewGraph(name)
	g.plain = true
	return g
}

// NewHalfGraph begins a graph that is described alike and computes in float16 what
// comes behind [Graph.Real]: its weights are kept as they are, and rounded when the
// graph is opened.
func NewHalfGraph(name string) *Graph {
	g := NewGraph(name)
	g.float16 = true
	return g
}

// Real is x in the type that the graph computes in, float32 but in a half graph.
func (g *Graph) Real(name string, x Value) Value {
	if !g.float16 {
		return x
	}
	return g.Cast(name, x, Half)
}

// Full is x in float32.
func (g *Graph) Full(name string, x Value) Value {
	if x.dtype != Half {
		return x
	}
	return g.Cast(name, x, Float)
}

// like is the weight w in the type of x.
func (g *Graph) like(x, w Value) Value {
	if x.dtype != Half || w.dtype != Float || w.name == "" {
		return w
	}
	whole := &Graph{state: g.state} // one for all that read it, wherever they are
	rounded := w.name + " rounded"
	if g.names[rounded] {
		return Value{rounded, Half, w.shape}
	}
	return whole.Cast(rounded, w, Half)
}

// In returns the same graph with name in front of the names of what is added
// through it.
func (g *Graph) In(name string) *Graph {
	return &Graph{state: g.state, scope: g.scope + name + "/"}
}

// Input adds an input; dims as in [Dims].
func (g *Graph) Input(name string, t DType, dims ...any) Value {
	p := Port{name, t, Dims(dims...)}
	if !g.claim(name) {
		return Value{}
	}
	g.inputs = append(g.inputs, p)
	return Value{name, t, p.Shape}
}

// Output makes v, which an operator of the graph computes, an output under that
// name. It can still be read within the graph.
func (g *Graph) Output(name string, v Value) {
	if g.err != nil || !g.claim(name) {
		return
	}
	g.aliases = append(g.aliases, [2]string{v.name, name})
	g.outputs = append(g.outputs, Port{name, v.dtype, v.shape})
}

// settle gives what is an output its name, wherever it is written or read, so
// that outputs cost no copy.
func (s *state) settle() error {
	to := map[string]string{}
	for _, a := range s.aliases {
		to[a[0]] = a[1]
	}
	for i := range s.nodes {
		for _, list := range [][]string{s.nodes[i].in, s.nodes[i].out} {
			for k, name := range list {
				if alias, ok := to[name]; ok {
					list[k] = alias
				}
			}
		}
		for _, name := range s.nodes[i].out {
			delete(s.names, name) // what is left of the aliases is not computed
		}
	}
	for _, a := range s.aliases {
		if s.names[a[1]] {
			return fmt.Errorf("onnx: name output %s of graph %s: no operator computes it, or it is an output twice", a[1], s.name)
		}
	}
	s.aliases = nil
	return nil
}

// Weight brings a tensor of the data file into the graph, once however often it
// is asked for.
func (g *Graph) Weight(r Ref) Value {
	v := Value{r.Name, r.DType, fixedShape(r.Shape)}
	if g.names[r.Name] {
		return v
	}
	g.names[r.Name] = true
	g.initializers = append(g.initializers, initializer{name: r.Name, dtype: r.DType, dims: r.Shape, ref: r})
	return v
}

// Constant puts float32 values into the graph itself.
func (g *Graph) Constant(name string, values []float32, dims ...int64) Value {
	raw := make([]byte, 0, 4*len(values))
	for _, f := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return g.constant(name, Float, raw, dims)
}

// Integers puts a vector of int64 into the graph itself.
func (g *Graph) Integers(name string, values ...int64) Value {
	raw := make([]byte, 0, 8*len(values))
	for _, i := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(i))
	}
	return g.constant(name, Int64, raw, []int64{int64(len(values))})
}

func (g *Graph) constant(name string, t DType, raw []byte, dims []int64) Value {
	name = g.scope + name
	if g.err != nil || !g.claim(name) {
		return Value{}
	}
	v := Value{name, t, fixedShape(dims)}
	if n, _ := v.shape.Count().Static(); n*t.size() != int64(len(raw)) {
		g.err = fmt.Errorf("onnx: constant %s: %d bytes do not fill %v of %v", name, len(raw), v.shape, t)
		return Value{}
	}
	g.initializers = append(g.initializers, initializer{name: name, dtype: t, dims: dims, raw: raw})
	return v
}

// Model returns the finished graph, or the first misfit found in describing it.
func (g *Graph) Model() (Model, error) {
	if g.err != nil {
		return Model{}, g.err
	}
	if err := g.settle(); err != nil {
		g.err = err
		return Model{}, err
	}
	ports := Ports{Inputs: g.inputs, Outputs: g.outputs}
	for _, i := range g.initializers {
		if i.raw == nil {
			ports.Weights = append(ports.Weights, i.ref)
		}
	}
	return Model{g.encode(), ports, len(g.nodes)}, nil
}

// claim takes a name, and records an error if it is taken.
func (g *Graph) claim(name string) bool {
	if g.names[name] {
		g.fail(name, "name", "it is used twice")
		return false
	}
	g.names[name] = true
	return true
}

// fail records the first misfit.
func (g *Graph) fail(name, op, format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf("onnx: add %s (%s) to graph %s: %s", name, op, g.state.name, fmt.Sprintf(format, args...))
	}
}

// check is fail unless ok, and reports whether to go on.
func (g *Graph) check(ok bool, name, op, format string, args ...any) bool {
	if g.err != nil {
		return false
	}
	if !ok {
		g.fail(g.scope+name, op, format, args...)
	}
	return ok
}

// add appends an operator with one result of the given type and shape.
func (g *Graph) add(name string, n node, in []Value, t DType, shape Shape) Value {
	out := g.addAll(name, n, in, t, shape)
	return out[0]
}

// addAll appends an operator with one result per shape, all of type t.
func (g *Graph) addAll(name string, n node, in []Value, t DType, shapes ...Shape) []Value {
	out := make([]Value, len(shapes))
	n.name = g.scope + name
	if g.err != nil || !g.claim(n.name) {
		return out
	}
	for _, v := range in {
		n.in = append(n.in, v.name)
	}
	for i, s := range shapes {
		out[i] = Value{n.name, t, s}
		if i > 0 {
			out[i].name = fmt.Sprintf("%s:%d", n.name, i)
		}
		n.out = append(n.out, out[i].name)
	}
	g.nodes = append(g.nodes, n)
	return out
}

func fixedShape(dims []int64) Shape {
	s := make(Shape, len(dims))
	for i, d := range dims {
		s[i] = Fixed(d)
	}
	return s
}

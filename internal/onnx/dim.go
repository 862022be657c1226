package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Dim is one length of a shape: a number, or a number times named lengths that
// are known only when the graph runs ("Q*S"). Two Dims are the same length
// exactly if they are equal.
type Dim struct {
	n    int64
	syms string // names in order, joined by "*"; "" for a plain number
}

// Fixed returns the length n.
func Fixed(n int64) Dim { return Dim{n: n} }

// ParseDim reads "Q", "Q*S" or "T+S"; a sum is one name of its own.
func ParseDim(s string) Dim {
	names := strings.Split(s, "*")
	slices.Sort(names)
	return Dim{n: 1, syms: strings.Join(names, "*")}
}

// Static returns the number that d is, and whether it is one.
func (d Dim) Static() (int64, bool) { return d.n, d.syms == "" }

// Times returns the product of d and e.
func (d Dim) Times(e Dim) Dim {
	p := Dim{n: d.n * e.n}
	if p.n == 0 {
		return p
	}
	var names []string
	for _, s := range []string{d.syms, e.syms} {
		if s != "" {
			names = append(names, strings.Split(s, "*")...)
		}
	}
	slices.Sort(names)
	p.syms = strings.Join(names, "*")
	return p
}

// Plus returns the sum of d and e: a number if both are, else a name of its own,
// "d+e" in that order.
func (d Dim) Plus(e Dim) Dim {
	if d.syms == "" && e.syms == "" {
		return Dim{n: d.n + e.n}
	}
	return Dim{n: 1, syms: d.String() + "+" + e.String()}
}

// String gives d as ONNX files spell it.
func (d Dim) String() string {
	switch {
	case d.syms == "":
		return strconv.FormatInt(d.n, 10)
	case d.n == 1:
		return d.syms
	}
	return strconv.FormatInt(d.n, 10) + "*" + d.syms
}

// A Shape is the lengths of a tensor's axes, outermost first.
type Shape []Dim

// Dims makes a Shape of ints, int64s, names and Dims. Anything else is a mistake
// in the program that builds the graph, and panics.
func Dims(dims ...any) Shape {
	s := make(Shape, len(dims))
	for i, d := range dims {
		switch d := d.(type) {
		case int:
			s[i] = Fixed(int64(d))
		case int64:
			s[i] = Fixed(d)
		case string:
			s[i] = ParseDim(d)
		case Dim:
			s[i] = d
		default:
			panic(fmt.Sprintf("onnx: a dimension is %T", d))
		}
	}
	return s
}

// Count returns how many elements a tensor of shape s has.
func (s Shape) Count() Dim {
	n := Fixed(1)
	for _, d := range s {
		n = n.Times(d)
	}
	return n
}

// Equal reports whether s and t are the same lengths.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// String gives s as "[Q,768]".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// broadcast returns the shape of an elementwise result, aligned at the last axis.
func broadcast(a, b Shape) (Shape, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i := range b {
		x, y := a[len(a)-1-i], b[len(b)-1-i]
		switch one := Fixed(1); {
		case x == y, y == one:
		case x == one:
			out[len(a)-1-i] = y
		default:
			return nil, false
		}
	}
	return out, true
}

package onnx

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"unsafe"
)

// alignment of each tensor in a data file: a page, so that a tensor's mapping
// holds no other's bytes.
const alignment = 4096

// Data is the layout of one file of weights that lies beside the graphs which
// read it. It is known from names and shapes alone; no weight is needed to plan.
type Data struct {
	file string
	size int64
	refs []Ref
	seen map[string]bool
}

// A Ref is a tensor's place in a data file.
type Ref struct {
	Name   string
	DType  DType
	Shape  []int64
	file   string
	offset int64
}

// NewData plans the data file of that base name.
func NewData(file string) *Data { return &Data{file: file, seen: map[string]bool{}} }

// Add appends a tensor to the plan. A name used twice is a mistake in the
// program that plans, and panics.
func (d *Data) Add(name string, dtype DType, shape ...int64) Ref {
	if d.seen[name] {
		panic("onnx: weight " + name + " is planned twice")
	}
	d.seen[name] = true
	r := Ref{Name: name, DType: dtype, Shape: slices.Clone(shape), file: d.file, offset: d.size}
	d.refs = append(d.refs, r)
	d.size = (r.offset + r.Bytes() + alignment - 1) / alignment * alignment
	return r
}

// Size returns the length of the whole file in bytes.
func (d *Data) Size() int64 { return d.size }

// Refs returns the tensors in file order; the caller must not change them.
func (d *Data) Refs() []Ref { return d.refs }

// Bytes returns how long r is.
func (r Ref) Bytes() int64 {
	n := r.DType.size()
	for _, s := range r.Shape {
		n *= s
	}
	return n
}

// Rows returns rows [from, to) of r's first axis as a tensor of its own, in the
// same bytes of the same file.
func (r Ref) Rows(name string, from, to int64) Ref {
	if from < 0 || from > to || to > r.Shape[0] {
		panic(fmt.Sprintf("onnx: rows %d to %d of %s with %d", from, to, r.Name, r.Shape[0]))
	}
	row := r.Bytes() / r.Shape[0]
	shape := slices.Clone(r.Shape)
	shape[0] = to - from
	return Ref{Name: name, DType: r.DType, Shape: shape, file: r.file, offset: r.offset + from*row}
}

// Little is the memory of values as bytes, which are little-endian on every processor
// that there is a build for.
func Little(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
}

// entries are r's external_data entries.
func (r Ref) entries() [][2]string {
	return [][2]string{
		{"location", r.file},
		{"offset", strconv.FormatInt(r.offset, 10)},
		{"length", strconv.FormatInt(r.Bytes(), 10)},
	}
}

// Write writes the file: for each tensor in order the bytes that fill gives,
// little-endian, which must be exactly as many as its shape says. fill is called in
// several goroutines, a tensor or two ahead of what is written.
func (d *Data) Write(w io.Writer, fill func(Ref) ([]byte, error)) error {
	out := bufio.NewWriterSize(w, 1<<20)
	stop := make(chan struct{})
	defer close(stop)
	var at int64
	i := 0
	for made := range d.fillAhead(fill, stop) {
		r := d.refs[i]
		i++
		f := <-made
		if f.err != nil {
			return fmt.Errorf("onnx: write weight %s: %w", r.Name, f.err)
		}
		if int64(len(f.bytes)) != r.Bytes() {
			return fmt.Errorf("onnx: write weight %s %v: have %d bytes, want %d", r.Name, r.Shape, len(f.bytes), r.Bytes())
		}
		if err := pad(out, r.offset-at); err != nil {
			return err
		}
		if _, err := out.Write(f.bytes); err != nil {
			return err
		}
		at = r.offset + r.Bytes()
	}
	if err := pad(out, d.size-at); err != nil {
		return err
	}
	return out.Flush()
}

// filled is what fill gave for one tensor.
type filled struct {
	bytes []byte
	err   error
}

// fillAhead fills as many tensors at a time as there are cores, until stop, and gives
// them in order.
func (d *Data) fillAhead(fill func(Ref) ([]byte, error), stop <-chan struct{}) <-chan chan filled {
	order := make(chan chan filled, max(0, runtime.GOMAXPROCS(0)-2)) // one is written, and one waits to get in
	go func() {
		defer close(order)
		for _, r := range d.refs {
			made := make(chan filled, 1)
			go func() {
				b, err := fill(r)
				made <- filled{b, err}
			}()
			select {
			case order <- made:
			case <-stop:
				return
			}
		}
	}()
	return order
}

// pad writes n zero bytes, less than one page.
func pad(w io.Writer, n int64) error {
	_, err := w.Write(make([]byte, n))
	return err
}

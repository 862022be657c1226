package detector

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

// Read reads a detector for visual tokens of width values out of the tensors of a file.
// They are token.weight, token.bias, pooled.weight, pooled.bias, output.weight and
// output.bias. It returns one [fault.BadModel] with all that is wrong with them.
func Read(tensors []checkpoint.Tensor, width int) (*Detector, error) {
	r := reader{found: map[string]checkpoint.Tensor{}}
	for _, t := range tensors {
		r.found[t.Name] = t
	}
	d, hidden, pooled := &Detector{}, r.found["token.bias"].Len(), r.found["pooled.bias"].Len()
	for _, l := range []struct {
		name    string
		out, in int
		into    *Layer
	}{{"token", hidden, width, &d.Token}, {"pooled", pooled, 2 * hidden, &d.Pooled}, {"output", 1, pooled, &d.Output}} {
		*l.into = Layer{
			Out: l.out, In: l.in,
			Weight: r.take(l.name+".weight", int64(l.out), int64(l.in)), Bias: r.take(l.name+".bias", int64(l.out)),
		}
	}
	for _, t := range tensors {
		if _, left := r.found[t.Name]; left {
			r.fail("%s is not part of a detector", t.Name)
		}
	}
	if len(r.wrong) > 0 {
		return nil, fmt.Errorf("check tensors: %s: %w", strings.Join(r.wrong[:min(len(r.wrong), 10)], "; "), fault.BadModel)
	}
	return d, nil
}

// A reader takes tensors out of those that were found and notes what is wrong.
type reader struct {
	found map[string]checkpoint.Tensor
	wrong []string
}

func (r *reader) fail(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// take moves the values of a tensor of that shape out of the found ones.
func (r *reader) take(name string, shape ...int64) []float32 {
	t, ok := r.found[name]
	delete(r.found, name)
	switch {
	case !ok:
		r.fail("%s is missing", name)
	case !slices.Equal(t.Shape, shape):
		r.fail("%s has shape %v, want %v", name, t.Shape, shape)
	case !t.DType.Float():
		r.fail("%s is of type %s, want F32, F16, BF16 or F64", name, t.DType)
	default:
		values := t.Float32()
		if slices.ContainsFunc(values, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
			r.fail("%s has a value that is not finite", name)
		}
		return values
	}
	return nil
}

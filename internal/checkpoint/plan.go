package checkpoint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// A Plan is what a family of models makes of a configuration: the tensors that it calls
// for, and how files may name them. It holds plain values only.
type Plan struct {
	// Config is the configuration as used, as JSON. It is part of the model's digest, so
	// it must always be the same for what gives the same answers, and tell families apart.
	Config []byte
	// Tensors are all that the model needs; a checkpoint has them and no other.
	Tensors []Spec
	// Aliases are other beginnings of names that files may have. Tensors has none of them.
	Aliases []Alias
	// Tied names tensors that are another one, whatever the file has: the head, say, that
	// is the word embeddings.
	Tied map[string]string
	// Unread names tensors that a file may have besides and no model reads.
	Unread []string
}

// A Spec is one tensor that a configuration calls for.
type Spec struct {
	Name  string
	Shape []int64
}

// An Alias is a beginning of tensors' names that stands for another.
type Alias struct{ Prefix, For string }

// canonical gives all spellings of a name one.
func (p Plan) canonical(name string) string {
	for _, a := range p.Aliases {
		if rest, ok := strings.CutPrefix(name, a.Prefix); ok {
			return a.For + rest
		}
	}
	return name
}

// match holds the tensors of a file to those that p calls for and returns them by
// canonical name. One error lists whatever is missing, too much, of another shape or of
// another type.
func (p Plan) match(tensors []Tensor) (map[string]Tensor, error) {
	found := make(map[string]Tensor, len(tensors))
	var wrong problems
	for _, t := range tensors {
		t.Name = p.canonical(t.Name)
		if _, twice := found[t.Name]; twice {
			wrong.add("%s is there twice, in both spellings", t.Name)
		}
		found[t.Name] = t
	}
	for name, source := range p.Tied {
		if t, ok := found[source]; ok {
			t.Name = name
			found[name] = t
		}
	}
	matched := make(map[string]Tensor, len(found))
	for _, s := range p.Tensors {
		t, ok := found[s.Name]
		switch {
		case !ok:
			wrong.add("%s %v is missing", s.Name, s.Shape)
		case !slices.Equal(t.Shape, s.Shape):
			wrong.add("%s has shape %v, want %v", s.Name, t.Shape, s.Shape)
		case !t.DType.Float():
			wrong.add("%s is of type %s, want F32, F16, BF16 or F64", s.Name, t.DType)
		}
		matched[s.Name] = t
		delete(found, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(p.Unread, name) {
			wrong.add("%s %v is not part of this configuration", name, found[name].Shape)
		}
	}
	return matched, wrong.err()
}

// Weights are a checkpoint's tensors as a family of models calls for them.
type Weights struct {
	plan    Plan
	tensors map[string]Tensor // by canonical name, exactly those of the plan
	from    *Checkpoint
}

// Weights holds c's tensors to a plan. It returns one [fault.BadModel] that lists by name
// whatever is missing, too much, of another shape or of another type.
func (c *Checkpoint) Weights(p Plan) (*Weights, error) {
	tensors, err := p.match(c.tensors)
	if err != nil {
		return nil, err
	}
	return &Weights{plan: p, tensors: tensors, from: c}, nil
}

// Tensor returns the tensor of that name, in any of its spellings, its bytes borrowed
// until the checkpoint's Close. It returns [fault.NotFound] for a name that the plan does
// not call for.
func (w *Weights) Tensor(name string) (Tensor, error) {
	t, ok := w.tensors[w.plan.canonical(name)]
	if !ok || w.from.closed() {
		return Tensor{}, fmt.Errorf("checkpoint: find tensor %s: no such name: %w", name, fault.NotFound)
	}
	return t, nil
}

// Rest gives the memory of the weights that were read back to the system, as is right
// once all have been converted. They can still be read: they come from the file again.
func (w *Weights) Rest() error { return w.from.rest() }

// problems collects what is wrong with a checkpoint's tensors, so that one look
// at the error shows it all.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// err returns nil or one [fault.BadModel] with the first ten problems.
func (p problems) err() error {
	const most = 10
	if len(p) == 0 {
		return nil
	}
	text := strings.Join(p[:min(len(p), most)], "; ")
	if len(p) > most {
		text += fmt.Sprintf("; and %d more", len(p)-most)
	}
	return fmt.Errorf("check tensors: %s: %w", text, fault.BadModel)
}

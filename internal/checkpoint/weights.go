package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// A format is one way weights lie in a folder.
type format struct {
	single, index string
	parse         func(file string, b []byte) ([]Tensor, error)
}

// formats stand in the order in which transformers looks for them.
func formats() []format {
	return []format{
		{"model.safetensors", "model.safetensors.index.json", parseSafetensors},
		{"pytorch_model.bin", "pytorch_model.bin.index.json", parseTorch},
	}
}

// readWeights maps the weights and holds them to c.Config.
func (c *Checkpoint) readWeights(fsys fs.FS) error {
	for _, f := range formats() {
		for _, read := range []struct {
			name string
			with func(fs.FS, format) ([]Tensor, error)
		}{{f.single, c.readSingle}, {f.index, c.readSharded}} {
			if _, err := fs.Stat(fsys, read.name); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			tensors, err := read.with(fsys, f)
			if err != nil {
				return err
			}
			c.tensors, err = c.Config.match(tensors)
			return err
		}
	}
	return fmt.Errorf("there are no weights: neither model.safetensors nor pytorch_model.bin, nor the index of either: %w", fault.BadModel)
}

func (c *Checkpoint) readSingle(fsys fs.FS, f format) ([]Tensor, error) {
	return c.readFile(fsys, f.single, f)
}

// readFile maps one weights file, which c then owns, and reads its tensors.
func (c *Checkpoint) readFile(fsys fs.FS, name string, f format) ([]Tensor, error) {
	m, err := openMapped(fsys, name)
	if err != nil {
		return nil, err
	}
	c.files = append(c.files, m)
	if err := refuseStandIn(name, m.bytes); err != nil {
		return nil, err
	}
	return f.parse(name, m.bytes)
}

// readSharded reads the shards that the index names, and checks that each tensor
// lies in the shard that the index gives for it.
func (c *Checkpoint) readSharded(fsys fs.FS, f format) ([]Tensor, error) {
	where, err := readIndex(fsys, f.index)
	if err != nil {
		return nil, err
	}
	var all []Tensor
	var wrong problems
	for _, shard := range slices.Compact(slices.Sorted(maps.Values(where))) {
		tensors, err := c.readFile(fsys, shard, f)
		if err != nil {
			return nil, err
		}
		for _, t := range tensors {
			if where[t.Name] != shard {
				wrong.add("%s lies in %s, where %s does not have it", t.Name, shard, f.index)
				continue
			}
			delete(where, t.Name)
			all = append(all, t)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(where)) {
		wrong.add("%s is missing from %s", name, where[name])
	}
	return all, wrong.err()
}

// readIndex returns the shard of every tensor. A shard is a file of the same
// folder, by its bare name.
func readIndex(fsys fs.FS, name string) (map[string]string, error) {
	data, err := readSmall(fsys, name)
	if err != nil {
		return nil, err
	}
	f, err := hfjson.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
	}
	where := map[string]string{}
	if !f.Decode("weight_map", "a map of tensors to files", &where) || len(where) == 0 {
		return nil, fmt.Errorf("read %s: %w: %w", name, cmpErr(f.Err(), errors.New("weight_map is missing or empty")), fault.BadModel)
	}
	for tensor, shard := range where {
		if shard == "" || shard != path.Base(shard) || !fs.ValidPath(shard) || shard == "." {
			return nil, fmt.Errorf("read %s: %s is said to lie in %q, which is not a file of this folder: %w", name, tensor, shard, fault.BadModel)
		}
	}
	return where, nil
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// match holds the tensors of a file to those that c calls for and returns them
// by canonical name. One error lists whatever is missing, too much, of another
// shape or of another type.
func (c Config) match(tensors []Tensor) (map[string]Tensor, error) {
	found := make(map[string]Tensor, len(tensors))
	var wrong problems
	for _, t := range tensors {
		t.Name = canonical(t.Name)
		if _, twice := found[t.Name]; twice {
			wrong.add("%s is there twice, in both spellings", t.Name)
		}
		found[t.Name] = t
	}
	if t, ok := found[words]; ok && c.TieWordEmbedding {
		t.Name = head
		found[head] = t
	}
	matched := make(map[string]Tensor, len(found))
	for _, s := range c.Tensors() {
		t, ok := found[s.Name]
		switch {
		case !ok:
			wrong.add("%s %v is missing", s.Name, s.Shape)
		case !slices.Equal(t.Shape, s.Shape):
			wrong.add("%s has shape %v, want %v", s.Name, t.Shape, s.Shape)
		case !t.DType.weight():
			wrong.add("%s is of type %s, want F32, F16, BF16 or F64", s.Name, t.DType)
		}
		matched[s.Name] = t
		delete(found, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !ignored(name) {
			wrong.add("%s %v is not part of this configuration", name, found[name].Shape)
		}
	}
	return matched, wrong.err()
}

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

package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

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

// readWeights maps the weights.
func (c *Checkpoint) readWeights(fsys fs.FS) error {
	for _, f := range formats() {
		for _, read := range []struct {
			name string
			with func(fs.FS, format) ([]Tensor, error)
		}{{f.single, c.readSingle}, {f.index, c.readSharded}} {
			if _, err := fs.Stat(fsys, read.name); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var err error
			c.tensors, err = read.with(fsys, f)
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

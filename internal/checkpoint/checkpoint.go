// Package checkpoint reads a Hugging Face checkpoint as it lies on disk. It knows no
// family of models: what config.json says is for the family that its model_type names,
// which tells by a [Plan] which tensors there have to be.
//
//	c, err := checkpoint.Open("git-base-msrvtt-qa")
//	defer c.Close()
//	plan := …                          // made of c.ConfigJSON by the family c.ModelType()
//	w, err := c.Weights(plan)
//	t, err := w.Tensor("output.bias") // t.Shape [30522], t.Float32() its values
//
// Weights are mapped, not read: a Tensor's bytes are those of the file, shared with every
// process that maps it, and valid until Close. A file must therefore not be shortened
// while it is open; the Hub's cache never does that, it replaces files. Only little-endian
// machines are served, since both file formats are little-endian and are used in place.
//
// Nothing here runs code that a checkpoint brings: pytorch_model.bin is a pickle, and only
// the few classes that a state dict needs are known.
package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
	"videoqa/internal/tokenizer/files"
)

// A Checkpoint is one opened folder. Its methods may be used by many goroutines;
// Close must come after the last use of any tensor's bytes.
type Checkpoint struct {
	Name  string // what answers call the model: the folder's or the repository's name; the caller may change it
	Place string // what errors call it: the folder, where it lies in one

	ConfigJSON       []byte // config.json
	GenerationJSON   []byte // generation_config.json, nil if it is not there
	ProcessorJSON    []byte // processor_config.json, likewise
	PreprocessorJSON []byte // preprocessor_config.json, likewise

	Tokenizer files.Files // the tokenizer's files
	Extension Extension   // what videoqa.json says, if there is one
	// CacheDir is the folder in which digests are remembered, inside its folder digests.
	// Empty remembers nothing. Set it before the first Digest.
	CacheDir string

	modelType string
	fsys      fs.FS
	tensors   []Tensor
	files     []*mapped // owned; nil once closed

	now    func() time.Time
	mu     sync.Mutex
	hashed map[string]string // digests of the weights by the plan's configuration
}

// ModelType is config.json's model_type, which names the family of models.
func (c *Checkpoint) ModelType() string { return c.modelType }

// Open reads the checkpoint in the folder dir: config.json and the weights, and
// if they are there generation_config.json, preprocessor_config.json, videoqa.json
// and the tokenizer's files. Weights are looked for in the order of transformers:
// model.safetensors, its sharded form, pytorch_model.bin, its sharded form.
//
// It returns [fault.NotFound] if dir is no folder and [fault.BadModel] for
// whatever is wrong inside it.
func Open(dir string) (*Checkpoint, error) {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("checkpoint: open %s: no such folder: %w", dir, fault.NotFound)
	}
	c, err := OpenFS(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: open %s: %w", dir, err)
	}
	c.Name, c.Place = nameOf(dir), dir
	return c, nil
}

// OpenFS is Open for a checkpoint inside fsys, such as one embedded in the
// program; its Name is its model type until the caller sets another. Files of the
// operating system are mapped; those of any other file system are read into
// memory once, because [fs.File] does not give its bytes away.
func OpenFS(fsys fs.FS) (*Checkpoint, error) {
	c := &Checkpoint{fsys: fsys, now: time.Now, hashed: map[string]string{}}
	for _, step := range []func(fs.FS) error{c.readSettings, c.readTokenizer, c.readExtension, c.readWeights} {
		if err := step(fsys); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.Name, c.Place = c.modelType, c.modelType
	return c, nil
}

// readSettings reads the files of settings, and of config.json what names the family.
func (c *Checkpoint) readSettings(fsys fs.FS) (err error) {
	if c.ConfigJSON, err = readSmall(fsys, "config.json"); err != nil {
		return err
	}
	if c.modelType, err = ModelType(c.ConfigJSON); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		into *[]byte
	}{{"generation_config.json", &c.GenerationJSON}, {ProcessorFile, &c.ProcessorJSON}, {PreprocessorFile, &c.PreprocessorJSON}} {
		if *file.into, err = readOptional(fsys, file.name); err != nil {
			return err
		}
	}
	return nil
}

// ModelType returns the model_type of a config.json, which names the family of models. It
// returns [fault.BadModel] if there is none.
func ModelType(configJSON []byte) (string, error) {
	config, err := hfjson.Parse(configJSON)
	if err != nil {
		return "", fmt.Errorf("read config.json: %w: %w", err, fault.BadModel)
	}
	modelType := config.Text("model_type", "")
	if modelType == "" {
		config.Fail("model_type", "is missing, so no family of models is known for it")
	}
	if config.Err() != nil {
		return "", fmt.Errorf("read config.json: %w: %w", config.Err(), fault.BadModel)
	}
	return modelType, nil
}

// Beside reads the tensors of another safetensors file of the folder, which must be
// small: their bytes are the caller's. It returns [fault.BadModel] if there is no such file.
func (c *Checkpoint) Beside(name string) ([]Tensor, error) {
	data, err := readSmall(c.fsys, name)
	if err != nil {
		return nil, err
	}
	return parseSafetensors(name, data)
}

// rest gives the memory of mapped files back to the system.
func (c *Checkpoint) rest() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.rest())
	}
	return errors.Join(errs...)
}

func (c *Checkpoint) closed() bool { return c.files == nil }

// Close unmaps the files. It may be called again.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	c.files, c.tensors = nil, nil
	return errors.Join(errs...)
}

// nameOf gives a checkpoint's folder the name that people know it by. A snapshot
// in the Hub's cache, models--microsoft--git-base/snapshots/<commit>, is named
// by its repository.
func nameOf(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	snapshots := filepath.Dir(abs)
	if filepath.Base(snapshots) == "snapshots" {
		if repo, ok := strings.CutPrefix(filepath.Base(filepath.Dir(snapshots)), "models--"); ok {
			return repo[strings.LastIndex("--"+repo, "--"):]
		}
	}
	return filepath.Base(abs)
}

// Package checkpoint reads a Hugging Face GIT checkpoint as it lies on disk: the
// configuration, the tensors, the preprocessing and the tokenizer's files.
//
//	c, err := checkpoint.Open("git-base-msrvtt-qa")
//	defer c.Close()
//	t, err := c.Tensor("output.bias") // t.Shape [30522], t.Float32() its values
//
// A Checkpoint that opens is whole: every tensor that config.json calls for is
// there, in its shape, and nothing else is; what is wrong is listed by name in
// one error. Weights are mapped, not read: a Tensor's bytes are those of the
// file, shared with every process that maps it, and valid until Close. A file
// must therefore not be shortened while it is open; the Hub's cache never does
// that, it replaces files. Only little-endian machines are served, since both
// file formats are little-endian and are used in place.
//
// Nothing here runs code that a checkpoint brings: pytorch_model.bin is a
// pickle, and only the few classes that a state dict needs are known.
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
	"videoqa/internal/tokenizer/files"
)

// A Checkpoint is one opened folder. Its methods may be used by many goroutines;
// Close must come after the last use of any tensor's bytes.
type Checkpoint struct {
	Name         string       // what answers call the model: the folder's or the repository's name; the caller may change it
	Config       Config       // as used, defaults filled in
	Preprocessor Preprocessor // as used, defaults filled in
	Tokenizer    files.Files  // the tokenizer's files
	Extension    Extension    // what videoqa.json says, if there is one
	// CacheDir is the folder in which Digest remembers what it computed, inside
	// its folder digests. Empty remembers nothing. Set it before the first Digest.
	CacheDir string

	tensors map[string]Tensor // by canonical name, exactly those of Config.Tensors
	files   []*mapped         // owned

	now        func() time.Time
	digestOnce sync.Once
	digest     string
}

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
	c.Name = nameOf(dir)
	return c, nil
}

// OpenFS is Open for a checkpoint inside fsys, such as one embedded in the
// program; its Name is "git" until the caller sets another. Files of the
// operating system are mapped; those of any other file system are read into
// memory once, because [fs.File] does not give its bytes away.
func OpenFS(fsys fs.FS) (*Checkpoint, error) {
	c := &Checkpoint{Name: "git", now: time.Now}
	for _, step := range []func(fs.FS) error{c.readConfig, c.readPreprocessor, c.readTokenizer, c.readExtension, c.readWeights} {
		if err := step(fsys); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Tensor returns the tensor of that name, its bytes borrowed until Close. Both
// spellings of the temporal embeddings are known, whichever the file has, and a
// tied output.weight is that of the word embeddings. It returns [fault.NotFound]
// for a name that the configuration does not call for.
func (c *Checkpoint) Tensor(name string) (Tensor, error) {
	t, ok := c.tensors[canonical(name)]
	if !ok {
		return Tensor{}, fmt.Errorf("checkpoint: find tensor %s: no such name: %w", name, fault.NotFound)
	}
	return t, nil
}

// Rest gives the memory of the weights that were read back to the system, as is right
// once all have been converted. They can still be read: they come from the file again.
func (c *Checkpoint) Rest() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.rest())
	}
	return errors.Join(errs...)
}

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

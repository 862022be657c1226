// Package models opens a checkpoint as the model of the family that its files name.
// It is the only package that knows all families.
//
//	c, err := checkpoint.Open("git-base-msrvtt-qa")
//	m, err := models.Open(ctx, c, models.Config{CacheDir: dir, Library: lib})
package models

import (
	"context"
	"fmt"

	"videoqa/answers"
	"videoqa/gitvideo"
	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// Config says how a checkpoint is used. CacheDir and Library are needed.
type Config struct {
	CacheDir   string // for built graphs and converted weights
	Library    string // path of the ONNX Runtime library; a process loads one library only
	Threads    int    // cores that a run may use; 0 means all that Go may use
	Precision  vlm.Precision
	Device     string // "cpu", "cuda"; "": cpu
	Preprocess vlm.Preprocess
}

// A Model answers until it is closed.
type Model interface {
	answers.Model
	// Close frees the model, once no call uses it any more.
	Close() error
}

// Sidecars lists the files beside the weights and the tokenizer that some family uses.
func Sidecars() []string { return gitvideo.Files() }

// A family opens checkpoints of one model_type.
type family struct {
	open     func(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (Model, error)
	check    func(c *checkpoint.Checkpoint, cfg Config) error
	describe func(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error)
	vision   func(c *checkpoint.Checkpoint, how vlm.Preprocess) (vlm.Vision, error)
}

// familyOf returns the family of c.
func familyOf(c *checkpoint.Checkpoint) (family, error) {
	f, err := familyNamed(c.ModelType())
	if err != nil {
		return f, fmt.Errorf("models: open %s: %w", c.Place, err)
	}
	return f, nil
}

// familyNamed returns the family that config.json names by its model_type.
func familyNamed(modelType string) (family, error) {
	switch modelType {
	case gitvideo.Family:
		return family{
			open: func(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (Model, error) {
				m, err := gitvideo.Open(ctx, c, cfg.git())
				if err != nil {
					return nil, err // no nil *gitvideo.Model as a Model that is not nil
				}
				return m, nil
			},
			check: func(c *checkpoint.Checkpoint, cfg Config) error { return gitvideo.Check(c, cfg.git()) },
			describe: func(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error) {
				return gitvideo.Describe(c, cfg.git())
			},
			vision: gitvideo.VisionOf,
		}, nil
	}
	return family{}, fmt.Errorf("config.json: model_type: %q is not supported, only %q: %w", modelType, []string{gitvideo.Family}, fault.BadModel)
}

// CheckFamily returns [fault.BadModel] if a config.json names no supported family.
func CheckFamily(configJSON []byte) error {
	modelType, err := checkpoint.ModelType(configJSON)
	if err == nil {
		_, err = familyNamed(modelType)
	}
	return err
}

// Open makes c, which is borrowed until Close, ready to answer. It returns
// [fault.BadModel] or [fault.BadRequest] with what cannot be used, and names the family
// that is not supported.
func Open(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (Model, error) {
	f, err := familyOf(c)
	if err != nil {
		return nil, err
	}
	m, err := f.open(ctx, c, cfg)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	return m, nil
}

// Check does what Open does before it converts weights, and returns its errors.
func Check(c *checkpoint.Checkpoint, cfg Config) error {
	f, err := familyOf(c)
	if err != nil {
		return err
	}
	if err := f.check(c, cfg); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return nil
}

// Describe describes the model that Open would make of c, without opening it.
func Describe(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error) {
	f, err := familyOf(c)
	if err != nil {
		return vlm.Description{}, err
	}
	d, err := f.describe(c, cfg)
	if err != nil {
		return d, fmt.Errorf("models: %w", err)
	}
	return d, nil
}

// VisionOf says how the model that Open would make of c looks at clips.
func VisionOf(c *checkpoint.Checkpoint, how vlm.Preprocess) (vlm.Vision, error) {
	f, err := familyOf(c)
	if err != nil {
		return vlm.Vision{}, err
	}
	v, err := f.vision(c, how)
	if err != nil {
		return v, fmt.Errorf("models: %w", err)
	}
	return v, nil
}

func (c Config) git() gitvideo.Config {
	return gitvideo.Config{
		CacheDir: c.CacheDir, Library: c.Library, Threads: c.Threads, Precision: c.Precision, Device: c.Device, Preprocess: c.Preprocess,
	}
}

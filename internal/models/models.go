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

// Open makes c, which is borrowed until Close, ready to answer. It returns
// [videoqa/internal/fault.BadModel] or [videoqa/internal/fault.BadRequest] with what
// cannot be used.
func Open(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (Model, error) {
	m, err := gitvideo.Open(ctx, c, cfg.git())
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	return m, nil
}

// Check does what Open does before it reads weights, and returns its errors.
func Check(c *checkpoint.Checkpoint, cfg Config) error {
	if err := gitvideo.Check(c, cfg.git()); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return nil
}

// Describe tells of the model that Open would make of c, without opening it.
func Describe(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error) {
	d, err := gitvideo.Describe(c, cfg.git())
	if err != nil {
		return d, fmt.Errorf("models: %w", err)
	}
	return d, nil
}

// VisionOf says how the model that Open would make of c looks at clips.
func VisionOf(c *checkpoint.Checkpoint, how vlm.Preprocess) (vlm.Vision, error) {
	v, err := gitvideo.VisionOf(c, how)
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

package gitvideo

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"videoqa/frames/prepare"
	"videoqa/internal/checkpoint"
	"videoqa/internal/tokenizer"
	"videoqa/internal/vlm"
)

// Open makes the checkpoint c ready to answer. The first time it converts the
// weights into cfg.CacheDir, which takes about as long as copying them; later it
// finds them there. It borrows c until Close, and returns [fault.BadModel] if c is
// no GIT that graphs can be built for, or has no tokenizer, and [fault.BadRequest]
// if cfg cannot be used.
func Open(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (*Model, error) {
	words, err := tokenizer.Open(c.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: open %s: %w", c.Place, err)
	}
	m, err := loadModel(ctx, c, cfg)
	if err != nil {
		return nil, errors.Join(err, words.Close())
	}
	m.words = words
	return m, nil
}

// Check does what Open does before it converts weights, and returns its errors: what is
// wrong with c's configuration, tensors, preparation and tokenizer, and what this machine
// cannot do.
func Check(c *checkpoint.Checkpoint, cfg Config) error {
	s, err := read(c)
	if err != nil {
		return err
	}
	if _, _, err := preparation(s, cfg.Preprocess); err != nil {
		return fmt.Errorf("gitvideo: open %s: %w", c.Place, err)
	}
	words, err := tokenizer.Open(c.Tokenizer)
	if err != nil {
		return fmt.Errorf("gitvideo: open %s: %w", c.Place, err)
	}
	_, err = precisionFor(cfg.Precision, s.config, cfg.Device, cfg.Library)
	return errors.Join(err, words.Close())
}

// Describe describes the model that Open would make of c, without opening it.
func Describe(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error) {
	s, err := read(c)
	if err != nil {
		return vlm.Description{}, err
	}
	precision, err := precisionFor(cfg.Precision, s.config, cfg.Device, cfg.Library)
	if err != nil {
		return vlm.Description{}, err
	}
	return describe(s, cfg, precision), nil
}

func describe(s *source, cfg Config, precision vlm.Precision) vlm.Description {
	return vlm.Description{
		Name: s.name, Digest: s.digest(), Family: Family, Can: []vlm.Ability{vlm.Ask, vlm.Caption},
		Precision: precision, Preprocess: cmp.Or(cfg.Preprocess, vlm.Hub), Device: cmp.Or(cfg.Device, CPU),
		Demonstration: s.demonstration,
	}
}

// VisionOf says how the model that Open would make of c looks at clips.
func VisionOf(c *checkpoint.Checkpoint, how vlm.Preprocess) (vlm.Vision, error) {
	s, err := read(c)
	if err != nil {
		return vlm.Vision{}, err
	}
	p, pre, err := preparation(s, how)
	if err != nil {
		return vlm.Vision{}, fmt.Errorf("gitvideo: open %s: %w", c.Place, err)
	}
	return visionOf(s, p, pre), nil
}

func visionOf(s *source, p prepare.Preparation, pre checkpoint.Preprocessor) vlm.Vision {
	return vlm.Vision{
		Frames: max(1, s.config.TemporalEmbeddings), ImageSize: s.config.Vision.ImageSize, Preparation: p,
		Settings: pre.File, Ignored: pre.Ignored,
	}
}

package gitvideo

import (
	"cmp"
	"context"
	"errors"
	"fmt"

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
		return nil, fmt.Errorf("gitvideo: open %s: %w", c.Name, err)
	}
	m, err := loadModel(ctx, c, cfg)
	if err != nil {
		return nil, errors.Join(err, words.Close())
	}
	m.words = words
	return m, nil
}

// Check does what Open does before it reads weights, and returns its errors: what is
// wrong with c's preparation and tokenizer, and what this machine cannot do.
func Check(c *checkpoint.Checkpoint, cfg Config) error {
	if _, _, err := preparation(c, cfg.Preprocess); err != nil {
		return fmt.Errorf("gitvideo: open %s: %w", c.Name, err)
	}
	words, err := tokenizer.Open(c.Tokenizer)
	if err != nil {
		return fmt.Errorf("gitvideo: open %s: %w", c.Name, err)
	}
	_, err = PrecisionFor(cfg.Precision, c.Config, cfg.Device, cfg.Library)
	return errors.Join(err, words.Close())
}

// Describe tells of the model that Open would make of c, without opening it.
func Describe(c *checkpoint.Checkpoint, cfg Config) (vlm.Description, error) {
	precision, err := PrecisionFor(cfg.Precision, c.Config, cfg.Device, cfg.Library)
	if err != nil {
		return vlm.Description{}, err
	}
	return describe(c, cfg, precision), nil
}

func describe(c *checkpoint.Checkpoint, cfg Config, precision vlm.Precision) vlm.Description {
	return vlm.Description{
		Name: c.Name, Digest: c.Digest(), Family: "git", Can: []vlm.Ability{vlm.Ask, vlm.Caption},
		Precision: precision, Preprocess: cmp.Or(cfg.Preprocess, vlm.Hub), Device: cmp.Or(cfg.Device, CPU),
		Demonstration: c.Extension.Demonstration,
	}
}

// VisionOf says how the model that Open would make of c looks at clips.
func VisionOf(c *checkpoint.Checkpoint, how vlm.Preprocess) (vlm.Vision, error) {
	p, _, err := preparation(c, how)
	return vlm.Vision{Frames: max(1, c.Config.TemporalEmbeddings), ImageSize: c.Config.Vision.ImageSize, Preparation: p}, err
}

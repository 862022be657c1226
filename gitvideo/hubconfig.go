package gitvideo

import (
	"errors"
	"fmt"
	"slices"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// A modelConfig is config.json as used: what the file leaves out has the default of
// transformers' GitConfig and GitVisionConfig (4.56.2), which are the sizes of
// git-base, and the ids of generation_config.json win where it names any.
type modelConfig struct {
	VocabSize        int        `json:"vocab_size"`
	HiddenSize       int        `json:"hidden_size"`         // of the decoder
	Layers           int        `json:"num_hidden_layers"`   // of the decoder
	Heads            int        `json:"num_attention_heads"` // of the decoder; divides HiddenSize
	IntermediateSize int        `json:"intermediate_size"`
	Activation       activation `json:"hidden_act"`
	MaxPositions     int        `json:"max_position_embeddings"` // of text; visual tokens use up none
	LayerNormEps     float64    `json:"layer_norm_eps"`
	TieWordEmbedding bool       `json:"tie_word_embeddings"` // output.weight is the word embeddings, whatever the file says
	// TemporalEmbeddings is num_image_with_embedding: how many frames a video
	// may have; 0 for an image model.
	TemporalEmbeddings int     `json:"num_image_with_embedding"`
	BOS                int64   `json:"bos_token_id"`
	EOS                []int64 `json:"eos_token_id"` // any of them ends an answer; never empty
	PAD                int64   `json:"pad_token_id"`

	Vision visionConfig `json:"vision_config"`
}

// A visionConfig is the image encoder's part of a modelConfig.
type visionConfig struct {
	HiddenSize       int        `json:"hidden_size"`
	Layers           int        `json:"num_hidden_layers"`
	Heads            int        `json:"num_attention_heads"` // divides HiddenSize
	IntermediateSize int        `json:"intermediate_size"`
	ImageSize        int        `json:"image_size"` // of a square picture; the position grid is (ImageSize/PatchSize)²
	PatchSize        int        `json:"patch_size"`
	Activation       activation `json:"hidden_act"`
	LayerNormEps     float64    `json:"layer_norm_eps"`
}

// Grid returns the patches along one side of the position grid.
func (v visionConfig) Grid() int { return v.ImageSize / v.PatchSize }

// Tokens returns the visual tokens of one square picture: class and patches.
func (v visionConfig) Tokens() int { return v.Grid()*v.Grid() + 1 }

// An activation is the function between the two matrices of a feed-forward part,
// by transformers' name.
type activation string

// The activations that graphs can be built with.
const (
	gelu      activation = "gelu"       // x * Phi(x), by erf
	geluNew   activation = "gelu_new"   // its tanh approximation
	quickGELU activation = "quick_gelu" // x * sigmoid(1.702 x)
)

// Sizes beyond these are no GIT; the limits keep every product of sizes in an
// int64 and every list of tensors short.
const (
	maxSize     = 1 << 20
	maxLayers   = 256
	maxTemporal = 4096
)

// parseModelConfig reads config.json, and generation_config.json if generation is not
// nil, and checks the result. Errors are [fault.BadModel] and name the field.
func parseModelConfig(config, generation []byte) (modelConfig, error) {
	c, err := readModelConfig(config)
	if err != nil {
		return modelConfig{}, fmt.Errorf("read config.json: %w: %w", err, fault.BadModel)
	}
	if err := c.overlayGeneration(generation); err != nil {
		return modelConfig{}, fmt.Errorf("read generation_config.json: %w: %w", err, fault.BadModel)
	}
	if err := c.Validate(); err != nil {
		return modelConfig{}, fmt.Errorf("read config.json: %w", err)
	}
	return c, nil
}

func readModelConfig(data []byte) (modelConfig, error) {
	f, err := hfjson.Parse(data)
	if err != nil {
		return modelConfig{}, err
	}
	c := modelConfig{
		VocabSize:          f.Integer("vocab_size", 30522),
		HiddenSize:         f.Integer("hidden_size", 768),
		Layers:             f.Integer("num_hidden_layers", 6),
		Heads:              f.Integer("num_attention_heads", 12),
		IntermediateSize:   f.Integer("intermediate_size", 3072),
		Activation:         activation(f.Text("hidden_act", string(gelu))),
		MaxPositions:       f.Integer("max_position_embeddings", 1024),
		LayerNormEps:       f.Number("layer_norm_eps", 1e-12),
		TieWordEmbedding:   f.Boolean("tie_word_embeddings", false),
		TemporalEmbeddings: f.Nullable("num_image_with_embedding", 0),
		BOS:                int64(f.Integer("bos_token_id", 101)),
		EOS:                f.IDs("eos_token_id", 102),
		PAD:                int64(f.Nullable("pad_token_id", 0)),
	}
	f.Must("model_type", "git", "")
	f.Must("position_embedding_type", "absolute", "absolute")
	vision := f.Object("vision_config")
	c.Vision = parseVision(vision)
	f.Absorb("vision_config.", vision)
	return c, f.Err()
}

func parseVision(f *hfjson.Object) visionConfig {
	v := visionConfig{
		HiddenSize:       f.Integer("hidden_size", 768),
		Layers:           f.Integer("num_hidden_layers", 12),
		Heads:            f.Integer("num_attention_heads", 12),
		IntermediateSize: f.Integer("intermediate_size", 3072),
		ImageSize:        f.Side("image_size", 224),
		PatchSize:        f.Side("patch_size", 16),
		Activation:       activation(f.Text("hidden_act", string(quickGELU))),
		LayerNormEps:     f.Number("layer_norm_eps", 1e-5),
	}
	if n := f.Integer("num_channels", 3); n != 3 {
		f.Fail("num_channels", "%d is not supported; GIT sees red, green and blue", n)
	}
	return v
}

// overlayGeneration lets generation_config.json name the special ids, since that
// is the file generate() reads. What it leaves out or null stays as it was.
func (c *modelConfig) overlayGeneration(data []byte) error {
	if data == nil {
		return nil
	}
	f, err := hfjson.Parse(data)
	if err != nil {
		return err
	}
	if f.Has("bos_token_id") {
		c.BOS = int64(f.Integer("bos_token_id", 0))
	}
	if f.Has("eos_token_id") {
		c.EOS = f.IDs("eos_token_id", 0)
	}
	if f.Has("pad_token_id") {
		c.PAD = int64(f.Integer("pad_token_id", 0))
	}
	return f.Err()
}

// Validate names the first field that no graph can be built from, as
// [fault.BadModel].
func (c modelConfig) Validate() error {
	for _, p := range c.sizes() {
		if p.value < p.min || p.value > p.max {
			return fmt.Errorf("%s is %d, want %d to %d: %w", p.field, p.value, p.min, p.max, fault.BadModel)
		}
	}
	for _, id := range append([]int64{c.BOS, c.PAD}, c.EOS...) {
		if id < 0 || id >= int64(c.VocabSize) {
			return fmt.Errorf("bos_token_id, eos_token_id or pad_token_id is %d, outside a vocabulary of %d: %w", id, c.VocabSize, fault.BadModel)
		}
	}
	switch {
	case len(c.EOS) == 0:
		return fmt.Errorf("eos_token_id is empty: %w", fault.BadModel)
	case c.HiddenSize%c.Heads != 0:
		return fmt.Errorf("num_attention_heads %d does not divide hidden_size %d: %w", c.Heads, c.HiddenSize, fault.BadModel)
	case c.Vision.HiddenSize%c.Vision.Heads != 0:
		return fmt.Errorf("vision_config.num_attention_heads %d does not divide hidden_size %d: %w", c.Vision.Heads, c.Vision.HiddenSize, fault.BadModel)
	case c.Vision.PatchSize > c.Vision.ImageSize:
		return fmt.Errorf("vision_config.patch_size %d is larger than image_size %d: %w", c.Vision.PatchSize, c.Vision.ImageSize, fault.BadModel)
	}
	return errors.Join(
		c.Activation.check("hidden_act"), c.Vision.Activation.check("vision_config.hidden_act"),
		checkEps("layer_norm_eps", c.LayerNormEps), checkEps("vision_config.layer_norm_eps", c.Vision.LayerNormEps))
}

// A bound is one size and the range it must lie in.
type bound struct {
	field           string
	value, min, max int
}

func (c modelConfig) sizes() []bound {
	v := c.Vision
	return []bound{
		{"vocab_size", c.VocabSize, 1, 1 << 24},
		{"hidden_size", c.HiddenSize, 1, maxSize},
		{"num_hidden_layers", c.Layers, 1, maxLayers},
		{"num_attention_heads", c.Heads, 1, maxSize},
		{"intermediate_size", c.IntermediateSize, 1, maxSize},
		{"max_position_embeddings", c.MaxPositions, 1, maxSize},
		{"num_image_with_embedding", c.TemporalEmbeddings, 0, maxTemporal},
		{"vision_config.hidden_size", v.HiddenSize, 1, maxSize},
		{"vision_config.num_hidden_layers", v.Layers, 1, maxLayers},
		{"vision_config.num_attention_heads", v.Heads, 1, maxSize},
		{"vision_config.intermediate_size", v.IntermediateSize, 1, maxSize},
		{"vision_config.image_size", v.ImageSize, 1, 1 << 14},
		{"vision_config.patch_size", v.PatchSize, 1, 1 << 10},
	}
}

func (a activation) check(field string) error {
	known := []activation{gelu, geluNew, quickGELU}
	if slices.Contains(known, a) {
		return nil
	}
	return fmt.Errorf("%s %q is not supported, only %v: %w", field, a, known, fault.BadModel)
}

func checkEps(field string, eps float64) error {
	if eps > 0 && eps < 1 {
		return nil
	}
	return fmt.Errorf("%s is %g, want more than 0 and less than 1: %w", field, eps, fault.BadModel)
}

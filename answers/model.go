package answers

import (
	"context"
	"errors"
	"fmt"

	"videoqa/frames"
	"videoqa/frames/features"
	"videoqa/gitvideo"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/wordpiece"
)

// ModelConfig says how a checkpoint is used. CacheDir and Library are needed.
type ModelConfig struct {
	CacheDir   string // for built graphs and converted weights
	Library    string // ONNX Runtime's
	Threads    int
	Precision  gitvideo.Precision
	Device     string // "cpu", "cuda"; "": cpu
	Preprocess Preprocess
}

// Preprocess says whose way of preparing pictures is followed.
type Preprocess string

// Hub does what the checkpoint's preprocessor_config.json says. Original does
// what the model's authors ran (GenerativeImage2Text, inference.py), from which
// the Hub's files differ for video and VQA checkpoints.
const (
	Hub      Preprocess = "hub"
	Original Preprocess = "original"
)

// A Model is everything that knows one checkpoint: pictures, graphs and words.
type Model struct {
	git     *gitvideo.Model
	words   *wordpiece.Tokenizer
	prepare frames.Preparation
	how     Preprocess

	demonstration bool
}

// OpenModel makes c, which is borrowed until Close, ready to answer. It returns
// [fault.BadModel] or [fault.BadRequest] with what cannot be used.
func OpenModel(ctx context.Context, c *checkpoint.Checkpoint, cfg ModelConfig) (*Model, error) {
	m := &Model{how: cfg.Preprocess, demonstration: c.Extension.Demonstration}
	if m.how == "" {
		m.how = Hub
	}
	pre, err := m.preparation(c)
	if err != nil {
		return nil, fmt.Errorf("answers: open model %s: %w", c.Name, err)
	}
	if m.words, err = tokenizer(c); err != nil {
		return nil, fmt.Errorf("answers: open model %s: %w", c.Name, err)
	}
	m.git, err = gitvideo.Load(ctx, c, gitvideo.Config{
		CacheDir: cfg.CacheDir, Library: cfg.Library, Threads: cfg.Threads, Precision: cfg.Precision, Device: cfg.Device, Preprocessor: &pre,
	})
	if err != nil {
		return nil, errors.Join(err, m.words.Close())
	}
	return m, nil
}

// Judge does what OpenModel does before it reads weights, and returns its errors:
// what is wrong with c's preparation and tokenizer, and what this machine cannot do.
func Judge(c *checkpoint.Checkpoint, cfg ModelConfig) error {
	m := &Model{how: cfg.Preprocess}
	if m.how == "" {
		m.how = Hub
	}
	if _, err := m.preparation(c); err != nil {
		return fmt.Errorf("answers: open model %s: %w", c.Name, err)
	}
	words, err := tokenizer(c)
	if err != nil {
		return fmt.Errorf("answers: open model %s: %w", c.Name, err)
	}
	_, err = cfg.Precision.For(c.Config, cfg.Device, cfg.Library)
	return errors.Join(err, words.Close())
}

// Close frees the model, once no call uses it any more.
func (m *Model) Close() error { return errors.Join(m.git.Close(), m.words.Close()) }

// Name is the checkpoint's.
func (m *Model) Name() string { return m.git.Name() }

// Described is what answers say of the model.
func (m *Model) Described() ingest.Model {
	return ingest.Model{
		Name: m.Name(), Digest: m.git.Digest(), Precision: string(m.git.Precision()), Preprocess: string(m.how), Device: m.git.Device(),
		Demonstration: m.demonstration,
	}
}

// Preparation is what is done to a picture before the model sees it.
func (m *Model) Preparation() frames.Preparation { return m.prepare }

// Frames is how many frames of a clip the model tells apart; an image model
// looks at one.
func (m *Model) Frames() int { return max(1, m.git.Frames()) }

// stored is the type that features are kept in, which follows the precision.
func (m *Model) stored() features.Type {
	if m.git.Precision().Pictures() == gitvideo.FP32 {
		return features.Float32
	}
	return features.Float16
}

// frames returns how many frames a question that wants n gets: all that the
// model has for 0. More than that is [fault.BadRequest].
func (m *Model) frames(n int) (int, error) {
	switch {
	case n == 0:
		return m.Frames(), nil
	case n < 0 || n > m.Frames():
		return 0, fmt.Errorf("answers: ask %s: %d frames wanted, it looks at 1 to %d: %w", m.Name(), n, m.Frames(), fault.BadRequest)
	}
	return n, nil
}

func tokenizer(c *checkpoint.Checkpoint) (*wordpiece.Tokenizer, error) {
	text := c.Tokenizer.JSON
	if text == nil && c.Tokenizer.Vocab == nil {
		return nil, fmt.Errorf("neither tokenizer.json nor vocab.txt is there: %w", fault.BadModel)
	}
	if text == nil {
		var err error
		if text, err = wordpiece.FromVocab(c.Tokenizer.Vocab, c.Tokenizer.Lower); err != nil {
			return nil, err
		}
	}
	return wordpiece.New(text)
}

// A Look is how a model looks at a clip.
type Look struct {
	Count       int // frames; 1 for an image model
	Preparation frames.Preparation
}

// LookOf says how a model made of c would look, without loading it.
func LookOf(c *checkpoint.Checkpoint, how Preprocess) (Look, error) {
	m := Model{how: how}
	_, err := m.preparation(c)
	return Look{max(1, c.Config.TemporalEmbeddings), m.prepare}, err
}

// preparation sets m.prepare and returns the preprocessing whose arithmetic on
// pixels goes into the graph.
func (m *Model) preparation(c *checkpoint.Checkpoint) (checkpoint.Preprocessor, error) {
	pre, size := c.Preprocessor, c.Config.Vision.ImageSize
	switch m.how {
	case Hub:
		m.prepare = fromHub(pre)
	case Original:
		// The VQA checkpoints, at 480 and 420, keep a picture's aspect; all else is
		// resized and cut to a square. All use CLIP's mean and deviation.
		m.prepare = frames.Original(size, map[int]int{480: 640, 420: 560}[size])
		var err error
		if pre, err = checkpoint.ParsePreprocessor(nil, nil, size); err != nil {
			return pre, err
		}
	default:
		return pre, fmt.Errorf("preprocess %q is neither hub nor original: %w", m.how, fault.BadRequest)
	}
	return pre, m.prepare.Validate()
}

func fromHub(p checkpoint.Preprocessor) frames.Preparation {
	t := frames.Preparation{Filter: frames.Bilinear, Centre: frames.CentreLow}
	if p.Filter == checkpoint.Bicubic {
		t.Filter = frames.Bicubic
	}
	if p.Resize {
		t.ShortestEdge, t.Width, t.Height = p.ShortestEdge, p.Width, p.Height
	}
	if p.CenterCrop {
		t.CropWidth, t.CropHeight = p.CropWidth, p.CropHeight
	}
	return t
}

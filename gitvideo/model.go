package gitvideo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fair"
	"videoqa/internal/nn/session"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
	"videoqa/internal/tokenizer"
	"videoqa/internal/vlm"
)

// A Model is a checkpoint made ready to run. It is asked in pictures and words:
// [Model.See], [Model.Context], [Model.Answer].
type Model struct {
	description vlm.Description
	sight       vlm.Vision
	words       *tokenizer.Tokenizer // nil: the model is run on token ids only

	config       modelConfig
	precision    vlm.Precision
	device       string
	pictureForm  weights.Form // of matrices in the graphs over pictures
	textForm     weights.Form // and in the text step
	scale, shift [3]float64   // of the preprocessing: a byte b means b·scale + shift

	spec    spec
	layout  *layout
	runtime *session.Runtime
	from    *source // borrowed; new sizes of picture read its embeddings

	rooms     sync.Pool       // of *[][]float32, for keys and values on their way into a Prefix
	wideSlots *fair.Scheduler // one for a run of a graph over pictures or a prefix
	textSlots *fair.Scheduler // one for a step of the text graph
	encodings fair.Batcher[size, *encoding]
	askings   fair.Batcher[*Prefix, *asking]
}

// mostRuns is how many graphs of a kind run at a time. Each has all cores, but small
// ones have parts that keep only one busy. Steps of text, which are short, do not
// wait for graphs over pictures, which are long: they share the cores with them.
const mostRuns = 2

// loadModel is Open for a model that is run on token ids.
func loadModel(ctx context.Context, c *checkpoint.Checkpoint, cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := read(c)
	if err != nil {
		return nil, err
	}
	rt, err := onnx.OpenRuntime(cfg.Library)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: load %s: %w", s.name, err)
	}
	precision, err := precisionFor(cfg.Precision, s.config, cfg.Device, cfg.Library)
	if err != nil {
		return nil, err
	}
	pictures, words := formsOf(precision, onnx.HasAMX() && onnx.HasOpenVINO(cfg.Library))
	return loadIn(ctx, s, cfg, rt, precision, pictures, words)
}

// loadIn is loadModel with all that depends on the processor decided.
func loadIn(ctx context.Context, s *source, cfg Config, rt *onnx.Runtime, precision vlm.Precision, pictures, words weights.Form) (*Model, error) {
	prepared, pre, err := preparation(s, cfg.Preprocess)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: load %s: %w", s.name, err)
	}
	m := &Model{
		description: describe(s, cfg, precision),
		sight:       visionOf(s, prepared, pre),
		config:      s.config, precision: precision, device: cmp.Or(cfg.Device, CPU), pictureForm: pictures, textForm: words,
		spec: specOf(s.config), from: s,
	}
	m.runtime = session.New(rt, folderFor(cfg.CacheDir, m.description.Digest, precision, pictures), cfg.Threads)
	m.share()
	m.scale, m.shift = pre.Affine()
	if err := m.prepare(ctx); err != nil {
		return nil, fmt.Errorf("gitvideo: load %s: %w", s.name, err)
	}
	return m, nil
}

// share has calls that wait for their turn served together where they can be.
func (m *Model) share() {
	tokens := m.Tokens(m.ImageSize(), m.ImageSize())
	m.wideSlots, m.textSlots = fair.New(mostRuns), fair.New(mostRuns)
	m.encodings.Scheduler, m.encodings.Most, m.encodings.Run = m.wideSlots, m.most(tokens)*tokens, m.encodeAll
	m.askings.Scheduler, m.askings.Most, m.askings.Run = m.textSlots, maxRows, m.finishAll
}

// prepare converts the weights, unless that has been done, and opens the text
// graph, whose sizes are all known.
func (m *Model) prepare(ctx context.Context) error {
	err := m.runtime.OpenWeights(ctx, weightsFile, func(have int64) (func(io.Writer) error, error) { return m.converter(ctx, have) })
	if err != nil {
		return err
	}
	_, done, err := m.text(ctx)
	if err != nil {
		return errors.Join(err, m.runtime.Close())
	}
	done()
	return nil
}

// converter plans the weights, and returns what writes their file, or nil if a file of
// that length is right.
func (m *Model) converter(ctx context.Context, have int64) (func(io.Writer) error, error) {
	for _, tied := range []bool{false, true} {
		if m.layout = m.newLayout(tied); m.layout.plan.Size() == have {
			return nil, nil
		}
	}
	tied, err := m.headIsWords()
	if err != nil {
		return nil, err
	}
	m.layout = m.newLayout(tied)
	return func(w io.Writer) error {
		defer debug.FreeOSMemory() // conversion takes several times the largest matrix, and is over
		defer m.from.Rest()        // a failure leaves memory where it is
		return m.layout.plan.Write(w, m.tensor, func() error { return context.Cause(ctx) })
	}, nil
}

// tensor is the checkpoint's, as [weights.Source] has it.
func (m *Model) tensor(name string) ([]float32, error) {
	t, err := m.from.Tensor(name)
	if err != nil {
		return nil, err
	}
	return t.Float32(), nil
}

// newLayout plans the weights in the forms of the model's precision.
func (m *Model) newLayout(tied bool) *layout {
	return newLayout(m.spec, tied, m.pictureForm, m.textForm)
}

// headIsWords reports whether the head's matrix holds the word embeddings, as the
// released checkpoints' copies should, so that one need do.
func (m *Model) headIsWords() (bool, error) {
	head, err := m.from.Tensor(headWeight)
	if err != nil {
		return false, err
	}
	words, err := m.from.Tensor(wordEmbeddings)
	if err != nil {
		return false, err
	}
	return slices.Equal(head.Float32(), words.Float32()), nil
}

// Close frees the model's sessions once their runs have ended. Frames and
// prefixes live on. The checkpoint stays its owner's.
func (m *Model) Close() error {
	errs := []error{m.runtime.Close()}
	if m.words != nil {
		errs = append(errs, m.words.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("gitvideo: close %s: %w", m.Name(), err)
	}
	return nil
}

// Name is the checkpoint's.
func (m *Model) Name() string { return m.description.Name }

// ImageSize is the side in pixels of the square picture the model was made for.
func (m *Model) ImageSize() int { return m.config.Vision.ImageSize }

// Width is how many values a visual token has.
func (m *Model) Width() int { return m.spec.vision.Width }

// Tokens is how many tokens a picture of that size becomes.
func (m *Model) Tokens(height, width int) int {
	return size{1, height / m.spec.patch, width / m.spec.patch}.tokens()
}

// text returns the session of the text graph.
func (m *Model) text(ctx context.Context) (*onnx.Session, func(), error) {
	return m.runtime.Graph(ctx, "text", m.runtime.Config(), func() (onnx.Model, error) { return textGraph(m.spec, m.layout, keptType(m.precision)) })
}

// folderFor is where graphs of that digest and precision lie. Processors of two kinds
// that share it keep BF16 and INT8 in two forms.
func folderFor(cache, digest string, p vlm.Precision, pictures weights.Form) string {
	kept := string(p)
	switch {
	case pictures == weights.Int8Blocks:
		kept += "-blocks"
	case pictures == weights.Plain && p.Pictures() == vlm.BF16:
		kept += "-openvino"
	}
	return filepath.Join(cache, "graphs", fmt.Sprintf("%s-%s-%s", strings.TrimPrefix(digest, "sha256:"), kept, Revision))
}

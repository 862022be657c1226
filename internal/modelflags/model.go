// Package modelflags chooses a model by flags and variables, and opens it.
//
//	m, err := flags.Open(ctx, modelflags.Machine{Getenv: os.Getenv})
//
// A command embeds [Flags] to take the same flags as the others. The caller of Open closes the model.
package modelflags

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"videoqa/internal/checkpoint"
	"videoqa/internal/checkpoint/hub"
	"videoqa/internal/config"
	"videoqa/internal/models"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// Flags choose a model and how it runs.
type Flags struct {
	Model string `env:"VIDEOQA_MODEL" placeholder:"NAME" help:"Checkpoint: a folder, or a name on the Hub that was pulled, as microsoft/git-base-msrvtt-qa. Without it, the small demonstration model that is built in."`
	Running

	Name string `kong:"-"` // what answers call it; "": the checkpoint's own
}

// Running is how models run.
type Running struct {
	Precision  string `env:"VIDEOQA_PRECISION" default:"auto" enum:"${precisions}" help:"Arithmetic: ${enum}. Of two joined by +, the first is for pictures and the second for words. fp16 is for cuda. auto is fp32 for a small model; for a large one it is the fastest that this processor has, int8 aside: bf16+int8 needs AVX512-BF16 or AMX, and VNNI."`
	Device     string `env:"VIDEOQA_DEVICE" default:"cpu" enum:"cpu,cuda" help:"Where the products over pictures run: ${enum}. cuda needs an ONNX Runtime library with CUDA; VIDEOQA_ONNXRUNTIME names it."`
	Preprocess string `env:"VIDEOQA_PREPROCESS" default:"hub" enum:"hub,original" help:"How pictures are prepared: hub, as preprocessor_config.json says; original, as the model's authors did."`
	Threads    int    `env:"VIDEOQA_THREADS" placeholder:"N" help:"Processor cores to use; 0 means all."`
}

// List chooses models and how they run. The first answers questions that name none.
type List struct {
	Model []string `env:"VIDEOQA_MODEL" placeholder:"[NAME=]MODEL" help:"Checkpoint: a folder, or a name on the Hub that was pulled, as microsoft/git-base-msrvtt-qa. It may be given several times: the first answers questions that name no model, and NAME is what questions and answers call it, the checkpoint's own name without it. Without any, the small demonstration model that is built in."`
	Running
}

// Each is every model by itself. There is always one.
func (l List) Each() []Flags {
	if len(l.Model) == 0 {
		return []Flags{{Running: l.Running}}
	}
	all := make([]Flags, len(l.Model))
	for i, text := range l.Model {
		all[i] = Flags{Model: text, Running: l.Running}
		if name, model, named := strings.Cut(text, "="); named && name != "" && !strings.ContainsAny(name, "/\\") {
			all[i].Name, all[i].Model = name, model
		}
	}
	return all
}

// A Machine is where a model is looked for and opened.
type Machine struct {
	Getenv        func(string) string
	Tell          func(text string) // what the user should know of the checkpoint; nil: nobody
	Demonstration func(name string) // that the model only shows how the program works; nil: nobody
}

// BuiltIn is what answers call the demonstration model.
const BuiltIn = "videoqa-small-world"

// An Opened is a model with the checkpoint that it borrows.
type Opened struct {
	models.Model
	checkpoint *checkpoint.Checkpoint
}

// Close frees both.
func (o *Opened) Close() error { return errors.Join(o.Model.Close(), o.checkpoint.Close()) }

// Open loads the chosen model.
func (f Flags) Open(ctx context.Context, on Machine) (*Opened, error) {
	cache, err := config.CacheDir(on.Getenv)
	if err != nil {
		return nil, err
	}
	library, err := on.Library()
	if err != nil {
		return nil, err
	}
	c, err := f.Checkpoint(on)
	if err != nil {
		return nil, err
	}
	c.CacheDir = cache
	m, err := models.Open(ctx, c, f.Config(cache, library))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if d := m.Description(); d.Demonstration && on.Demonstration != nil {
		on.Demonstration(d.Name)
	}
	f.TellOfSettings(c, m.Vision(), on)
	return &Opened{m, c}, nil
}

// Config is how the model runs.
func (f Flags) Config(cache, library string) models.Config {
	return models.Config{
		CacheDir: cache, Library: library, Threads: f.Threads,
		Precision: vlm.Precision(f.Precision), Device: f.Device, Preprocess: vlm.Preprocess(f.Preprocess),
	}
}

// Precisions lists the precisions by name, for the flag's help.
func Precisions() string {
	var names []string
	for _, p := range vlm.Precisions() {
		names = append(names, string(p))
	}
	return strings.Join(names, ",")
}

// TellOfSettings says where a checkpoint's image settings come from, if that is not plain.
func (f Flags) TellOfSettings(c *checkpoint.Checkpoint, v vlm.Vision, on Machine) {
	switch {
	case f.Preprocess != string(vlm.Hub) || on.Tell == nil:
	case v.Settings == "":
		on.Tell(fmt.Sprintf("%s has no image settings, neither in %s nor in %s: pictures are prepared as %s's authors did, resized to %d by their shorter side, bicubic, and cut to a square, with CLIP's mean and deviation",
			c.Name, checkpoint.ProcessorFile, checkpoint.PreprocessorFile, strings.ToUpper(c.ModelType()), v.Preparation.ShortestEdge))
	case v.Ignored != "":
		on.Tell(fmt.Sprintf("%s has other image settings in %s than in %s: those in %s are used, as transformers 5 does", c.Name, v.Ignored, v.Settings, v.Settings))
	}
}

// Checkpoint opens the files of the chosen model, and no graphs.
func (f Flags) Checkpoint(on Machine) (*checkpoint.Checkpoint, error) {
	c, err := f.find(on)
	if err == nil && f.Name != "" {
		c.Name = f.Name
	}
	return c, err
}

func (f Flags) find(on Machine) (*checkpoint.Checkpoint, error) {
	if f.Model == "" || f.Model == BuiltIn {
		c, err := checkpoint.OpenFS(model.Files)
		if err == nil {
			c.Name = BuiltIn
		}
		return c, err
	}
	dir, err := hub.Environment(on.Getenv).Find(f.Model)
	if err != nil {
		return nil, err
	}
	return checkpoint.Open(dir)
}

// Library finds ONNX Runtime: where VIDEOQA_ONNXRUNTIME says, else beside the program.
func (on Machine) Library() (string, error) {
	if path := on.Getenv("VIDEOQA_ONNXRUNTIME"); path != "" {
		return path, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find ONNX Runtime: %w", err)
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	path, err := onnx.FindLibrary(filepath.Dir(exe))
	if err != nil {
		return "", fmt.Errorf("%w (VIDEOQA_ONNXRUNTIME can name it)", err)
	}
	return path, nil
}

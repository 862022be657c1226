package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"videoqa/internal/checkpoint"
	"videoqa/internal/checkpoint/hub"
	"videoqa/internal/models"
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// ModelFlags choose a model and how it runs.
type ModelFlags struct {
	Model      string `env:"VIDEOQA_MODEL" placeholder:"NAME" help:"Checkpoint: a folder, or a name on the Hub that was pulled, as microsoft/git-base-msrvtt-qa. Without it, the small demonstration model that is built in."`
	Precision  string `env:"VIDEOQA_PRECISION" default:"auto" enum:"${precisions}" help:"Arithmetic: ${enum}; of two, the first is for pictures and the second for words. fp16 is for cuda. auto is the fastest of all but int8 for a large model, bf16+int8 on a processor that has both (AVX512-BF16 or AMX; VNNI), and fp32 for a small one."`
	Device     string `env:"VIDEOQA_DEVICE" default:"cpu" enum:"cpu,cuda" help:"Where to compute over pictures: ${enum}. cuda needs an ONNX Runtime that has it, which VIDEOQA_ONNXRUNTIME names."`
	Preprocess string `env:"VIDEOQA_PREPROCESS" default:"hub" enum:"hub,original" help:"How pictures are prepared: hub, as preprocessor_config.json says; original, as the model's authors did."`
	Threads    int    `env:"VIDEOQA_THREADS" placeholder:"N" help:"Cores to use; 0 means all."`
}

// builtIn is what answers call the demonstration model.
const builtIn = "videoqa-small-world"

// opened is a model with the checkpoint that it borrows.
type opened struct {
	models.Model
	checkpoint *checkpoint.Checkpoint
}

// Close frees both.
func (o *opened) Close() error { return errors.Join(o.Model.Close(), o.checkpoint.Close()) }

// open loads the chosen model.
func (f ModelFlags) open(ctx context.Context, a *App) (*opened, error) {
	cache, err := a.cacheDir()
	if err != nil {
		return nil, err
	}
	library, err := a.library()
	if err != nil {
		return nil, err
	}
	c, err := f.checkpoint(a)
	if err != nil {
		return nil, err
	}
	c.CacheDir = cache
	m, err := models.Open(ctx, c, f.config(cache, library))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	a.tellOfDemonstration(m)
	if f.Preprocess == string(vlm.Hub) {
		a.tellOfSettings(c, m.Vision())
	}
	return &opened{m, c}, nil
}

// config is how the model runs.
func (f ModelFlags) config(cache, library string) models.Config {
	return models.Config{
		CacheDir: cache, Library: library, Threads: f.Threads,
		Precision: vlm.Precision(f.Precision), Device: f.Device, Preprocess: vlm.Preprocess(f.Preprocess),
	}
}

// precisions lists the precisions by name, for flags.
func precisions() string {
	var names []string
	for _, p := range vlm.Precisions() {
		names = append(names, string(p))
	}
	return strings.Join(names, ",")
}

// tellOfSettings says if it is not plain where a checkpoint's image settings come
// from.
func (a *App) tellOfSettings(c *checkpoint.Checkpoint, v vlm.Vision) {
	switch {
	case v.Settings == "":
		a.tell(fmt.Sprintf("%s has no image settings, neither in %s nor in %s: pictures are prepared as %s's authors did, resized to %d by their shorter side, bicubic, and cut to a square, with CLIP's mean and deviation",
			c.Name, checkpoint.ProcessorFile, checkpoint.PreprocessorFile, strings.ToUpper(c.ModelType()), v.Preparation.ShortestEdge))
	case v.Ignored != "":
		a.tell(fmt.Sprintf("%s has other image settings in %s than in %s: those in %s are used, as transformers 5 does", c.Name, v.Ignored, v.Settings, v.Settings))
	}
}

// tellOfDemonstration says once, to a person, that the model only shows how the
// program works.
func (a *App) tellOfDemonstration(m models.Model) {
	if a.toldOfDemonstration || !m.Description().Demonstration || !a.atTerminal(a.Err) {
		return
	}
	a.toldOfDemonstration = true
	fmt.Fprintln(a.Err, wrap("videoqa: "+m.Description().Name+" is a demonstration model: it knows the small world that it was trained on, and cannot answer about real footage."+
		" For that: videoqa pull microsoft/git-base-msrvtt-qa, and then --model with that name.", "", ""))
}

func (f ModelFlags) checkpoint(a *App) (*checkpoint.Checkpoint, error) {
	if f.Model == "" || f.Model == builtIn {
		c, err := checkpoint.OpenFS(model.Files)
		if err == nil {
			c.Name = builtIn
		}
		return c, err
	}
	dir, err := hub.Environment(a.Getenv).Find(f.Model)
	if err != nil {
		return nil, err
	}
	return checkpoint.Open(dir)
}

// library finds ONNX Runtime: where VIDEOQA_ONNXRUNTIME says, else beside the
// program.
func (a *App) library() (string, error) {
	if path := a.Getenv("VIDEOQA_ONNXRUNTIME"); path != "" {
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

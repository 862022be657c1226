package gitvideo

import (
	"fmt"

	"videoqa/internal/checkpoint"
	"videoqa/internal/nn/detector"
)

// Family is config.json's model_type of a GIT.
const Family = "git"

// detectorFile holds the detector, if videoqa.json says that there is one.
const detectorFile = "detector.safetensors"

// Files lists the files beside the weights and the tokenizer that a GIT may have.
func Files() []string {
	return []string{"config.json", "generation_config.json", checkpoint.ProcessorFile, checkpoint.PreprocessorFile, checkpoint.ExtensionFile, detectorFile}
}

// A source is a checkpoint that was read as a GIT: it has every tensor that config.json
// calls for, and no other.
type source struct {
	*checkpoint.Weights
	name          string
	config        modelConfig
	settings      checkpoint.Preprocessor
	demonstration bool
	detector      *detector.Detector // nil: the model has none, and answers about any pictures
}

// read reads c as a GIT. It returns [fault.BadModel] with the file and what is wrong in it.
func read(c *checkpoint.Checkpoint) (*source, error) {
	s, err := readSource(c)
	if err != nil {
		return nil, fmt.Errorf("gitvideo: open %s: %w", c.Place, err)
	}
	return s, nil
}

func readSource(c *checkpoint.Checkpoint) (*source, error) {
	s := &source{name: c.Name, demonstration: c.Extension.Demonstration}
	var err error
	if s.config, err = parseModelConfig(c.ConfigJSON, c.GenerationJSON); err != nil {
		return nil, err
	}
	// Without settings, GIT's pictures are prepared as its authors did, which is as CLIP's.
	if s.settings, err = checkpoint.ParsePreprocessor(c.ProcessorJSON, c.PreprocessorJSON, checkpoint.CLIP(s.config.Vision.ImageSize)); err != nil {
		return nil, err
	}
	if c.Extension.Detector {
		tensors, err := c.Beside(detectorFile)
		if err != nil {
			return nil, err
		}
		if s.detector, err = detector.Read(tensors, s.config.Vision.HiddenSize); err != nil {
			return nil, fmt.Errorf("read %s: %w", detectorFile, err)
		}
	}
	s.Weights, err = c.Weights(s.config.plan())
	return s, err
}

// digest names the model: see [checkpoint.Weights.Digest].
func (s *source) digest() string { return s.Digest(s.detector.Digested()...) }

package checkpoint_test

import (
	"strings"
	"testing"

	"videoqa/internal/checkpoint"
)

func TestTheDigestDoesNotDependOnHowTheValuesLie(t *testing.T) {
	want := open(t, "safetensors").Digest()
	if !strings.HasPrefix(want, "sha256:") || len(want) != len("sha256:")+64 {
		t.Fatalf("digest is %q", want)
	}
	for _, folder := range []string{"safetensors-sharded", "respelt", "torch", "torch-sharded", "torch-old"} {
		if got := open(t, folder).Digest(); got != want {
			t.Errorf("digest of %s is %s; want that of safetensors, %s", folder, got, want)
		}
	}
}

func TestTheDigestTellsModelsApart(t *testing.T) {
	seen := map[string]string{}
	add := func(name string, c *checkpoint.Checkpoint) {
		d := c.Digest()
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have one digest, %s", name, other, d)
		}
		seen[d] = name
	}
	for _, folder := range []string{"safetensors", "half", "bfloat", "tied"} {
		add(folder, open(t, folder))
	}
	width := open(t, "safetensors").Config.Vision.HiddenSize
	for name, files := range map[string]map[string]string{
		"another tokenizer":       {"tokenizer.json": `{"version":"1.0"}`},
		"a cased tokenizer":       {"tokenizer_config.json": `{"do_lower_case":false}`},
		"another end":             {"generation_config.json": `{"eos_token_id":4}`},
		"the same without a file": {"vocab.txt": ""},
		"a detector":              {"videoqa.json": `{"version":1,"detector":true}`, "detector.safetensors": safetensors(t, detector(width, nil))},
		"another detector": {
			"videoqa.json":         `{"version":1,"detector":true}`,
			"detector.safetensors": safetensors(t, detector(width, map[string]layer{"output.bias": {[]int{1}, []float32{7}}})),
		},
	} {
		c, err := checkpoint.OpenFS(with(t, files))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		add(name, c)
	}
}

func TestThePreprocessingIsNotPartOfTheDigest(t *testing.T) {
	c, err := checkpoint.OpenFS(with(t, map[string]string{"preprocessor_config.json": `{"image_mean":0.5}`}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := c.Digest(), open(t, "safetensors").Digest(); got != want {
		t.Errorf("digest is %s; want %s", got, want)
	}
}

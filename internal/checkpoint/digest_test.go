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
	add := func(name, digest string) {
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest, %s", name, other, digest)
		}
		seen[digest] = name
	}
	for _, folder := range []string{"safetensors", "half", "bfloat"} {
		add(folder, open(t, folder).Digest())
	}
	for name, files := range map[string]map[string]string{
		"another tokenizer":       {"tokenizer.json": `{"version":"1.0"}`},
		"a cased tokenizer":       {"tokenizer_config.json": `{"do_lower_case":false}`},
		"the same without a file": {"vocab.txt": ""},
	} {
		c, err := checkpoint.OpenFS(with(t, files))
		add(name, weights(t, c, err).Digest())
	}
	add("what the family adds", open(t, "safetensors").Digest([]byte("a"), []byte("b")))
	add("the same, divided otherwise", open(t, "safetensors").Digest([]byte("ab")))
	c, err := checkpoint.OpenFS(with(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	plan := checkpoint.PlanOfMade(t)
	plan.Config = []byte(`{"made":false}`)
	w, err := c.Weights(plan)
	if err != nil {
		t.Fatal(err)
	}
	add("another configuration", w.Digest())
	if got, want := weights(t, c, nil).Digest(), open(t, "safetensors").Digest(); got != want {
		t.Errorf("after another plan the digest is %s; want %s", got, want)
	}
}

func TestThePreprocessingIsNotPartOfTheDigest(t *testing.T) {
	c, err := checkpoint.OpenFS(with(t, map[string]string{"preprocessor_config.json": `{"image_mean":0.5}`}))
	if got, want := weights(t, c, err).Digest(), open(t, "safetensors").Digest(); got != want {
		t.Errorf("digest is %s; want %s", got, want)
	}
}

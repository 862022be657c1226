package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 706526856\n"

func TestAFileThatStandsForAnotherIsNamedForWhatItIs(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"model.safetensors":            {"model.safetensors": lfsPointer},
		"pytorch_model.bin":            {"model.safetensors": "", "pytorch_model.bin": lfsPointer},
		"model.safetensors.index.json": {"model.safetensors": "", "model.safetensors.index.json": lfsPointer},
		"model-00001-of-00002.safetensors": {
			"model.safetensors":            "",
			"model.safetensors.index.json": `{"weight_map":{"output.bias":"model-00001-of-00002.safetensors"}}`, "model-00001-of-00002.safetensors": lfsPointer,
		},
		"config.json":              {"config.json": lfsPointer},
		"generation_config.json":   {"generation_config.json": lfsPointer},
		"vocab.txt":                {"vocab.txt": lfsPointer},
		"tokenizer.json":           {"tokenizer.json": lfsPointer},
		"tokenizer_config.json":    {"tokenizer_config.json": lfsPointer},
		"processor_config.json":    {"processor_config.json": lfsPointer},
		"preprocessor_config.json": {"preprocessor_config.json": lfsPointer},
		"videoqa.json":             {"videoqa.json": lfsPointer},
	} {
		_, err := checkpoint.OpenFS(with(t, files))
		if want := name + " is a Git LFS pointer: it only names the file of 706526856 bytes, which git has not fetched; run 'git lfs pull'"; !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a bad model with %q", name, err, want)
		}
	}
	for content, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\n":                               "a Git LFS pointer: it only names the file, which",
		"# xet version 0\nfilesize = 706526856\nhash = '8f4a'\n":                     "a Xet pointer: it only names the file of 706526856 bytes",
		"\n<!DOCTYPE html>\n<html lang=\"en\"><head><title>model</title></head>":     "a web page",
		"version https://git-lfs.github.com/spec/v1\r\nsize 12\r\n":                  "the file of 12 bytes",
		"version https://git-lfs.github.com/spec/v1\nsize 706526856 and then some\n": "the file, which",
	} {
		_, err := checkpoint.OpenFS(with(t, map[string]string{"model.safetensors": content}))
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want a bad model with %q", content, err, want)
		}
	}
}

// Files of the operating system are mapped, and others read.
func TestAPointerIsKnownInAFolderToo(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(made, "safetensors"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), []byte(lfsPointer), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := checkpoint.Open(dir)
	if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "model.safetensors is a Git LFS pointer") {
		t.Errorf("opening gives %v", err)
	}
}

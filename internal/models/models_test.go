package models_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"videoqa/answers"
	"videoqa/answers/modeltest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

func TestEveryFamilyKeepsItsPromises(t *testing.T) {
	library := os.Getenv("VIDEOQA_ONNXRUNTIME")
	if library == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME is not set: eval $(make env)")
	}
	for _, precision := range []vlm.Precision{vlm.FP32, vlm.INT8} {
		t.Run("git in "+string(precision), func(t *testing.T) {
			modeltest.Run(t, func(t *testing.T) answers.Model {
				c, err := checkpoint.OpenFS(model.Files)
				if err != nil {
					t.Fatal(err)
				}
				m, err := models.Open(t.Context(), c, models.Config{CacheDir: t.TempDir(), Library: library, Precision: precision})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := errors.Join(m.Close(), c.Close()); err != nil {
						t.Error(err)
					}
				})
				return m
			})
		})
	}
}

func TestAFamilyThatIsNotSupportedIsNamed(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"model.safetensors", "vocab.txt"} {
		data, err := fs.ReadFile(os.DirFS("../../testdata/checkpoints/safetensors"), name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	files["config.json"] = &fstest.MapFile{Data: []byte(`{"model_type":"llava"}`)}
	c, err := checkpoint.OpenFS(files)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, open := models.Open(t.Context(), c, models.Config{})
	_, describe := models.Describe(c, models.Config{})
	_, vision := models.VisionOf(c, vlm.Hub)
	for name, err := range map[string]error{"Open": open, "Check": models.Check(c, models.Config{}), "Describe": describe, "VisionOf": vision} {
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), `model_type: "llava" is not supported, only ["git"]`) {
			t.Errorf("%s = %v; want a bad model that names the family and those there are", name, err)
		}
	}
}

func TestOnlyConfigurationsOfSupportedFamiliesPass(t *testing.T) {
	for config, says := range map[string]string{`{"model_type":"git"}`: "", `{"model_type":"llava"}`: `"llava" is not supported, only ["git"]`, `{}`: "is missing", `[`: "read config.json"} {
		err := models.CheckFamily([]byte(config))
		if says == "" && err != nil || says != "" && (!errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v; want %q", config, err, says)
		}
	}
}

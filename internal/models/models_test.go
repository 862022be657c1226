package models_test

import (
	"errors"
	"os"
	"testing"

	"videoqa/answers"
	"videoqa/answers/modeltest"
	"videoqa/internal/checkpoint"
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

package answers_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"os"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/models"
	"videoqa/testdata/model"
)

// Three questions about one clip, which is decoded and encoded once. The model is the
// built-in demonstration; checkpoint.Open opens a folder.
func ExampleService_Ask() {
	ctx := context.Background()
	c, err := checkpoint.OpenFS(model.Files)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	cache, err := os.MkdirTemp("", "videoqa-example-") // a program keeps one folder for its graphs
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	m, err := models.Open(ctx, c, models.Config{CacheDir: cache, Library: os.Getenv("VIDEOQA_ONNXRUNTIME")})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	service, err := answers.New(answers.Config{Model: m})
	if err != nil {
		log.Fatal(err)
	}

	clip, err := os.ReadFile("../testdata/world/demo/yard.mp4")
	if err != nil {
		log.Fatal(err)
	}
	yard := answers.Subject{
		ClipID: "yard", Reader: bytes.NewReader(clip), Size: int64(len(clip)),
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(clip)), Limits: frames.Footage(),
	}
	results, err := service.Ask(ctx, yard, []ingest.Question{
		{Text: "which way does the dog move?"},
		{Text: "is there a cat?", Kind: ingest.YesNo},
		{Text: "what color is the background?", Kind: ingest.Choice, Choices: []string{"red", "green", "blue"}},
	})
	if err != nil {
		log.Fatal(err) // of the clip: no question has an answer
	}
	for _, r := range results {
		if r.Err != nil {
			log.Fatal(r.Err) // of this question
		}
		fmt.Printf("%s %s (%.0f %%), from %d frames\n", r.Answer.Question, r.Answer.Text, 100*r.Answer.Score, len(r.Answer.Sampling.Frames))
	}
	// Output:
	// which way does the dog move? left (99 %), from 6 frames
	// is there a cat? no (99 %), from 6 frames
	// what color is the background? green (99 %), from 6 frames
}

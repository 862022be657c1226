package gitvideo_test

import (
	"context"
	"fmt"
	"image"
	_ "image/jpeg"
	"log"
	"os"

	"videoqa/frames/prepare"
	"videoqa/gitvideo"
	"videoqa/internal/checkpoint"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// A picture is encoded once; a caption and any number of questions then read its
// context. The model is the built-in demonstration; checkpoint.Open opens a folder.
func ExampleModel_Answer() {
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
	m, err := gitvideo.Open(ctx, c, gitvideo.Config{CacheDir: cache, Library: os.Getenv("VIDEOQA_ONNXRUNTIME")})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	square := m.Vision().Preparation.Apply(photo("../testdata/world/demo/harbour.jpg"))
	features, err := m.See(ctx, []prepare.Image{square})
	if err != nil {
		log.Fatal(err)
	}
	harbour, err := m.Context(ctx, features, false) // false: a still picture, no clip
	if err != nil {
		log.Fatal(err)
	}
	colours := []vlm.Choice{{Answer: "white", Spelling: "white"}, {Answer: "grey", Spelling: "grey"}}
	replies, err := m.Answer(ctx, harbour, []vlm.Prompt{
		{}, // a caption
		{Text: "what is this?"},
		{Text: "what color is the background?", Choices: colours},
	}, vlm.Generation{MaxTokens: 20})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range replies {
		fmt.Println(r.Text, r.Err)
	}
	// Output:
	// a boat on a white background <nil>
	// a boat <nil>
	// white <nil>
}

// photo reads a picture as rows of RGB. Package frames reads more kinds, and turns
// pictures upright.
func photo(path string) prepare.Image {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	if err != nil {
		log.Fatal(err)
	}
	size := img.Bounds().Size()
	p := prepare.Blank(size.X, size.Y)
	for y := range size.Y {
		for x := range size.X {
			r, g, b, _ := img.At(img.Bounds().Min.X+x, img.Bounds().Min.Y+y).RGBA()
			at := 3 * (y*size.X + x)
			p.Pix[at], p.Pix[at+1], p.Pix[at+2] = byte(r>>8), byte(g>>8), byte(b>>8)
		}
	}
	return p
}

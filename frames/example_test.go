package frames_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"videoqa/frames"
	"videoqa/frames/prepare"
)

// Six frames of a clip, each the one that is shown in the middle of a sixth of it,
// and then prepared for a model that takes squares of 96 pixels.
func ExampleSample() {
	clip, err := os.Open("../testdata/world/demo/yard.mp4")
	if err != nil {
		log.Fatal(err)
	}
	defer clip.Close()
	info, err := clip.Stat()
	if err != nil {
		log.Fatal(err)
	}

	pictures, report, err := frames.Sample(context.Background(), clip, info.Size(), frames.Plan{Count: 6}, frames.Footage())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Codec, report.Frames, "frames,", report.Duration, "degraded:", report.Degraded)
	square := prepare.Preparation{ShortestEdge: 96, CropWidth: 96, CropHeight: 96, Filter: prepare.Bicubic}
	for _, p := range pictures {
		small := square.Apply(p.Image)
		fmt.Println(p.PTS, p.Width, "x", p.Height, "becomes", small.Width, "x", small.Height)
	}
	// Output:
	// h264 75 frames, 3s degraded: false
	// 0.24 320 x 240 becomes 96 x 96
	// 0.72 320 x 240 becomes 96 x 96
	// 1.24 320 x 240 becomes 96 x 96
	// 1.72 320 x 240 becomes 96 x 96
	// 2.24 320 x 240 becomes 96 x 96
	// 2.72 320 x 240 becomes 96 x 96
}

// A still picture has no time and needs no plan.
func ExampleDecodeStill() {
	photo, err := os.Open("../testdata/world/demo/harbour.jpg")
	if err != nil {
		log.Fatal(err)
	}
	defer photo.Close()
	info, err := photo.Stat()
	if err != nil {
		log.Fatal(err)
	}

	picture, _, err := frames.DecodeStill(context.Background(), photo, info.Size(), frames.Upload())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picture.Width, "x", picture.Height, "pixels,", len(picture.Pix), "bytes of RGB")
	// Output:
	// 480 x 360 pixels, 518400 bytes of RGB
}

package answers_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/features"
	"videoqa/answers/features/redis"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/models"
)

// sharedStore is what two processes would share: the Redis that
// VIDEOQA_TEST_REDIS names, else memory.
func sharedStore(t *testing.T) features.Store {
	url := os.Getenv("VIDEOQA_TEST_REDIS")
	if url == "" {
		return features.NewMemory(1 << 28)
	}
	s, err := redis.New(redis.Config{URL: url, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func recorded(t *testing.T, id, name string, start time.Time) answers.FootageClip {
	data, err := os.ReadFile(filepath.Join("../testdata/clips", name))
	if err != nil {
		t.Fatal(err)
	}
	return answers.FootageClip{ID: id, Start: start, End: start.Add(1600 * time.Millisecond), Open: func(context.Context) (answers.Media, error) {
		return answers.Media{Reader: bytes.NewReader(data), Size: int64(len(data)), Digest: digest(data), Limits: frames.Upload()}, nil
	}}
}

// pictureAt is a still picture of what a clip shows at a time, as a PNG file.
func pictureAt(t *testing.T, name string, at time.Duration) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata/clips", name))
	if err != nil {
		t.Fatal(err)
	}
	pics, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{At: []time.Duration{at}}, frames.Upload())
	if err != nil {
		t.Fatal(err)
	}
	p := pics[0]
	img := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(img.Pix[4*i:], append(slices.Clone(p.Pix[3*i:3*i+3]), 255))
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Questions about a video, about a picture of it and about another file that
// shows the same, in two processes: each picture is encoded once.
func TestEachPictureIsEncodedOnceWhoeverAsks(t *testing.T) {
	store, start := sharedStore(t), ten.Add(time.Duration(time.Now().UnixNano()%1e6)*time.Hour)
	model := openDemo(t, models.Config{})
	first := service(t, answers.Config{Model: model, Features: store})
	second := service(t, answers.Config{Model: model, Features: store})
	// The second file is the first without its first 13 pictures.
	whole, cut := recorded(t, "c-1", "b-pyramid.mp4", start), recorded(t, "c-2", "edit-list.mp4", start.Add(520*time.Millisecond))
	from, to := start.Add(600*time.Millisecond), start.Add(1500*time.Millisecond)
	before := first.Features().Encoded
	a := askFootage(t, first, answers.Footage{From: from, To: to, Clips: []answers.FootageClip{whole}})
	if n := len(a.Sampling.Frames); n != 6 || a.Cache.FramesHit+a.Cache.FramesMiss != 6 {
		t.Fatalf("looked at %d frames, %+v", n, a.Cache)
	}
	fresh := first.Features().Encoded - before
	if os.Getenv("VIDEOQA_TEST_REDIS") == "" && fresh != 6 {
		t.Errorf("%d of 6 frames were encoded in an empty cache", fresh)
	}
	askFootage(t, first, answers.Footage{From: from, To: to, Clips: []answers.FootageClip{cut}})
	still := pictureAt(t, "b-pyramid.mp4", a.Sampling.Frames[2].PTS.Duration())
	image := answers.Subject{Reader: bytes.NewReader(still), Size: int64(len(still)), Digest: digest(still), Limits: frames.Upload()}
	for _, s := range []*answers.Service{first, second} {
		if results, err := s.Ask(t.Context(), image, []ingest.Question{{ID: "q-1", Text: "what is it?"}}); err != nil || results[0].Err != nil || results[0].Answer.Cache.FramesHit != 1 {
			t.Errorf("the picture: %+v, %v", results, err)
		}
	}
	askFootage(t, second, answers.Footage{From: from, To: to, Clips: []answers.FootageClip{whole}})
	if again := first.Features().Encoded + second.Features().Encoded - before - fresh; again != 0 {
		t.Errorf("%d frames were encoded again", again)
	}
}

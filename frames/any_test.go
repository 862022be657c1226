package frames

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"testing"
	"time"

	"videoqa/internal/fault"
)

func TestMediaOfEitherKindAreDecodedAsTheirOwnKindIs(t *testing.T) {
	video, err := os.ReadFile("../testdata/clips/b-pyramid.mp4")
	if err != nil {
		t.Fatal(err)
	}
	still := stillOf(t)
	for _, tc := range []struct {
		name  string
		file  []byte
		plan  Plan
		n     int
		still bool
		want  error
	}{
		{"a video gives what its plan asks for", video, Plan{Count: 3}, 3, false, nil},
		{"a still gives its one picture", still, Plan{Count: 3}, 1, true, nil},
		{"a still has no span", still, Plan{Count: 3, From: time.Second}, 0, true, fault.BadRequest},
		{"neither is a bad video", []byte("neither of them"), Plan{Count: 1}, 0, false, fault.BadVideo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pictures, report, err := Decode(t.Context(), bytes.NewReader(tc.file), int64(len(tc.file)), tc.plan, Upload())
			if !errors.Is(err, tc.want) || len(pictures) != tc.n || report.Still != tc.still {
				t.Errorf("Decode gives %d pictures, still %v, %v; want %d, %v, %v", len(pictures), report.Still, err, tc.n, tc.still, tc.want)
			}
			_, err = OpenVideo(t.Context(), bytes.NewReader(tc.file), int64(len(tc.file)), Upload())
			if video := !tc.still && tc.want == nil; (err == nil) != video {
				t.Errorf("OpenVideo returns %v", err)
			}
			if err := Check(t.Context(), bytes.NewReader(tc.file), int64(len(tc.file)), Upload()); errors.Is(err, fault.BadVideo) != (tc.want == fault.BadVideo) {
				t.Errorf("Check returns %v", err)
			}
		})
	}
}

// stillOf is a small PNG.
func stillOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

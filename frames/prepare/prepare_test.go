package prepare_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"videoqa/frames/prepare"
	"videoqa/internal/fault"
)

// original is what the authors of GIT do with a picture (get_image_transform of
// GenerativeImage2Text, inference.py).
func original(size, longest int) prepare.Preparation {
	p := prepare.Preparation{ShortestEdge: size, LongestEdge: longest, Filter: prepare.Bicubic, Centre: prepare.CentreEven}
	if longest == 0 {
		p.CropWidth, p.CropHeight = size, size
	}
	return p
}

// recipes are the preparations that testdata/pillow/make.py names.
func recipes() map[string]prepare.Preparation {
	clip := prepare.Preparation{ShortestEdge: 224, CropWidth: 224, CropHeight: 224, Filter: prepare.Bicubic}
	videomae := clip
	videomae.Filter = prepare.Bilinear
	return map[string]prepare.Preparation{
		"clip-224":           clip,
		"clip-480":           {ShortestEdge: 480, CropWidth: 480, CropHeight: 480, Filter: prepare.Bicubic},
		"clip-odd-crop":      {ShortestEdge: 61, CropWidth: 57, CropHeight: 60, Filter: prepare.Bicubic},
		"clip-no-crop":       {ShortestEdge: 224, Filter: prepare.Bicubic},
		"clip-no-resize":     {CropWidth: 224, CropHeight: 224},
		"clip-exact":         {Width: 128, Height: 96, Filter: prepare.Bicubic},
		"videomae-224":       videomae,
		"original-224":       original(224, 0),
		"original-no-resize": {CropWidth: 224, CropHeight: 224, Centre: prepare.CentreEven},
		"original-480":       original(480, 640),
		"original-420":       original(420, 560),
	}
}

func TestApplyEqualsTheImageProcessorsByteForByte(t *testing.T) {
	all := recipes()
	for _, line := range goldenLines(t, "prepare.golden") {
		var recipe, pattern, want string
		var w, h, width, height int
		if _, err := fmt.Sscan(line, &recipe, &pattern, &w, &h, &width, &height, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		p, known := all[recipe]
		if !known {
			t.Fatalf("%q: no such recipe here", line)
		}
		if x, y := p.OutputSize(w, h); x != width || y != height {
			t.Errorf("OutputSize of %q: %dx%d", line, x, y)
		}
		got := p.Apply(testPicture(pattern, w, h))
		if sum := fmt.Sprintf("%x", sha256.Sum256(got.Pix)); got.Width != width || got.Height != height || sum != want {
			t.Errorf("Apply(%s): got %dx%d %s", line, got.Width, got.Height, sum)
		}
	}
}

func TestApplyOfNothingIsACopy(t *testing.T) {
	in := testPicture("noise", 5, 4)
	got := prepare.Preparation{}.Apply(in)
	if got.Width != 5 || got.Height != 4 || !bytes.Equal(got.Pix, in.Pix) || &got.Pix[0] == &in.Pix[0] {
		t.Errorf("the zero Preparation made %dx%d, or other bytes, or no copy", got.Width, got.Height)
	}
}

func TestApplyComputesOnlyWhatTheCropKeeps(t *testing.T) {
	in := testPicture("noise", 1, 60000) // resized whole it would be 224 x 13,440,000 pixels, 9 GB
	got := recipes()["clip-224"].Apply(in)
	if got.Width != 224 || got.Height != 224 || len(got.Pix) != 3*224*224 {
		t.Errorf("got %dx%d with %d bytes", got.Width, got.Height, len(got.Pix))
	}
}

func TestApplyKeepsAPixelOfTheNarrowestPicture(t *testing.T) {
	got := original(480, 640).Apply(testPicture("noise", 2, 4000))
	if got.Width != 1 || got.Height != 640 {
		t.Errorf("2x4000 became %dx%d; want 1x640", got.Width, got.Height)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for name, p := range recipes() {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tc := range []struct {
		field string
		p     prepare.Preparation
	}{
		{"negative", prepare.Preparation{ShortestEdge: -1}},
		{"Height 0", prepare.Preparation{Width: 3}},
		{"CropWidth 0", prepare.Preparation{CropHeight: 3}},
		{"both Width and ShortestEdge", prepare.Preparation{Width: 3, Height: 3, ShortestEdge: 3}},
		{"LongestEdge 3", prepare.Preparation{ShortestEdge: 4, LongestEdge: 3}},
		{"LongestEdge 4", prepare.Preparation{LongestEdge: 4}},
		{"Filter 7", prepare.Preparation{Filter: 7}},
		{"Centre -1", prepare.Preparation{Centre: -1}},
	} {
		err := tc.p.Validate()
		if !errors.Is(err, fault.BadModel) || !bytes.Contains([]byte(err.Error()), []byte(tc.field)) {
			t.Errorf("Validate(%+v) = %v; want a bad model that names %q", tc.p, err, tc.field)
		}
	}
}

func BenchmarkPrepare1080p(b *testing.B) {
	in, clip := testPicture("noise", 1920, 1080), recipes()["clip-224"]
	b.ReportAllocs()
	for b.Loop() {
		clip.Apply(in)
	}
}

package prepare_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/frames/prepare"
)

// goldenLines reads a golden of testdata/pillow, one case a line.
func goldenLines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "pillow", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func filterNamed(t *testing.T, name string) prepare.Filter {
	t.Helper()
	for _, f := range []prepare.Filter{prepare.Bilinear, prepare.Bicubic} {
		if f.String() == name {
			return f
		}
	}
	t.Fatalf("no filter is called %q", name)
	return 0
}

func TestResizeEqualsPillowByteForByte(t *testing.T) {
	for _, line := range goldenLines(t, "resize.golden") {
		var pattern, filter, want string
		var w, h, width, height int
		if _, err := fmt.Sscan(line, &pattern, &w, &h, &width, &height, &filter, &want); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		in := testPicture(pattern, w, h)
		before := sha256.Sum256(in.Pix)
		got := prepare.Resize(in, width, height, filterNamed(t, filter))
		if got.Width != width || got.Height != height || len(got.Pix) != 3*width*height {
			t.Errorf("Resize(%s): got %dx%d with %d bytes", line, got.Width, got.Height, len(got.Pix))
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(got.Pix)); sum != want {
			t.Errorf("Resize(%s): got %s", line, sum)
		}
		if sha256.Sum256(in.Pix) != before {
			t.Errorf("Resize(%s) wrote to its input", line)
		}
	}
}

func TestResizeShowsWhereItDiffersFromPillow(t *testing.T) {
	for _, tc := range []struct {
		pattern             string
		w, h, width, height int
		filter              prepare.Filter
	}{
		{"board", 13, 7, 5, 9, prepare.Bicubic},
		{"board", 13, 7, 5, 9, prepare.Bilinear},
		{"rings", 40, 30, 17, 23, prepare.Bicubic},
	} {
		name := fmt.Sprintf("%s-%dx%d-%dx%d-%v.ppm", tc.pattern, tc.w, tc.h, tc.width, tc.height, tc.filter)
		file, err := os.ReadFile(filepath.Join("..", "..", "testdata", "pillow", name))
		if err != nil {
			t.Fatal(err)
		}
		want, found := bytes.CutPrefix(file, fmt.Appendf(nil, "P6\n%d %d\n255\n", tc.width, tc.height))
		if !found {
			t.Fatalf("%s: not the header of a %dx%d PPM", name, tc.width, tc.height)
		}
		got := prepare.Resize(testPicture(tc.pattern, tc.w, tc.h), tc.width, tc.height, tc.filter).Pix
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: column %d, row %d, channel %d is %d; want %d",
					name, i/3%tc.width, i/3/tc.width, i%3, got[i], want[i])
			}
		}
	}
}

func TestResizeToTheSameSizeIsACopy(t *testing.T) {
	in := testPicture("noise", 5, 4)
	got := prepare.Resize(in, 5, 4, prepare.Bicubic)
	if !bytes.Equal(got.Pix, in.Pix) {
		t.Error("Resize to 5x4 gave other bytes")
	}
	got.Pix[0]++
	if bytes.Equal(got.Pix, in.Pix) {
		t.Error("the copy shares memory with its source")
	}
}

func BenchmarkResize1080pTo224(b *testing.B) {
	in := testPicture("noise", 1920, 1080)
	for _, f := range []prepare.Filter{prepare.Bilinear, prepare.Bicubic} {
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepare.Resize(in, 398, 224, f)
			}
		})
	}
}

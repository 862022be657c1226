package frames_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/frames"
	"videoqa/internal/fault"
)

// atom is a box of MP4 whose parts are text.
func atom(kind string, parts ...string) string {
	return string(box(kind, []byte(strings.Join(parts, ""))))
}

func TestAPictureInHEIFIsNamedByItsBrandsOrItsBoxes(t *testing.T) {
	const zeros = "\x00\x00\x00\x00"
	items := atom("meta", zeros, atom("hdlr", zeros, zeros, "pict", zeros, zeros, zeros, "\x00"), atom("pitm", zeros, "\x00\x01"))
	type file struct{ name, data, says string }
	tests := []file{
		{"boxes alone, with the brand of a video", atom("ftyp", "isom", zeros, "isommp41") + items + atom("mdat", zeros), "HEIF (isom)"},
		{"an item alone, whose handler is damaged", atom("ftyp", "isom", zeros, "isom") + strings.Replace(items, "pict", "xict", 1) + atom("mdat", zeros), "HEIF (isom)"},
		{"boxes behind the pixels", atom("ftyp", "mp42", zeros, "mp42") + atom("mdat", zeros) + items, "HEIF (mp42)"},
		{"boxes without a brand", atom("free", zeros) + items + atom("mdat", zeros), "HEIF"},
		{"a brand that it is compatible with", atom("ftyp", "1pic", zeros, "mif1heic") + atom("mdat", zeros), "HEIF (1pic)"},
	}
	for _, brand := range []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "heif", "avif", "avis", "mif1", "mif2", "msf1", "miaf"} {
		tests = append(tests, file{"brand " + brand, atom("ftyp", brand, zeros, "iso8") + atom("mdat", zeros), "HEIF (" + brand + ")"},
			file{"brand " + brand + " with boxes", atom("ftyp", brand, zeros, "iso8") + items + atom("mdat", zeros), "HEIF (" + brand + ")"})
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := frames.Open(t.Context(), strings.NewReader(tc.data), int64(len(tc.data)), frames.Upload())
			if !errors.Is(err, fault.BadVideo) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "save it as JPEG") {
				t.Errorf("got %v; want that it is %s, and what to do", err, tc.says)
			}
		})
	}
}

func TestAFileWithATrackIsAVideoWhateverItsBrands(t *testing.T) {
	animated, err := os.ReadFile(filepath.Join("..", "testdata", "pillow", "animated.avif"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"an animated AVIF": animated, "a video": clip(t, "cfr.mp4")} {
		for _, brand := range []string{string(data[8:12]), "avif", "heic", "msf1", "mif1"} {
			data := bytes.Clone(data)
			copy(data[8:], brand)
			pictures, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 2}, frames.Upload())
			if err != nil || len(pictures) != 2 || pictures[0].PTS >= pictures[1].PTS || bytes.Equal(pictures[0].Pix, pictures[1].Pix) || report.Degraded || report.FewerFrames || report.NoToneMapping || report.ClockJump || report.FirstPicture {
				t.Errorf("%s of brand %s: %d pictures, %+v, %v; want two", name, brand, len(pictures), report, err)
			}
		}
	}
}

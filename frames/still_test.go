package frames

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

const testStillBytes = 1 << 20

func readStill(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "testdata", "pillow", "stills", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func decodeStillBytes(file []byte) (Picture, error) {
	p, _, err := DecodeStill(context.Background(), bytes.NewReader(file), int64(len(file)), Limits{Bytes: testStillBytes, Pixels: 1 << 20})
	return p, err
}

func TestStillsEqualPillow(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("..", "testdata", "pillow", "stills.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		t.Run(name, func(t *testing.T) {
			file := readStill(t, name)
			if !IsStill(file[:12]) {
				t.Error("IsStill does not know its head")
			}
			got, err := decodeStillBytes(file)
			if strings.HasPrefix(want, "refused") {
				if !errors.Is(err, fault.BadVideo) {
					t.Errorf("%dx%d, %v; Pillow refuses it", got.Width, got.Height, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if pixels := fmt.Sprintf("%d %d %x", got.Width, got.Height, sha256.Sum256(got.Pix)); pixels != want || len(got.Pix) != 3*got.Width*got.Height {
				t.Errorf("%s; want %s; it begins with %v", pixels, want, got.Pix[:min(12, len(got.Pix))])
			}
		})
	}
}

func TestAStillThatCannotBeReadSaysWhy(t *testing.T) {
	whole := readStill(t, "photo-420.jpg")
	for _, tc := range []struct {
		name string
		file []byte
		kind error
		says string
	}{
		{"nothing", nil, fault.BadVideo, "neither JPEG"},
		{"text", []byte("what is this? not a picture."), fault.BadVideo, "neither JPEG"},
		{"half a JPEG", whole[:len(whole)/2], fault.BadVideo, "JPEG ends too early"},
		{"the head of a JPEG", whole[:20], fault.BadVideo, "JPEG ends too early"},
		{"half a PNG", readStill(t, "rgb.png")[:900], fault.BadVideo, "PNG ends too early"},
		{"a JPEG of 500 scans", scannedAgain(readStill(t, "progressive.jpg"), 500), fault.TooLarge, "a JPEG of 51"},
		{"half a GIF", readStill(t, "still.gif")[:900], fault.BadVideo, "GIF"},
		{"half a lossless WebP", readStill(t, "lossless.webp")[:900], fault.BadVideo, "WebP"},
		{"half a lossy WebP", readStill(t, "lossy-even.webp")[:300], fault.BadVideo, "WebP"},
		{"half an animated WebP", readStill(t, "animated.webp")[:900], fault.BadVideo, "WebP"},
		{"a damaged PNG", flipped(readStill(t, "rgb.png"), 600), fault.BadVideo, "PNG is damaged"},
		{"too many bytes", append(bytes.Clone(whole), make([]byte, testStillBytes)...), fault.TooLarge, "bytes"},
		{"too many pixels by its header", hugePNG(), fault.TooLarge, "a PNG of 100000x100000 pixels"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := decodeStillBytes(tc.file)
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) || p.Pix != nil {
				t.Errorf("got %dx%d, %v; want %v that says %q", p.Width, p.Height, err, tc.kind, tc.says)
			}
		})
	}
}

func flipped(file []byte, at int) []byte {
	file = bytes.Clone(file)
	file[at] ^= 0xFF
	return file
}

// scannedAgain repeats the last scan of a JPEG n times.
func scannedAgain(file []byte, n int) []byte {
	last := bytes.LastIndex(file, []byte{0xFF, jpegSOS})
	scan := bytes.TrimSuffix(file[last:], []byte{0xFF, jpegEOI})
	return append(append(bytes.Clone(file[:last]), bytes.Repeat(scan, n+1)...), 0xFF, jpegEOI)
}

// hugePNG is a whole header of a PNG of 100000 x 100000 pixels and no more.
func hugePNG() []byte {
	header := []byte("IHDR\x00\x01\x86\xa0\x00\x01\x86\xa0\x08\x02\x00\x00\x00")
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\r"), header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

func TestTheReportOfAStillSaysHowItWasTurned(t *testing.T) {
	for orientation, want := range []int{1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270, 9: 0} {
		if orientation == 0 {
			continue
		}
		file := readStill(t, fmt.Sprintf("orientation-%d.jpg", orientation))
		_, report, err := DecodeStill(context.Background(), bytes.NewReader(file), int64(len(file)), Upload())
		if err != nil || !reflect.DeepEqual(report, Report{Requested: 1, Decoded: 1, Frames: 1, Rotation: want, Container: "jpeg", Codec: "jpeg"}) {
			t.Errorf("orientation %d: %+v, %v; want a rotation of %d", orientation, report, err, want)
		}
	}
}

func TestAStillIsHeldToALimitOfBytesWhereAVideoHasNone(t *testing.T) {
	_, _, err := DecodeStill(context.Background(), bytes.NewReader(nil), 256<<20+1, Footage())
	if !errors.Is(err, fault.TooLarge) {
		t.Errorf("a still of 256 MiB and a byte: %v; want too large", err)
	}
}

// Joining thousands of segments one by one took half a minute for 20 MB.
func TestAJPEGOfManyEXIFSegmentsTakesMemoryInProportion(t *testing.T) {
	segment := append([]byte("\xff\xe1\x03\xe8Exif\x00\x00"), make([]byte, 1000-8)...)
	file := append([]byte("\xff\xd8"), bytes.Repeat(segment, 4000)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	head, err := readJPEGHead(file)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errCut) || len(head.exif) < 4000*(1000-8) {
		t.Fatalf("%d bytes of EXIF, %v; want those of all segments, and a file that ends too early", len(head.exif), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 10*uint64(len(file)) {
		t.Errorf("%d bytes allocated for a head of %d", took, len(file))
	}
}

func TestDecodingAStillEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	file := readStill(t, "photo-420.jpg")
	_, _, err := DecodeStill(ctx, bytes.NewReader(file), int64(len(file)), Limits{Bytes: testStillBytes, Pixels: 1 << 20})
	if !errors.Is(err, context.Canceled) || errors.Is(err, fault.BadVideo) {
		t.Errorf("got %v; want only that it was cancelled", err)
	}
}

func TestIsStillKnowsNoVideo(t *testing.T) {
	for _, head := range []string{"", "\x00\x00\x00\x20ftypisom", "\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81", "RIFF\x00\x00\x00\x00AVI ", "GIF", "RIFF\x00\x00\x00\x00WEB"} {
		if IsStill([]byte(head)) {
			t.Errorf("IsStill(%q) is true", head)
		}
	}
}

// FuzzStill looks for files that crash a decoder or break its promises.
func FuzzStill(f *testing.F) {
	entries, err := os.ReadDir(filepath.Join("..", "testdata", "pillow", "stills"))
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(readStill(f, e.Name()))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, _, err := DecodeStill(context.Background(), bytes.NewReader(file), int64(len(file)), Limits{Bytes: testStillBytes, Pixels: 1 << 16})
		if err == nil && (p.Width <= 0 || p.Height <= 0 || len(p.Pix) != 3*p.Width*p.Height) {
			t.Errorf("%dx%d with %d bytes", p.Width, p.Height, len(p.Pix))
		}
		if err != nil && !errors.Is(err, fault.BadVideo) && !errors.Is(err, fault.TooLarge) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

func BenchmarkStillJPEG1080p(b *testing.B) {
	p := blank(1920, 1080, 0)
	for i := range p.Pix {
		p.Pix[i] = byte(i / 97)
	}
	var file bytes.Buffer
	m := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		m.Set(i%p.Width, i/p.Width, color.RGBA{p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2], 255})
	}
	if err := jpeg.Encode(&file, m, nil); err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name string
		run  func() error
	}{
		{"upright RGB", func() error {
			_, _, err := DecodeStill(context.Background(), bytes.NewReader(file.Bytes()), int64(file.Len()), Upload())
			return err
		}},
		{"image/jpeg alone", func() error { _, err := jpeg.Decode(bytes.NewReader(file.Bytes())); return err }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bc.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

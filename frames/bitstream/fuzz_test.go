package bitstream_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// clips lists small files of the corpus, sound and hopeless ones.
func clips(t testing.TB) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.mp4", "*.mkv", "*.webm", "*.ts", "*.mpg", "*.flv", "*.avi", "bad/*"} {
		found, err := filepath.Glob(filepath.Join("..", "..", "testdata", "clips", pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 30 {
		t.Fatalf("found %d clips", len(paths))
	}
	return paths
}

// askAll asks a file everything that may be asked. It must neither panic nor fail in a way that a file cannot cause.
func askAll(t *testing.T, data []byte) {
	t.Helper()
	file := bitstream.File{Reader: bytes.NewReader(data), Size: int64(len(data))}
	c, err := file.Container(data[:min(len(data), bitstream.HeadBytes)])
	if err != nil && !errors.Is(err, fault.BadVideo) {
		t.Fatalf("Container: %v, which is of no kind that a file can cause", err)
	}
	if err == nil && (c.Format == "" || c.Begin < 0 || c.Begin > file.Size) {
		t.Fatalf("Container = %+v of %d bytes", c, file.Size)
	}
	for _, format := range []string{"mov", "matroska", "avi"} {
		if _, err := file.CheckOpening(format, 16); err != nil && !errors.Is(err, fault.TooLarge) {
			t.Fatalf("CheckOpening of %s: %v, which is of no kind that a file can cause", format, err)
		}
	}
	if table, ok := file.SampleTable(1); ok {
		for i := range table.Shifts {
			if table.SizeOf(i) < 0 {
				t.Fatalf("sample %d of %d has %d bytes", i, table.Samples, table.SizeOf(i))
			}
			if i > 1e4 { // a few bytes may claim billions of samples of one size
				break
			}
		}
	}
	file.OnlyPictures()
	file.InvalidApertures()
	file.IsFragmented()
	file.EndsInIndex()
	file.RefersElsewhere()
	file.Protected(1)
	file.AnyProtected()
	file.Scrambled(0, 256)
	bitstream.ProgramCodec(data)
}

func TestEveryFileOfTheCorpusIsReadWithoutFFmpeg(t *testing.T) {
	formats := map[string]string{".mp4": "mov", ".mkv": "matroska", ".webm": "matroska", ".ts": "mpegts", ".mpg": "mpeg", ".flv": "flv", ".avi": "avi"}
	for _, path := range clips(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		askAll(t, data)
		file := bitstream.File{Reader: bytes.NewReader(data), Size: int64(len(data))}
		c, err := file.Container(data[:min(len(data), bitstream.HeadBytes)])
		if want := formats[filepath.Ext(path)]; filepath.Base(filepath.Dir(path)) != "bad" && (err != nil || c.Format != want) {
			t.Errorf("%s is %q, %v; want %q", path, c.Format, err, want)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, path := range clips(f) {
		if data, err := os.ReadFile(path); err == nil && len(data) < 64<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(askAll)
}

func FuzzClassifier(f *testing.F) {
	f.Add(uint8(bitstream.H264), []byte{0, 0, 0, 1, 0x67, 0x64, 0, 0x1e}, []byte{0, 0, 0, 1, 0x65, 0x88, 0x84})
	f.Add(uint8(bitstream.HEVC), []byte{0, 0, 0, 1, 0x42, 1, 1}, []byte{0, 0, 0, 1, 0x26, 1, 0xaf})
	f.Add(uint8(bitstream.VP9), []byte{}, []byte{0x82, 0x49})
	f.Fuzz(func(t *testing.T, codec uint8, extra, packet []byte) {
		c := bitstream.NewClassifier(bitstream.Codec(codec%7), extra)
		for _, key := range []bool{true, false} {
			if p := c.Classify(packet, key); p.Layer > 7 && codec%7 == uint8(bitstream.H264) {
				t.Fatalf("a packet of H.264 has temporal layer %d", p.Layer)
			}
		}
		c.Configure(packet)
	})
}

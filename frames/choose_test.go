package frames_test

import (
	"bytes"
	"strings"
	"testing"

	"videoqa/frames"
)

// That the right stream is decoded, picture by picture, the goldens of these files tell.
func TestTheVideoIsTheStreamThatAPlayerShows(t *testing.T) {
	for _, tc := range []struct {
		file   string
		width  int
		frames int
	}{
		{"still-first.mp4", 96, 15},
		{"still-first.mkv", 96, 15},
		{"thumbnails-first.mkv", 96, 50},
		{"png-first.mov", 96, 15},
		{"second-is-default.mkv", 96, 15},
		{"smaller-is-default.mkv", 96, 15},
		{"larger-second.mkv", 128, 15},
		{"two-programs.ts", 128, 15},
	} {
		data := clip(t, tc.file)
		x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		if x.Width != tc.width || x.Frames() != tc.frames {
			t.Errorf("%s shows %d pictures %d wide; want %d, %d", tc.file, x.Frames(), x.Width, tc.frames, tc.width)
		}
	}
}

func TestAnEncryptedFileSaysSo(t *testing.T) {
	for _, tc := range []struct {
		name, entry string
		encrypted   bool
	}{
		{"Common Encryption", "encv", true},
		{"FairPlay", "drmi", true},
		{"an unknown codec", "zzzz", false},
	} {
		data := bytes.Replace(clip(t, "cfr.mp4"), []byte("avc1\x00\x00\x00\x00\x00\x00\x00\x01"), []byte(tc.entry+"\x00\x00\x00\x00\x00\x00\x00\x01"), 1)
		_, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
		if err == nil || strings.Contains(err.Error(), "its video is encrypted") != tc.encrypted {
			t.Errorf("a file of %s: %v; want that it is encrypted: %v", tc.name, err, tc.encrypted)
		}
	}
}

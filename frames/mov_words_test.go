package frames_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"videoqa/frames"
	"videoqa/internal/fault"
)

// What FFmpeg calls invalid data, a lack of memory or not yet implemented is told in
// words, or read all the same.
func TestMP4FilesThatFFmpegMisunderstands(t *testing.T) {
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	track := jpegTrack(1, nil, box("stsc", words(0, 1, 1, 1, 1)), box("stsz", words(0, uint32(len(picture)), 1)), box("stco", words(0, 1, 16)))
	whole := movOf(picture, soundTrack(10, 10, 1), track)
	recording := recordingOf(picture, 1, 10, false, true)
	lists, err := io.ReadAll(io.NewSectionReader(recording, 0, recording.Size()))
	if err != nil {
		t.Fatal(err)
	}
	lists[bytes.Index(lists, []byte("sidx"))+4+24] |= 0x80
	secret := bytes.Replace(track, []byte("jpeg"), []byte("encv"), 1)
	binary.BigEndian.PutUint32(secret[bytes.Index(secret, []byte("mdhd"))+4:], 2<<24) // a version that FFmpeg does not know
	for _, tc := range []struct {
		name string
		data []byte
		says string
	}{
		{"cut off in a later track", whole[:len(whole)-len(track)/2], "its index (moov) is cut off"},
		{"encrypted, and in other ways unheard of", movOf(picture, secret), "is encrypted"},
		{"a lone track of sound", movOf(make([]byte, 100), soundTrack(10, 10, 1)), "none of them is video"},
		{"a list of lists of fragments", lists, ""},
	} {
		_, report, err := frames.Sample(t.Context(), bytes.NewReader(tc.data), int64(len(tc.data)), frames.Plan{Count: 1}, frames.Upload())
		if tc.says == "" && (err != nil || report.Frames != 10) {
			t.Errorf("%s: %d pictures, %v; want 10", tc.name, report.Frames, err)
		}
		if tc.says != "" && (!errors.Is(err, fault.BadVideo) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.says)
		}
	}
}

package frames_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"videoqa/frames"
)

// withAperture is a QuickTime file of a picture of 96 x 64 pixels, with a box clap of
// width, height and offsets, each a numerator and a denominator.
func withAperture(picture []byte, numbers ...int32) []byte {
	clap := new(bytes.Buffer)
	binary.Write(clap, binary.BigEndian, numbers)
	file := jpegTrack(1, nil, box("stsc", words(0, 1, 1, 1, 1)), box("stsz", words(0, uint32(len(picture)), 1)), box("stco", words(0, 1, 16)))
	entry := file[bytes.Index(file, []byte("stsd"))+12:] // after version, flags and count
	entry = entry[:binary.BigEndian.Uint32(entry)]
	with := box("jpeg", entry[8:], box("clap", clap.Bytes()))
	track := bytes.Replace(file, entry, with, 1)
	for _, kind := range []string{"trak", "mdia", "minf", "stbl", "stsd"} { // each is longer now
		at := track[bytes.Index(track, []byte(kind))-4:]
		binary.BigEndian.PutUint32(at, binary.BigEndian.Uint32(at)+uint32(clap.Len()+8))
	}
	return movOf(picture, track)
}

// A clean aperture that makes no sense is passed over, as in FFmpeg from 8.0 on; 7.1
// refuses the file.
func TestACleanApertureIsAppliedOrPassedOver(t *testing.T) {
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	for _, tc := range []struct {
		name          string
		numbers       []int32
		width, height int
	}{
		{"the middle", []int32{48, 1, 32, 1, 0, 1, 0, 1}, 48, 32},
		{"a corner", []int32{48, 1, 32, 1, -24, 1, -16, 1}, 48, 32},
		{"in fractions", []int32{96, 2, 320, 10, 48, 2, 0, 7}, 48, 32},
		{"all of it", []int32{96, 1, 64, 1, 0, 1, 0, 1}, 96, 64},
		{"no denominator of the width", []int32{48, 0, 32, 1, 0, 1, 0, 1}, 96, 64},
		{"no denominator of the height", []int32{48, 1, 32, 0, 0, 1, 0, 1}, 96, 64},
		{"no denominator of an offset", []int32{48, 1, 32, 1, 0, 0, 0, 1}, 96, 64},
		{"a denominator below 0", []int32{48, -1, 32, 1, 0, 1, 0, 1}, 96, 64},
		{"a width below 0", []int32{-48, 1, 32, 1, 0, 1, 0, 1}, 96, 64},
		{"wider than the picture", []int32{97, 1, 64, 1, 0, 1, 0, 1}, 96, 64},
		{"higher than the picture", []int32{96, 1, 1 << 20, 1, 0, 1, 0, 1}, 96, 64},
		{"beyond its right edge", []int32{48, 1, 32, 1, 25, 1, 0, 1}, 96, 64},
		{"beyond its upper edge", []int32{48, 1, 32, 1, 0, 1, -17, 1}, 96, 64},
		{"nothing at all", []int32{0, 0, 0, 0, 0, 0, 0, 0}, 96, 64},
		{"no pixel", []int32{0, 1, 32, 1, 0, 1, 0, 1}, 96, 64},
	} {
		data := withAperture(picture, tc.numbers...)
		pics, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1}, frames.Upload())
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		} else if p := pics[0]; p.Width != tc.width || p.Height != tc.height {
			t.Errorf("%s: %d x %d pixels, want %d x %d", tc.name, p.Width, p.Height, tc.width, tc.height)
		}
	}
}

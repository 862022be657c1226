package bitstream_test

import (
	"testing"

	"videoqa/frames/bitstream"
)

// A program stream says nothing of its codec, and one that begins in the middle begins
// with slices of MPEG-1 or MPEG-2, of which there are up to 175 in a picture.
func TestTheCodecOfAProgramStreamIsToldByItsStartCodes(t *testing.T) {
	codes := func(codes ...byte) (out []byte) {
		for _, c := range codes {
			out = append(out, 0, 0, 1, c, 1, 0xff)
		}
		return out
	}
	slices := func(from, to int) (out []byte) {
		for c := from; c <= to; c++ {
			out = append(out, codes(byte(c), 0xe0)...) // each in a packet of its own
		}
		return out
	}
	for _, tc := range []struct {
		name string
		head []byte
		want bitstream.Codec
	}{
		{"MPEG-2 from its head on", codes(0xba, 0xe0, 0xb3, 0xb5, 0xb8, 0, 1), bitstream.MPEG2},
		{"MPEG-1 from its head on", codes(0xba, 0xe0, 0xb3, 0xb8, 0, 1), bitstream.MPEG1},
		{"MPEG-2 from its second slice on", append(slices(2, 68), codes(0, 1)...), bitstream.MPEG2},
		{"MPEG-1 from its second slice on", append(slices(2, 68), codes(0xb3, 0xb8, 0, 1)...), bitstream.MPEG1},
		{"MPEG-2 of which the seventh slice comes first", append(slices(7, 8), codes(0, 1)...), bitstream.MPEG2},
		{"H.264", codes(0xba, 0xe0, 9, 0x67, 0x68, 6, 0x65), bitstream.H264},
		{"H.264 from the middle on", codes(0xe0, 1, 0x41, 1, 9, 0x27, 0x28, 0x25), bitstream.H264},
		{"HEVC", codes(0xba, 0xe0, 0x46, 0x40, 0x42, 0x44), bitstream.HEVC},
	} {
		if got := bitstream.ProgramCodec(tc.head); got != tc.want {
			t.Errorf("%s: codec %d, want %d", tc.name, got, tc.want)
		}
	}
}

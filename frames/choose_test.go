package frames_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"videoqa/frames"
	"videoqa/internal/fault"
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
		if x.CodedWidth() != tc.width || x.Frames() != tc.frames {
			t.Errorf("%s shows %d pictures %d wide; want %d, %d", tc.file, x.Frames(), x.CodedWidth(), tc.frames, tc.width)
		}
	}
}

// A file whose default video has no packets, because a recorder was stopped, shows
// the one picture of its other.
func TestAStreamWithoutPicturesIsNotTheVideo(t *testing.T) {
	track := func(number byte, standard ...[]byte) []byte {
		return element(0xae, append([][]byte{element(0xd7, []byte{number}), element(0x73c5, []byte{number}), element(0x83, []byte{1}), element(0x86, []byte("V_MJPEG")), element(0x22b59c, []byte("und")),
			element(0xe0, element(0xb0, []byte{96}), element(0xba, []byte{64}))}, standard...)...)
	}
	head := element(0x1a45dfa3, element(0x42f7, []byte{1}), element(0x4282, []byte("matroska")), element(0x4287, []byte{4}), element(0x4285, []byte{2}))
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	data := append(head, element(0x18538067, element(0x1549a966, element(0x2ad7b1, []byte{0x0f, 0x42, 0x40})),
		element(0x1654ae6b, track(1, element(0x88, []byte{0})), track(2, element(0x88, []byte{1}))),
		element(0x1f43b675, element(0xe7, []byte{0}), element(0xa3, []byte{0x81, 0, 0, 0x80}, picture)))...)
	x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
	if err != nil || x.Frames() != 1 {
		t.Fatalf("%v; want its one picture", err)
	}
}

// mapped is a transport stream whose program map says that its streams are of a
// type, and scrambled one whose packets of a stream are marked as that.
func mapped(ts []byte, from, to byte) []byte {
	return bytes.Replace(ts, []byte{from, 0xe1, 0x00, 0xf0}, []byte{to, 0xe1, 0x00, 0xf0}, 1)
}

func scrambled(ts []byte, stream int) []byte {
	out := slices.Clone(ts)
	for p := range slices.Chunk(out, 188) {
		if int(p[1]&0x1f)<<8|int(p[2]) == stream {
			p[3] |= 0x80
		}
	}
	return out
}

func described(mp4 []byte, as string) []byte {
	return bytes.Replace(mp4, []byte("avc1\x00\x00\x00\x00\x00\x00\x00\x01"), []byte(as+"\x00\x00\x00\x00\x00\x00\x00\x01"), 1)
}

func TestAnEncryptedFileSaysSo(t *testing.T) {
	mp4, h264, mpeg2 := clip(t, "cfr.mp4"), clip(t, "open-gop-h264.ts"), clip(t, "mpeg2-interlaced.ts")
	for _, tc := range []struct {
		name      string
		data      []byte
		encrypted bool
	}{
		{"MP4, Common Encryption", described(mp4, "encv"), true},
		{"MP4, FairPlay", described(mp4, "drmi"), true},
		{"MP4, an unknown codec", described(mp4, "zzzz"), false},
		{"Matroska", clip(t, "bad/encrypted.mkv"), true},
		{"MPEG-TS, SAMPLE-AES", mapped(h264, 0x1b, 0xdb), true},
		{"MPEG-TS, scrambled", scrambled(h264, 0x100), true},
		{"MPEG-TS of MPEG-2, scrambled", scrambled(mpeg2, 0x100), true},
		{"MPEG-TS, another stream scrambled", scrambled(h264, 0x101), false},
	} {
		_, err := frames.Open(t.Context(), bytes.NewReader(tc.data), int64(len(tc.data)), frames.Upload())
		if says := err != nil && errors.Is(err, fault.BadVideo) && strings.Contains(err.Error(), "its video is encrypted"); says != tc.encrypted {
			t.Errorf("%s: %v; want that it is encrypted: %v", tc.name, err, tc.encrypted)
		}
	}
}

func TestACodecThatIsNotBuiltInIsNamed(t *testing.T) {
	avi, mp4 := clip(t, "mjpeg.avi"), clip(t, "cfr.mp4")
	for _, tc := range []struct{ tag, says string }{
		{"H263", "h263 (H.263"},
		{"FLV1", "flv1 ("},
		{"WMV2", "wmv2 (Windows Media Video 8)"},
		{"DIV3", "msmpeg4v3 ("},
		{"HFYU", "huffyuv ("},
		{"zqzq", `the codec "zqzq"`},
	} {
		data := bytes.ReplaceAll(avi, []byte("MJPG"), []byte(tc.tag))
		checkNamed(t, "AVI, "+tc.tag, data, tc.says)
	}
	for _, tc := range []struct{ tag, says string }{{"s263", "h263 (H.263"}, {"apcn", "prores ("}, {"png ", "png ("}, {"zqzq", `the codec "zqzq"`}} {
		checkNamed(t, "MP4, "+tc.tag, described(mp4, tc.tag), tc.says)
	}
	checkNamed(t, "Matroska", bytes.Replace(clip(t, "hevc.mkv"), []byte("V_MPEGH/ISO/HEVC"), []byte("V_MPEGX/ISO/VVCC"), 1), "the codec V_MPEGX/ISO/VVCC")
}

func checkNamed(t *testing.T, name string, data []byte, says string) {
	t.Helper()
	_, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
	if !errors.Is(err, fault.BadVideo) || !strings.Contains(err.Error(), "its video is") || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "not built in") {
		t.Errorf("%s: %v; want that its video is %s, which is not built in", name, err, says)
	}
}

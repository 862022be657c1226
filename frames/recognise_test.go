package frames_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"videoqa/frames"
	"videoqa/internal/fault"
)

// randomBytes are what no container looks like.
func randomBytes(n int) []byte {
	out := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// dressed is a transport stream with bytes before and behind each of its packets.
func dressed(ts []byte, before, behind int) (out []byte) {
	for p := range slices.Chunk(ts, 188) {
		out = slices.Concat(out, make([]byte, before), p, bytes.Repeat([]byte{0xff}, behind))
	}
	return out
}

// boxed is an MP4 box, of the long form if asked for.
func boxed(kind string, body []byte, long bool) []byte {
	if long {
		return slices.Concat([]byte{0, 0, 0, 1}, []byte(kind), binary.BigEndian.AppendUint64(nil, uint64(16+len(body))), body)
	}
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), []byte(kind), body)
}

func TestAContainerIsFoundWhereverItBegins(t *testing.T) {
	ts, ps, ps1, mp4 := clip(t, "hevc.ts"), clip(t, "mpeg2.mpg"), clip(t, "mpeg1.mpg"), clip(t, "fragmented.mp4")
	zeros := make([]byte, 300_000)
	afterPack := bytes.Index(ps, []byte{0, 0, 1, 0xe0})
	type file struct {
		name, like string
		data       []byte
	}
	files := []file{
		{"zeros before MPEG-TS", "hevc.ts", slices.Concat(zeros, ts)},
		{"noise before MPEG-TS", "hevc.ts", slices.Concat(randomBytes(1000), ts)},
		{"a recorder's header before MPEG-TS", "hevc.ts", slices.Concat([]byte("DVR2\x00\x01GGG"), bytes.Repeat([]byte{0x47}, 900), randomBytes(50_000), ts)},
		{"a reply's words before MPEG-TS", "hevc.ts", slices.Concat(bytes.Repeat([]byte("X-Served-By: camera\r\n"), 40), ts)},
		{"the end of a packet before MPEG-TS", "hevc.ts", slices.Concat(ts[100:188], ts)},
		{"MPEG-TS of 192 bytes", "hevc.ts", dressed(ts, 4, 0)},
		{"MPEG-TS of 204 bytes", "hevc.ts", dressed(ts, 0, 16)},
		{"noise before MPEG-TS of 192 bytes", "hevc.ts", slices.Concat(randomBytes(777), dressed(ts, 4, 0))},
		{"noise before MPEG-TS of 204 bytes", "hevc.ts", slices.Concat(randomBytes(777), dressed(ts, 0, 16))},
		{"zeros before MPEG-PS", "mpeg2.mpg", slices.Concat(zeros[:17], ps)},
		{"many zeros before MPEG-PS", "mpeg2.mpg", slices.Concat(zeros, ps)},
		{"noise before MPEG-PS", "mpeg2.mpg", slices.Concat(randomBytes(1000), ps)},
		{"Hikvision's header before MPEG-PS", "mpeg2.mpg", slices.Concat([]byte("IMKH"), zeros[:36], ps)},
		{"the end of a pack before MPEG-PS of MPEG-1", "mpeg1.mpg", slices.Concat(randomBytes(500), ps1)},
		{"MPEG-PS that begins with a packet", "mpeg2.mpg", ps[afterPack:]},
		{"MPEG-PS that begins with padding", "mpeg2.mpg", slices.Concat([]byte{0, 0, 1, 0xbe, 0, 4, 255, 255, 255, 255}, ps)},
	}
	for _, kind := range []string{"emsg", "meta", "free", "skip", "wide", "uuid", "styp", "sidx", "pdin", "udta", "junk", "prfl", "prft", "bloc"} {
		files = append(files,
			file{"MP4 that begins with " + kind, "fragmented.mp4", slices.Concat(boxed(kind, zeros[:40], false), mp4)},
			file{"MP4 that begins with a long " + kind, "fragmented.mp4", slices.Concat(boxed(kind, zeros[:40_000], true), mp4)})
	}
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			s := sums{of: map[int]string{}}
			want := goldens(t)[f.like]
			for _, keep := range []bool{true, false} {
				_, _, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(f.data), int64(len(f.data)), frames.Plan{Count: 1000}, frames.Upload(), keep, s.see)
				if err != nil {
					t.Fatal(err)
				}
				if x.Frames() != len(want.Frames) {
					t.Fatalf("%d pictures; want %d", x.Frames(), len(want.Frames))
				}
				for k, f := range want.Frames {
					if s.of[k] != f.sum {
						t.Errorf("picture %d has planes %s; want %s", k, s.of[k], f.sum)
					}
				}
			}
		})
	}
}

func TestWhatIsNoVideoIsStillRefusedByName(t *testing.T) {
	for _, tc := range []struct {
		name, says string
		data       []byte
	}{
		{"zeros", "of no known kind", make([]byte, 100_000)},
		{"noise", "of no known kind", randomBytes(2_000_000)},
		{"text", "it is text", []byte(strings.Repeat("Good morning, this is what I wrote.\n", 5000))},
		{"letters at the distance of packets", "it is text", bytes.Repeat([]byte("G"), 50_000)},
		{"a Git LFS pointer", "it is a Git LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4cac19622fc3ada9c0fdeadb33f88f367b541f38b89102a3f1261ac81fd5bcb5\nsize 84977953\n")},
		{"TIFF", "a TIFF picture", slices.Concat([]byte("II*\x00\x08\x00\x00\x00"), randomBytes(1000))},
		{"TIFF, the other way round", "a TIFF picture", slices.Concat([]byte("MM\x00*\x00\x00\x00\x08"), randomBytes(1000))},
		{"JPEG 2000", "a picture in JPEG 2000", slices.Concat(boxed("jP  ", []byte("\r\n\x87\n"), false), boxed("ftyp", []byte("jp2 \x00\x00\x00\x00jp2 "), false), randomBytes(1000))},
		{"HEIF behind another box", "HEIF (heic)", slices.Concat(boxed("free", make([]byte, 8), false), boxed("ftyp", []byte("heic\x00\x00\x00\x00heic"), false), randomBytes(1000))},
		{"bare H.264", "bare H.264", slices.Concat([]byte{0, 0, 0, 1, 0x67, 0x64, 0, 0x1e}, randomBytes(1000))},
		{"bare MPEG-2", "bare MPEG-1 or MPEG-2", slices.Concat([]byte{0, 0, 1, 0xb3, 0x12, 0x01, 0x20}, randomBytes(1000))},
		{"Windows Media", "Windows Media", slices.Concat([]byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11"), randomBytes(1000))},
		{"WAV", "WAV", slices.Concat([]byte("RIFF\x00\x01\x00\x00WAVEfmt "), randomBytes(1000))},
	} {
		_, err := frames.Open(t.Context(), bytes.NewReader(tc.data), int64(len(tc.data)), frames.Upload())
		if !errors.Is(err, fault.BadVideo) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v; want a bad video, saying %q", tc.name, err, tc.says)
		}
	}
}

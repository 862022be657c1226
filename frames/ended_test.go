package frames_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"videoqa/frames"
)

// A tail is a file, and behind it a block over and over. Once a byte behind the file is
// read it calls end, and then counts what is read on.
type tail struct {
	file, block []byte
	size        int64
	end         func()
	ended       bool
	reads       int
}

func (r *tail) ReadAt(b []byte, off int64) (n int, err error) {
	if r.ended {
		r.reads++
	}
	for n < len(b) && off < r.size {
		from := r.block[max(0, off-int64(len(r.file)))%int64(len(r.block)):]
		if off < int64(len(r.file)) {
			from = r.file[off:]
		} else if !r.ended {
			r.ended = true
			r.end()
		}
		k := copy(b[n:], from[:min(int64(len(from)), r.size-off)])
		n, off = n+k, off+int64(k)
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// FFmpeg may read gigabytes in one call, in search of the next packet of the video.
// A caller that gives up need not wait for that, whatever it is that reads.
func TestNothingIsReadOnOnceItIsGivenUp(t *testing.T) {
	null := append([]byte{0x47, 0x1f, 0xff, 0x10}, bytes.Repeat([]byte{0xff}, 184)...)
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	day := recordingOf(picture, 1, 100, false, false)
	for _, tc := range []struct {
		name        string
		file, block []byte
	}{
		{"a transport stream of nothing else", clip(t, "open-gop-h264.ts"), null},
		{"a Matroska, damaged", matroska(nil, picture, nil), make([]byte, 4096)},
		{"a program stream of padding", clip(t, "mpeg2.mpg"), slices.Concat([]byte{0, 0, 1, 0xbe, 0x07, 0xfa}, bytes.Repeat([]byte{0xff}, 0x7fa))},
		{"fragments, which are looked through first", day.head, day.fragment},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		given := errors.New("given up")
		r := &tail{file: tc.file, block: tc.block, size: 64 << 20, end: func() { cancel(given) }}
		_, _, err := frames.Sample(ctx, r, r.size, frames.Plan{Count: 6}, frames.Footage())
		if !errors.Is(err, given) {
			t.Errorf("%s: %v, want %v", tc.name, err, given)
		}
		if r.reads > 2 {
			t.Errorf("%s: it is read %d times more", tc.name, r.reads)
		}
		cancel(nil)
	}
}

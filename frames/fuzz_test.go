package frames_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/internal/fault"
	"videoqa/internal/native"
)

// seed adds the small clips of the corpus and all hopeless files.
func seed(f *testing.F, add func(data []byte)) {
	f.Helper()
	bad, err := filepath.Glob(filepath.Join(clips, "bad", "*"))
	if err != nil || len(bad) < 10 {
		f.Fatalf("found %d bad files, %v", len(bad), err)
	}
	paths := bad
	for _, name := range []string{
		"one-frame.mp4", "truncated.mp4", "av1.mp4", "fragmented.mp4", "flv.flv", "hevc.mkv", "vp9-hidden.webm",
		"no-timestamps.avi", "open-gop-h264.ts", "cut-start-hevc.ts", "mpeg4-b.mkv", "damaged-middle.mkv", "playlist-inside.avi", "mjpeg.avi", "mpeg1.mpg",
	} {
		paths = append(paths, filepath.Join(clips, name))
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(data)
	}
}

// tight keeps each input cheap.
func tight() frames.Limits {
	l := frames.Upload()
	l.Pixels, l.Packets, l.Threads = 512*512, 400, 1
	return l
}

// known reports whether a stranger's bytes may end so: one of two kinds, never an
// error of our own.
func known(err error) bool {
	return err == nil || errors.Is(err, fault.BadVideo) || errors.Is(err, fault.TooLarge)
}

func FuzzOpen(f *testing.F) {
	seed(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		before := native.Read().Handles
		x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), tight())
		if !known(err) {
			t.Fatalf("Open: %v, which is of no kind that a file can cause", err)
		}
		if err == nil && (x.Frames() < 1 || x.Duration() < 0) {
			t.Fatalf("Open: %d pictures in %v", x.Frames(), x.Duration())
		}
		if now := native.Read().Handles; now != before {
			t.Fatalf("%d handles before, %d after", before, now)
		}
	})
}

func FuzzSample(f *testing.F) {
	seed(f, func(data []byte) { f.Add(data, uint8(6), uint16(0), uint16(0)) })
	f.Fuzz(func(t *testing.T, data []byte, count uint8, from, to uint16) {
		plan := frames.Plan{Count: int(count%9) + 1, From: time.Duration(from) * time.Millisecond, To: time.Duration(to) * time.Millisecond}
		x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), tight())
		if err != nil {
			return
		}
		pics, _, err := x.Sample(context.Background(), bytes.NewReader(data), plan)
		if !known(err) && !errors.Is(err, fault.BadRequest) {
			t.Fatalf("Sample with %+v: %v, which is of no kind that a file can cause", plan, err)
		}
		if err == nil && (len(pics) < 1 || len(pics) > plan.Count) {
			t.Fatalf("Sample with %+v: %d pictures", plan, len(pics))
		}
		for i, p := range pics {
			if len(p.Pix) != 3*p.Width*p.Height || len(p.Pix) == 0 || i > 0 && p.PTS < pics[i-1].PTS {
				t.Fatalf("picture %d: %d x %d, %d bytes, at %v", i, p.Width, p.Height, len(p.Pix), p.PTS)
			}
		}
	})
}

// FuzzSampleTable holds what is sampled by a file's own table to what reading all of
// it gives.
func FuzzSampleTable(f *testing.F) {
	for _, name := range tablesTrusted {
		data, err := os.ReadFile(filepath.Join(clips, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(6))
	}
	f.Fuzz(func(t *testing.T, data []byte, count uint8) {
		plan := frames.Plan{Count: int(count%9) + 1}
		got, _, err := frames.SampleTrusting(t.Context(), bytes.NewReader(data), int64(len(data)), plan, tight(), true)
		want, _, wantErr := frames.SampleTrusting(t.Context(), bytes.NewReader(data), int64(len(data)), plan, tight(), false)
		if !known(err) || (err == nil) != (wantErr == nil) || !samePictures(got, want) {
			t.Fatalf("%d pictures, %v; of the whole file %d, %v", len(got), err, len(want), wantErr)
		}
	})
}

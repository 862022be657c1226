package frames_test

import (
	"bytes"
	"io"
	"testing"

	"videoqa/frames"
	"videoqa/internal/native"
)

// BenchmarkSample takes six pictures of a clip, opening it each time, and of two
// hours of footage that were opened before.
func BenchmarkSample(b *testing.B) {
	for _, name := range []string{"cfr.mp4", "b-pyramid.mp4", "one-gop.mkv", "open-gop-hevc.mp4", "vp9-hidden.webm", "av1.mp4", "mpeg2.mpg", "no-timestamps.avi"} {
		b.Run(name, func(b *testing.B) {
			data := clip(b, name)
			b.ReportAllocs()
			measure(b, func() ([]frames.Picture, frames.Report, error) {
				return frames.Sample(b.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 6}, frames.Upload())
			})
		})
	}
	b.Run("two hours, indexed", func(b *testing.B) {
		f := newFootage(b, "cfr.mp4", 2*3600*25, 12000)
		x, err := frames.Open(b.Context(), f, f.Size(), frames.Footage())
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		measure(b, func() ([]frames.Picture, frames.Report, error) {
			return x.Sample(b.Context(), f, frames.Plan{Count: 6})
		})
	})
}

func measure(b *testing.B, sample func() ([]frames.Picture, frames.Report, error)) {
	b.Helper()
	pictures, decoded := 0, 0
	for b.Loop() {
		pics, report, err := sample()
		if err != nil {
			b.Fatal(err)
		}
		pictures, decoded = pictures+len(pics), decoded+report.Decoded
	}
	b.ReportMetric(float64(pictures)/b.Elapsed().Seconds(), "frames/s")
	b.ReportMetric(float64(decoded)/float64(pictures), "decoded/frame")
	b.ReportMetric(float64(native.Read().HeapBytes), "C-bytes")
}

// BenchmarkOpen indexes two hours and 2 GB of footage.
func BenchmarkOpen(b *testing.B) {
	f := newFootage(b, "cfr.mp4", 2*3600*25, 12000)
	b.SetBytes(f.Size())
	for b.Loop() {
		if _, err := frames.Open(b.Context(), io.ReaderAt(f), f.Size(), frames.Footage()); err != nil {
			b.Fatal(err)
		}
	}
}

package answers_test

import (
	"context"
	"os"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/ingest"
)

// BenchmarkSixteenColdQuestions asks sixteen at once about a clip that was never seen.
func BenchmarkSixteenColdQuestions(b *testing.B) {
	m, sub := benchModel(b), benchSubject(b)
	questions := benchQuestions(16)
	ask(b, service(b, answers.Config{Model: m, MaxTokens: benchTokens}), sub, questions...) // builds the graphs
	var cost stages
	for b.Loop() {
		cost.time(b, func() []ingest.Answer {
			return ask(b, service(b, answers.Config{Model: m, MaxTokens: benchTokens}), sub, questions...)
		})
	}
	cost.report(b)
}

// windowed asks about the window that begins so many steps after the clip does, whose
// frames are a step apart.
func windowed(b *testing.B, s *answers.Service, sub answers.Subject, steps int) ingest.Answer {
	const step = 512 * time.Millisecond // of the grid, for six frames of three seconds
	b.Helper()
	open := func(context.Context) (answers.Media, error) {
		return answers.Media{Reader: sub.Reader, Size: sub.Size, Digest: sub.Digest, Limits: sub.Limits}, nil
	}
	f := answers.Footage{Camera: "dock-3", From: ten.Add(time.Duration(steps) * step), To: ten.Add(time.Duration(steps)*step + 6*step), Clips: []answers.FootageClip{{ID: "c-1", Start: ten, End: ten.Add(10 * time.Second), Open: open}}}
	results, err := s.Ask(b.Context(), f, []ingest.Question{{ID: "q-1", Text: benchQuestions(1)[0].Text, Camera: "dock-3"}})
	if err != nil || results[0].Err != nil {
		b.Fatal(err, results)
	}
	return results[0].Answer
}

// BenchmarkWindows asks about a window of a camera's time of which nothing is known,
// and about one of which all frames but the last are.
func BenchmarkWindows(b *testing.B) {
	m, sub := benchModel(b), benchSubject(b)
	if os.Getenv("VIDEOQA_BENCH_CLIP") == "" {
		sub = subject(b, "world/demo/meadow.mp4") // which is long enough
	}
	for before, name := range []string{"Cold", "MovedByOne"} {
		b.Run(name, func(b *testing.B) {
			first := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
			for i := range before + 1 { // opens the graphs: a moved window's is of one frame
				windowed(b, first, sub, i)
			}
			var cost stages
			misses := 0
			for b.Loop() {
				b.StopTimer()
				s := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
				for i := range before {
					windowed(b, s, sub, i)
				}
				b.StartTimer()
				cost.time(b, func() []ingest.Answer {
					a := windowed(b, s, sub, before)
					misses += a.Cache.FramesMiss
					return []ingest.Answer{a}
				})
			}
			cost.report(b)
			b.ReportMetric(float64(misses)/float64(b.N), "frames-encoded")
		})
	}
}

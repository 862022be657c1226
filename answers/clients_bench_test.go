package answers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/ingest"
)

// benchSubjects are the clips of the folder that VIDEOQA_BENCH_CLIPS names, or the
// corpus: many different ones.
func benchSubjects(b *testing.B) (subjects []answers.Subject) {
	folder := os.Getenv("VIDEOQA_BENCH_CLIPS")
	if folder == "" {
		folder = "../testdata/clips"
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".json") || strings.HasSuffix(path, ".py") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		subjects = append(subjects, subjectOf(data))
	}
	return subjects
}

// BenchmarkClients has so many clients ask, each one question at a time about the
// next clip that nobody asked about before: 8, 16 and 64 clips.
func BenchmarkClients(b *testing.B) {
	m, subjects := benchModel(b), benchSubjects(b)
	question := benchQuestions(1)[0]
	open := subjects[:min(4, len(subjects))] // builds and opens the graphs, those of batches too
	askAll(b, service(b, answers.Config{Model: m, MaxTokens: benchTokens}), open, len(open), question)
	for _, with := range []struct{ clients, clips int }{{1, 8}, {8, 16}, {64, 64}} {
		b.Run(fmt.Sprint(with.clients), func(b *testing.B) {
			subjects := subjects[:min(with.clips, len(subjects))]
			var waits []time.Duration
			var took time.Duration
			for b.Loop() {
				s := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
				began := time.Now()
				waits = append(waits, askAll(b, s, subjects, with.clients, question)...)
				took += time.Since(began)
			}
			slices.Sort(waits)
			b.ReportMetric(float64(len(waits))/took.Seconds(), "clips/s")
			b.ReportMetric(waits[len(waits)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(waits[len(waits)*99/100].Seconds()*1000, "p99-ms")
		})
	}
}

// askAll has clients ask about the subjects, and returns how long each waited.
func askAll(b *testing.B, s *answers.Service, subjects []answers.Subject, clients int, q ingest.Question) []time.Duration {
	todo := make(chan int, len(subjects))
	for i := range subjects {
		todo <- i
	}
	close(todo)
	waits := make([]time.Duration, len(subjects))
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			for i := range todo {
				began := time.Now()
				if _, err := s.Ask(b.Context(), subjects[i], []ingest.Question{q}); err != nil {
					b.Error(err)
				}
				waits[i] = time.Since(began)
			}
		})
	}
	asking.Wait()
	return waits
}

// BenchmarkWarmBesideCold asks again and again about a clip that is known, while 32
// clients of another camera ask about as many clips that are not.
func BenchmarkWarmBesideCold(b *testing.B) {
	m, subjects := benchModel(b), benchSubjects(b)
	question := benchQuestions(1)[0]
	subjects = subjects[:min(33, len(subjects))]
	known := subjects[0]
	known.Camera = "quiet"
	for i := range subjects {
		subjects[i].Camera = "flood"
	}
	var waits []time.Duration
	for b.Loop() {
		s := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
		ask(b, s, known, question)
		flood := make(chan struct{})
		go func() {
			defer close(flood)
			askAll(b, s, subjects[1:], 32, question)
		}()
		for over := false; !over; {
			began := time.Now()
			ask(b, s, known, question)
			waits = append(waits, time.Since(began))
			select {
			case <-flood:
				over = true
			default:
			}
		}
	}
	slices.Sort(waits)
	b.ReportMetric(waits[len(waits)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(waits[len(waits)*99/100].Seconds()*1000, "p99-ms")
}

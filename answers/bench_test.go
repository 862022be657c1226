package answers_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
)

// The benchmarks ask the demonstration model about a small clip, or the
// checkpoint and the clip that VIDEOQA_BENCH_MODEL and VIDEOQA_BENCH_CLIP name,
// with VIDEOQA_THREADS cores in VIDEOQA_PRECISION: testdata/bench/bench.py does that
// beside transformers.
func benchModel(b *testing.B) models.Model {
	dir := os.Getenv("VIDEOQA_BENCH_MODEL")
	threads, _ := strconv.Atoi(os.Getenv("VIDEOQA_THREADS"))
	precision := vlm.Precision(os.Getenv("VIDEOQA_PRECISION"))
	if dir == "" {
		return openDemo(b, models.Config{Threads: threads, Precision: precision})
	}
	c, err := checkpoint.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	c.CacheDir = dir
	m, err := models.Open(b.Context(), c, models.Config{CacheDir: dir, Library: library(b), Threads: threads, Precision: precision})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(m.Close(), c.Close()); err != nil {
			b.Error(err)
		}
	})
	return m
}

func benchSubject(b *testing.B) answers.Subject {
	path := os.Getenv("VIDEOQA_BENCH_CLIP")
	if path == "" {
		return subject(b, "clips/cfr.mp4")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return subjectOf(data)
}

// stages adds up what the answers cost and reports it for one question.
type stages struct {
	decode, encode, prefix, generate float64
	least                            time.Duration // of a round; others on the machine only add to it
}

// time does one round. The checkpoints of bench.py never end an answer, so that each has
// all of its tokens.
func (s *stages) time(b *testing.B, round func() []ingest.Answer) {
	began := time.Now()
	given := round()
	if took := time.Since(began); s.least == 0 || took < s.least {
		s.least = took
	}
	for _, a := range given {
		if os.Getenv("VIDEOQA_BENCH_MODEL") != "" && !slices.Contains(a.Sampling.Notes, ingest.Cut) {
			b.Fatalf("%q has fewer than %d tokens", a.Text, benchTokens)
		}
	}
	c := given[0].Cost
	s.decode, s.encode, s.prefix, s.generate = s.decode+c.DecodeMS, s.encode+c.EncodeMS, s.prefix+c.PrefixMS, s.generate+c.GenerateMS
}

func (s *stages) report(b *testing.B) {
	n := float64(b.N)
	b.ReportMetric(s.decode/n, "decode-ms")
	b.ReportMetric(s.encode/n, "encode-ms")
	b.ReportMetric(s.prefix/n, "prefix-ms")
	b.ReportMetric(s.generate/n, "generate-ms")
	b.ReportMetric(float64(s.least.Microseconds())/1e3, "least-ms")
}

const benchTokens = 4

// benchQuestions are n different questions, at most 16, of ten tokens each, without
// the one that ends an answer.
func benchQuestions(n int) []ingest.Question {
	things := strings.Fields("train boat bus dog cat bird horse ball truck car plane bike sheep cow ship kite")
	questions := make([]ingest.Question, n)
	for i := range questions {
		questions[i] = ingest.Question{Text: "which way does the red " + things[i] + " move now?"}
	}
	return questions
}

// BenchmarkColdQuestion asks about a clip that was never seen: encoded bytes in
// memory to the answer's text.
func BenchmarkColdQuestion(b *testing.B) {
	m, sub := benchModel(b), benchSubject(b)
	question := benchQuestions(1)
	ask(b, service(b, answers.Config{Model: m, MaxTokens: benchTokens}), sub, question...) // builds the graphs
	var cost stages
	for b.Loop() {
		cost.time(b, func() []ingest.Answer {
			return ask(b, service(b, answers.Config{Model: m, MaxTokens: benchTokens}), sub, question...)
		})
	}
	cost.report(b)
}

// BenchmarkWarmQuestion asks another question about a clip asked about before.
func BenchmarkWarmQuestion(b *testing.B) {
	m, sub := benchModel(b), benchSubject(b)
	s := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
	ask(b, s, sub, ingest.Question{Text: "what is this?"})
	var cost stages
	for b.Loop() {
		cost.time(b, func() []ingest.Answer { return ask(b, s, sub, benchQuestions(1)...) })
	}
	cost.report(b)
}

// BenchmarkSixteenQuestions asks sixteen at once about a clip asked about before.
func BenchmarkSixteenQuestions(b *testing.B) {
	m, sub := benchModel(b), benchSubject(b)
	s := service(b, answers.Config{Model: m, MaxTokens: benchTokens})
	questions := benchQuestions(16)
	ask(b, s, sub, questions[0])
	var cost stages
	for b.Loop() {
		cost.time(b, func() []ingest.Answer { return ask(b, s, sub, questions...) })
	}
	cost.report(b)
}

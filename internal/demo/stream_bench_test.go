package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/modelflags"
	"videoqa/internal/serve"
)

// The benchmarks of the stream run on the embedded broker and on SQLite, or beside
// the servers that VIDEOQA_TEST_KAFKA and VIDEOQA_TEST_POSTGRES name, which have to
// be new. They ask the demonstration model, or the checkpoint that
// VIDEOQA_BENCH_MODEL names: make stream-cost does both.

const (
	benchCameras = 8
	benchEach    = 4 // questions about a clip
	benchSlots   = 3
)

// A load is the clips of the corpus, and questions about each.
type load struct {
	scenes  []scene
	fetcher *media.Fetcher
}

// newLoad takes at most n clips of the corpus. In each round their ids and their
// questions' are new.
func newLoad(b *testing.B, n, round int) load {
	b.Helper()
	paths, err := filepath.Glob(filepath.Join(corpus(b), "*.*"))
	if err != nil {
		b.Fatal(err)
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return slices.Contains([]string{".json", ".py"}, filepath.Ext(path)) })
	fetcher, err := media.New(media.Config{Roots: []string{corpus(b)}, SpoolDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { fetcher.Close() })
	l := load{fetcher: fetcher}
	for i := range n {
		id, path := fmt.Sprintf("%d-%d", round, i), paths[i%len(paths)]
		s := scene{Camera: fmt.Sprintf("camera-%d", i%benchCameras), clip: ingest.Clip{ID: id, URI: "file://" + path}}
		s.clip.Camera = s.Camera
		for k, text := range []string{"what is it?", "which way does the train move?", "where is it?", "is there a dog?"}[:benchEach] {
			s.Questions = append(s.Questions, ingest.Question{ID: fmt.Sprintf("%s-%d", id, k), ClipID: id, Camera: s.Camera, Text: text})
		}
		l.scenes = append(l.scenes, s)
	}
	return l
}

// corpus is the folder of the clips.
func corpus(b *testing.B) string {
	folder, err := filepath.Abs("../../testdata/clips")
	if err != nil {
		b.Fatal(err)
	}
	return folder
}

// directly has every clip's questions asked of a, by as many goroutines as a worker
// has slots, and returns how long that took.
func (l load) directly(b *testing.B, a worker.Asker) time.Duration {
	scenes := make(chan scene, len(l.scenes))
	for _, s := range l.scenes {
		scenes <- s
	}
	close(scenes)
	var asking sync.WaitGroup
	began := time.Now()
	for range benchSlots {
		asking.Go(func() {
			for s := range scenes {
				if err := l.askOne(b.Context(), a, s); err != nil {
					b.Error(err)
				}
			}
		})
	}
	asking.Wait()
	return time.Since(began)
}

func (l load) askOne(ctx context.Context, a worker.Asker, s scene) error {
	file, err := l.fetcher.Open(ctx, s.clip.URI, "")
	if err != nil {
		return err
	}
	defer file.Close()
	subject := answers.Subject{ClipID: s.clip.ID, Camera: s.clip.Camera, Reader: file, Size: file.Size(), Digest: file.Digest(), Unchanged: file.Unchanged}
	subject.Limits.Pixels, subject.Limits.Streams, subject.Limits.Packets = 8192*4320, 64, 1<<27 // as footage's
	results, err := a.Ask(ctx, subject, s.Questions)
	for _, r := range results {
		err = cmp.Or(err, r.Err)
	}
	return err
}

// A rig is a stream that serves, and a client beside it.
type rig struct {
	client   *kafka.Client
	outcomes chan outcome
}

func newRig(b *testing.B, a worker.Asker) *rig {
	ready, log := make(chan []string, 1), slog.New(slog.DiscardHandler)
	s := serve.Stream{
		DataDir: b.TempDir(), Listen: "127.0.0.1:0", Store: os.Getenv("VIDEOQA_TEST_POSTGRES"),
		Kafka: kafka.Config{Group: "videoqa"}, Media: media.Config{Roots: []string{corpus(b)}}, Work: worker.Config{Ahead: -1, Slots: benchSlots},
		Topics: serve.TopicSettings{Partitions: 4, Retention: 24 * time.Hour}, Asker: a, Log: log, Ready: func(brokers []string, _ string) { ready <- brokers },
	}
	if at := os.Getenv("VIDEOQA_TEST_KAFKA"); at != "" {
		s.Kafka.Brokers = []string{at}
	}
	r := &rig{outcomes: make(chan outcome, 1000)}
	r.background(b, s.Run)
	select {
	case brokers := <-ready:
		var err error
		if r.client, err = kafka.New(kafka.Config{Brokers: brokers, Group: "bench", Grace: time.Second}); err != nil {
			b.Fatal(err)
		}
	case <-time.After(time.Minute):
		b.Fatal("the stream is not ready after a minute")
	}
	b.Cleanup(func() { r.client.Close() })
	r.background(b, func(ctx context.Context) error {
		return r.client.Consume(ctx, []string{ingest.TopicAnswers, ingest.TopicDeadLetters}, handOver(r.outcomes))
	})
	return r
}

// background runs do until the benchmark ends.
func (r *rig) background(b *testing.B, do func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- do(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
}

// through has the same questions asked by events, and returns the time from the
// first record to the last outcome. The clips are known before.
func (r *rig) through(b *testing.B, l load) time.Duration {
	var clips, questions []ingest.Message
	wanted := map[string]bool{}
	for _, s := range l.scenes {
		clips = append(clips, benchMessage(b, ingest.TopicClips, s.Camera, s.clip))
		for _, q := range s.Questions {
			questions, wanted[q.ID] = append(questions, benchMessage(b, ingest.TopicQuestions, s.Camera, q)), true
		}
	}
	if err := r.client.Publish(b.Context(), clips...); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := r.client.Publish(b.Context(), questions...); err != nil {
		b.Fatal(err)
	}
	for late := time.After(10 * time.Minute); len(wanted) > 0; {
		select {
		case o := <-r.outcomes:
			if o.dead != nil {
				b.Fatalf("%s is dead: %s", o.dead.QuestionID, o.dead.Reason)
			}
			delete(wanted, o.questionID())
		case <-late:
			b.Fatalf("%d questions have no outcome after ten minutes", len(wanted))
		}
	}
	return time.Since(began)
}

func benchMessage(b *testing.B, topic, key string, data any) ingest.Message {
	value, err := json.Marshal(data)
	if err != nil {
		b.Fatal(err)
	}
	return ingest.Message{Topic: topic, Key: []byte(key), Value: value}
}

// A forgetful asker can be made to know nothing of what it saw.
type forgetful struct {
	worker.Asker
	model answers.Model
}

func (f *forgetful) forget(b *testing.B) {
	service, err := answers.New(answers.Config{Model: f.model, MaxTokens: 4})
	if err != nil {
		b.Fatal(err)
	}
	f.Asker = service
}

// BenchmarkStreamBesideCalls has the same questions asked directly and through the
// stream, in turns, each time of a service that knows none of the clips.
func BenchmarkStreamBesideCalls(b *testing.B) {
	chosen := modelflags.Flags{Model: os.Getenv("VIDEOQA_BENCH_MODEL"), Running: modelflags.Running{Precision: "auto", Device: "cpu", Preprocess: "hub"}}
	m, err := chosen.Open(b.Context(), modelflags.Machine{Getenv: os.Getenv})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	clips := 48
	if m.Description().Name != modelflags.BuiltIn {
		clips = 8 // of half a second or so each
	}
	f := &forgetful{model: m.Model}
	f.forget(b)
	r := newRig(b, f)
	newLoad(b, clips, 999_998).directly(b, f)
	r.through(b, newLoad(b, clips, 999_999))
	var direct, streamed time.Duration
	round := 0
	for b.Loop() {
		f.forget(b)
		direct += newLoad(b, clips, 2*round).directly(b, f)
		f.forget(b)
		streamed += r.through(b, newLoad(b, clips, 2*round+1))
		round++
	}
	questions := float64(round * clips * benchEach)
	b.ReportMetric(questions/direct.Seconds(), "direct/s")
	b.ReportMetric(questions/streamed.Seconds(), "stream/s")
	b.ReportMetric(100*direct.Seconds()/streamed.Seconds(), "%")
}

// A nothing answers without looking.
type nothing struct{}

func (nothing) Ask(_ context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error) {
	s := about.(answers.Subject)
	results := make([]answers.Result, len(questions))
	for i, q := range questions {
		results[i].Answer = ingest.Answer{
			ID: "a-" + q.ID, QuestionID: q.ID, Question: q.Text, Kind: q.AsKind(), Text: "nothing", Evidence: []ingest.Evidence{},
			Clips: []ingest.SeenClip{{ID: s.ClipID, Digest: s.Digest}}, Sampling: ingest.Sampling{Policy: "uniform", Requested: 1, Frames: []ingest.SeenFrame{}, Notes: []ingest.Note{}},
			ProducedAt: ingest.NewTime(time.Now()),
		}
	}
	return results, nil
}

// BenchmarkStreamAlone is what the stream does by itself: questions are read, their
// clips fetched, and outcomes stored and published; the answerer does nothing.
func BenchmarkStreamAlone(b *testing.B) {
	r := newRig(b, nothing{})
	r.through(b, newLoad(b, 16, 999_999))
	const clips = 500
	var took time.Duration
	round := 0
	for b.Loop() {
		took += r.through(b, newLoad(b, clips, 1_000_000+round))
		round++
	}
	b.ReportMetric(float64(round*clips*benchEach)/took.Seconds(), "questions/s")
}

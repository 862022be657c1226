package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"videoqa/answers"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
)

const (
	topicPartitions = 4 // of topics that we create
	topicRetention  = 7 * 24 * time.Hour
)

// A stream is everything between the broker and the model, on one data folder.
type stream struct {
	DataDir string
	Brokers []string // none: the embedded broker
	Listen  string   // of the embedded broker
	Group   string
	Roots   []string // that file: URIs may name
	Asker   worker.Asker
	Log     *slog.Logger
	Ready   func(brokers []string) // told once the topics are there; nil: nobody
}

// run serves until ctx ends, and returns when all is put away.
func (s stream) run(ctx context.Context) (err error) {
	put := func(what string, close func() error) {
		if failed := close(); failed != nil {
			err = errors.Join(err, fmt.Errorf("cli: close %s: %w", what, failed))
		}
	}
	dir, err := openDataDir(s.DataDir)
	if err != nil {
		return err
	}
	defer put("the data folder", dir.Close)
	if len(s.Brokers) == 0 {
		b, err := broker.Open(broker.Config{Dir: dir.file("broker"), Listen: s.Listen, Log: s.Log})
		if err != nil {
			return fmt.Errorf("%w (--kafka-listen chooses another address, --kafka-brokers a broker of yours)", err)
		}
		defer b.Close()
		s.Brokers = []string{b.Addr()}
	}
	db, err := sqlite.Open(ctx, dir.file("store.db"))
	if err != nil {
		return err
	}
	defer put("the store", db.Close)
	fetcher, err := media.New(media.Config{Roots: s.Roots, SpoolDir: dir.file("spool")})
	if err != nil {
		return err
	}
	defer put("media", fetcher.Close)
	client, err := kafka.New(kafka.Config{Brokers: s.Brokers, Group: s.Group, Log: s.Log})
	if err != nil {
		return err
	}
	defer put("the Kafka client", client.Close)
	return s.work(ctx, client, worker.Config{
		Stream: client, Store: db, Media: fetcher, Asker: s.Asker, Group: s.Group, Log: s.Log,
	})
}

func (s stream) work(ctx context.Context, client *kafka.Client, cfg worker.Config) error {
	if err := client.Ensure(ctx, topics()); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before there was anything to do
		}
		return err
	}
	if s.Ready != nil {
		s.Ready(s.Brokers)
	}
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

func topics() (all []kafka.Topic) {
	for _, name := range []string{ingest.TopicClips, ingest.TopicQuestions, ingest.TopicAnswers, ingest.TopicDeadLetters} {
		all = append(all, kafka.Topic{Name: name, Partitions: topicPartitions, Retention: topicRetention})
	}
	return all
}

// An asker is the service as the stream's worker wants it. What lies under an
// allowed folder is footage, however long; what comes over the network has an
// upload's limits.
type asker struct{ service *answers.Service }

// Ask implements [worker.Asker].
func (a asker) Ask(ctx context.Context, s worker.Subject, questions []ingest.Question) ([]worker.Result, error) {
	limits := frames.Upload()
	if strings.HasPrefix(s.Clip.URI, "file:") {
		limits = frames.Footage()
	}
	results, err := a.service.Ask(ctx, answers.Subject{
		ClipID: s.Clip.ID, Camera: s.Clip.Camera, Start: s.Clip.Start,
		Reader: s.File, Size: s.File.Size(), Digest: s.File.Digest(), Limits: limits,
		From: s.From, To: s.To,
	}, questions)
	if err != nil {
		return nil, err
	}
	out := make([]worker.Result, len(results))
	for i, r := range results {
		out[i] = worker.Result{Answer: r.Answer, Err: r.Err}
	}
	return out, nil
}

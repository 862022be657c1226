// Package demo plays the event stream on a few clips, in a temporary folder: it starts a broker and the service, publishes
// clip and question events as a client would, and prints what comes back.
//
//	err := demo.Run(ctx, demo.Config{Files: clips.Files, Asker: asker, Log: log, Out: os.Stdout})
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/serve"
)

const patience = 2 * time.Minute // for one scene

// A Config says what is played.
type Config struct {
	Files fs.FS // demo.json and the clips that it names
	Asker worker.Asker
	Log   *slog.Logger
	Out   io.Writer
}

// Run plays every scene in a folder of its own and ends: a broker, the service, and a client that knows only the
// broker's address. It returns an error if a question got no answer.
func Run(ctx context.Context, d Config) (err error) {
	folder, err := os.MkdirTemp("", "videoqa-demo-*")
	if err != nil {
		return fmt.Errorf("demo: run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	clips := filepath.Join(folder, "clips")
	if err := os.Mkdir(clips, 0o700); err != nil {
		return fmt.Errorf("demo: run: %w", err)
	}
	scenes, err := readScript(d.Files, clips)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready, served := make(chan []string, 1), make(chan error, 1)
	go func() {
		err := serve.Stream{
			DataDir: filepath.Join(folder, "data"), Listen: "127.0.0.1:0", Kafka: kafka.Config{Group: "videoqa"}, Media: media.Config{Roots: []string{clips}},
			Work:   worker.Config{Ahead: -1}, // the first question shows what looking at a clip costs
			Topics: serve.TopicSettings{Partitions: 4, Retention: 24 * time.Hour},
			Asker:  d.Asker, Log: d.Log, Ready: func(brokers []string, _ string) { ready <- brokers },
		}.Run(ctx)
		stop(err)
		served <- err
	}()
	select {
	case brokers := <-ready:
		err = d.play(ctx, brokers, scenes)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	stop(nil)
	return errors.Join(err, <-served)
}

// play is the client.
func (d Config) play(ctx context.Context, brokers []string, scenes []scene) error {
	client, err := kafka.New(kafka.Config{Brokers: brokers, Group: "demo", Grace: time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	reading, stop := context.WithCancel(ctx)
	outcomes, read := make(chan outcome), make(chan error, 1)
	go func() {
		read <- client.Consume(reading, []string{ingest.TopicAnswers, ingest.TopicDeadLetters}, handOver(outcomes))
	}()
	report := newReport(d.Out, brokers[0])
	for i := range scenes {
		if err = d.playScene(ctx, client, &scenes[i], i == 1, outcomes, report); err != nil {
			break
		}
	}
	stop()
	if err = errors.Join(err, <-read); err != nil {
		return err
	}
	return report.end()
}

// An outcome is what came back for one question.
type outcome struct {
	answer ingest.Answer
	dead   *ingest.DeadLetter
	at     time.Time
}

func (o outcome) questionID() string {
	if o.dead != nil {
		return o.dead.QuestionID
	}
	return o.answer.QuestionID
}

func handOver(outcomes chan<- outcome) kafka.Handler {
	return func(ctx context.Context, d *ingest.Delivery) {
		o := outcome{at: time.Now()}
		var err error
		if d.Topic == ingest.TopicDeadLetters {
			err = json.Unmarshal(d.Value, &o.dead)
		} else {
			err = json.Unmarshal(d.Value, &o.answer)
		}
		if err != nil {
			o.dead = &ingest.DeadLetter{ErrorKind: "unreadable", Reason: err.Error()}
		}
		select {
		case outcomes <- o:
			d.Done()
		case <-ctx.Done():
			d.Drop()
		}
	}
}

// playScene asks the first question alone, to show what a clip costs that was
// never seen, and then the others together. In one scene that question comes
// before its clip.
func (d Config) playScene(ctx context.Context, to publisher, s *scene, early bool, outcomes <-chan outcome, report *report) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("demo: run: no answer about %s in %s", s.clip.ID, patience))
	defer cancel()
	report.scene(s, early)
	if !early {
		if err := s.announce(ctx, to); err != nil {
			return err
		}
	}
	for _, questions := range [][]ingest.Question{s.Questions[:min(1, len(s.Questions))], s.Questions[min(1, len(s.Questions)):]} {
		asked := time.Now()
		if err := s.ask(ctx, to, questions); err != nil {
			return err
		}
		if early {
			if early = false; s.announce(ctx, to) != nil {
				return context.Cause(ctx)
			}
		}
		if err := collect(ctx, questions, asked, outcomes, report); err != nil {
			return err
		}
	}
	return report.flush()
}

// collect waits for every question's outcome and reports them in the order in
// which they were asked.
func collect(ctx context.Context, questions []ingest.Question, asked time.Time, outcomes <-chan outcome, report *report) error {
	wanted, got := map[string]bool{}, map[string]outcome{}
	for _, q := range questions {
		wanted[q.ID] = true
	}
	for len(got) < len(questions) {
		select {
		case o := <-outcomes:
			if id := o.questionID(); wanted[id] { // records may repeat; the first counts
				got[id], wanted[id] = o, false
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, q := range questions {
		report.outcome(q, got[q.ID], asked)
	}
	return nil
}

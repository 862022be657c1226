package cli

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"videoqa/answers"
)

// Serve is videoqa serve.
type Serve struct{ Settings }

// Help is shown below the flags.
func (Serve) Help() string {
	return "Example: videoqa serve --media-roots /srv/clips, and then any Kafka client on 127.0.0.1:9092: clips go to vqa.clips.v1, questions to vqa.questions.v1, answers come on vqa.answers.v1."
}

// Run serves until it is interrupted, which is no failure: what was being
// answered has been.
func (c *Serve) Run(ctx context.Context, a *App) (err error) {
	if err := c.check(a); err != nil {
		return err
	}
	if c.DataDir == "" {
		if c.DataDir, err = a.defaultDataDir(); err != nil {
			return err
		}
	}
	level := new(slog.LevelVar)
	level.Set(c.Log.Level)
	log := a.logger(c.Log.JSON, level)
	m, err := c.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	store, forget, err := c.features()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget()) }()
	service, err := answers.New(c.service(m.Model, store))
	if err != nil {
		return err
	}
	reloading, stop := context.WithCancel(ctx)
	var reloaded sync.WaitGroup
	defer reloaded.Wait()
	defer stop()
	reloaded.Go(func() { a.reload(reloading, log, []reloader{setLevel(level)}) })
	err = stream{
		DataDir: c.DataDir, Store: c.Store.URL, Listen: c.Kafka.Listen, Kafka: c.kafka(), Media: c.media(), Work: c.worker(), Topics: c.Topics,
		Asker: asker{service}, Log: log, Ready: func(brokers []string) {
			log.Info("serving", "brokers", brokers, "group", c.Kafka.Group, "data", c.DataDir, "model", m.Name(), "roots", c.Media.Roots)
		},
	}.run(ctx)
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// logger writes to standard error.
func (a *App) logger(asJSON bool, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(a.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.Err, options))
}

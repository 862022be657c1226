package cli

import (
	"context"
	"errors"
	"log/slog"

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
	kept := newRetention(c.Store.Retention)
	defer a.reloading(ctx, log, setLevel(level), kept.set)()
	o, err := c.observe(ctx, a, log)
	if err != nil {
		return err
	}
	return o.around(ctx, func(ctx context.Context) error { return c.serve(ctx, a, log, o, kept) })
}

// serve loads the model and answers.
func (c *Serve) serve(ctx context.Context, a *App, log *slog.Logger, o *operations, keep *retention) (err error) {
	m, err := c.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	kept, err := c.features()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	service, err := answers.New(c.service(m.Model, kept.Store))
	if err != nil {
		return err
	}
	o.service(service, kept)
	err = stream{
		DataDir: c.DataDir, Store: c.Store.URL, Keep: keep, Listen: c.Kafka.Listen, Kafka: c.kafka(), Media: c.media(), Work: c.worker(), Topics: c.Topics,
		Asker: counted{asker{service}, o.metrics}, Observe: o.observer(), Log: log, Ready: func(brokers []string) {
			log.Info("serving", "brokers", brokers, "ops", o.server.Addr(), "group", c.Kafka.Group, "data", c.DataDir, "model", m.Name(), "roots", c.Media.Roots)
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

package cli

import (
	"context"
	"errors"
	"log/slog"

	"videoqa/answers"
	"videoqa/answers/api"
	"videoqa/answers/worker"
	"videoqa/internal/ops"
)

// Serve is videoqa serve.
type Serve struct {
	Settings
	Reset bool `help:"Begin anew where the store and the broker do not belong together, or a broker of its own is not whole: what that had is moved aside, and nothing is deleted. It is said what happens."`
}

// Help is shown below the flags.
func (Serve) Help() string {
	return "Example: videoqa serve --media-roots /srv/clips, and then any Kafka client on 127.0.0.1:9092: clips go to vqa.clips.v1, questions to vqa.questions.v1, answers come on vqa.answers.v1. Over HTTP: curl -F 'request={\"questions\":[{\"question\":\"what is it?\"}]};type=application/json' -F media=@clip.mp4 http://127.0.0.1:8080/v1/questions"
}

// Run serves until it is interrupted, which is no failure: what was being
// answered has been.
func (c *Serve) Run(ctx context.Context, a *App) (err error) {
	if err := c.prepare(ctx, a, true); err != nil {
		return err
	}
	boundHeap()
	if c.DataDir == "" {
		if c.DataDir, err = a.defaultDataDir(); err != nil {
			return err
		}
	}
	level := new(slog.LevelVar)
	level.Set(c.Log.Level.Level)
	log := a.logger(c.Log.JSON, level)
	a.warn = func(text string) { log.Warn(text) }
	c.Media.tell(log)
	kept := newRetention(c.Store.Retention)
	keys, err := c.keys()
	if err != nil {
		return err
	}
	defer a.reloading(ctx, log, setLevel(level), kept.set, reloadKeys(keys))()
	o, err := c.observe(ctx, a, log)
	if err != nil {
		return err
	}
	return o.around(ctx, func(ctx context.Context) error { return c.serve(ctx, a, log, o, kept, keys) })
}

// serve loads the model and answers, or only serves HTTP.
func (c *Serve) serve(ctx context.Context, a *App, log *slog.Logger, o *operations, keep *retention, keys *api.Keys) (err error) {
	asker, model, unload, err := c.asker(ctx, a, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload()) }()
	kept, err := c.spooled()
	if err != nil {
		return err
	}
	own, err := c.profile(a, model, kept)
	if err != nil {
		return err
	}
	others := newPeers(own, c.uploadsApart(), log)
	side := httpSide{Config: api.Config{Models: []api.Model{model}, Keys: keys, RefuseUploads: others.refuseUploads}}
	if c.servesHTTP() {
		side.Listen, side.Web = c.Listen, ops.NewWeb(o.metrics, o.tracing, api.Routes())
		o.spool(kept, c.spoolFolder(), int64(c.Spool.Quota))
	}
	err = stream{
		DataDir: c.DataDir, Store: c.Store.URL, Keep: keep, Listen: c.Kafka.Listen, Kafka: c.kafka(), Media: c.media(), Work: c.worker(), Topics: c.Topics,
		Asker: asker, Uploads: heldElsewhere{kept, others.elsewhere}, Limits: c.limits(), Peers: others, HTTP: side, Observe: o.observer(), Reset: c.Reset, Log: log, Ready: func(brokers []string, http string) {
			log.Info("serving", "brokers", brokers, "http", http, "ops", o.server.Addr(), "group", c.Kafka.Group, "data", c.DataDir, "model", model.Name, "demonstration", model.Demonstration, "roots", c.Media.Roots)
		},
	}.run(ctx)
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// asker loads what answers; unload frees it. A process that only serves HTTP has
// none, and only tells of the model.
func (c *Serve) asker(ctx context.Context, a *App, o *operations) (asks worker.Asker, model api.Model, unload func() error, err error) {
	if c.Role == roleAPI {
		o.health.Watch(partModel, func(context.Context) error { return nil }) // the workers'
		model, err = c.modelOf(a)
		return nil, model, func() error { return nil }, err
	}
	m, err := c.open(ctx, a)
	if err != nil {
		return nil, model, nil, err
	}
	kept, err := c.features()
	if err != nil {
		return nil, model, nil, errors.Join(err, m.Close())
	}
	unload = func() error { return errors.Join(kept.Close(), m.Close()) }
	service, err := answers.New(c.service(m.Model, kept.Store))
	if err != nil {
		return nil, model, nil, errors.Join(err, unload())
	}
	o.service(service, kept)
	stop, free := kept.watch(ctx, o.health, o.log), unload
	unload = func() error {
		stop()
		return free()
	}
	return counted{asker{service}.within(c.limits()), o.metrics}, servedModel(m.Description(), m.Vision()), unload, nil
}

// logger writes to standard error.
func (a *App) logger(asJSON bool, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(a.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.Err, options))
}

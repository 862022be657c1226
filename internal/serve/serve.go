// Package serve puts a service together from its settings and runs it: broker, store, media, model, worker, HTTP, and
// what operators see.
//
//	err := serve.Run(ctx, settings, &serve.Process{Machine: machine, Log: log, Level: level})
//
// Run owns every goroutine below it, and returns after the last. What would keep a service from starting is found by
// [Settings.Prepare] before a server is talked to; a command that only checks settings calls it too. [Stream] is the
// part between the broker and whatever answers, on one data folder.
package serve

import (
	"context"
	"errors"
	"log/slog"

	"videoqa/answers"
	"videoqa/answers/api"
	"videoqa/answers/worker"
	"videoqa/internal/config"
	"videoqa/internal/modelflags"
	"videoqa/internal/models"
	"videoqa/internal/ops"
	"videoqa/internal/vlm"
)

// Hung is the exit status of a process in which a call into a C library did not come back.
const Hung = 70

// A Process is what a service knows of the process that it runs in.
type Process struct {
	modelflags.Machine
	Version string         // of the program
	Values  []config.Value // the settings, with who said so
	Wrong   error          // with the file of settings and the variables; for [Settings.Prepare] to tell with the rest

	// Of a process that serves.
	Reset  bool // begin anew where store and broker do not belong together
	Log    *slog.Logger
	Level  *slog.LevelVar                                              // of Log
	Reread func(ctx context.Context) (Settings, []config.Value, error) // reads the settings again, for SIGHUP
}

// Run serves with s until ctx ends, which is no failure: what was being answered has been.
func Run(ctx context.Context, s Settings, p *Process) (err error) {
	if err := s.Prepare(ctx, p, true); err != nil {
		return err
	}
	boundHeap()
	if s.DataDir == "" {
		if s.DataDir, err = config.DataDir(p.Getenv); err != nil {
			return err
		}
	}
	s.Media.tell(p.Log)
	kept := newRetention(s.Store.Retention)
	keys, err := s.keys()
	if err != nil {
		return err
	}
	defer p.reloading(ctx, setLevel(p.Level), kept.set, reloadKeys(keys))()
	o, err := s.observe(ctx, p)
	if err != nil {
		return err
	}
	return o.around(ctx, func(ctx context.Context) error { return s.serve(ctx, p, o, kept, keys) })
}

// serve loads the model and answers, or only serves HTTP.
func (s *Settings) serve(ctx context.Context, p *Process, o *operations, keep *retention, keys *api.Keys) (err error) {
	asker, model, unload, err := s.asker(ctx, p, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload()) }()
	kept, err := s.spooled()
	if err != nil {
		return err
	}
	own, err := s.profile(p, model, kept)
	if err != nil {
		return err
	}
	others := newPeers(own, s.UploadsApart(), p.Log)
	side := httpSide{Config: api.Config{Models: []api.Model{model}, Keys: keys, RefuseUploads: others.refuseUploads}}
	if s.servesHTTP() {
		side.Listen, side.Web = s.Listen, ops.NewWeb(o.metrics, o.tracing, api.Routes())
		o.spool(kept, s.spoolFolder(), int64(s.Spool.Quota))
	}
	err = Stream{
		DataDir: s.DataDir, Store: s.Store.URL, Keep: keep, Listen: s.Kafka.Listen, Kafka: s.kafka(), Media: s.media(), Work: s.worker(), Topics: s.Topics,
		Asker: asker, Uploads: heldElsewhere{kept, others.elsewhere}, Limits: s.limits(), Peers: others, HTTP: side, Observe: o.observer(), Reset: p.Reset, Log: p.Log, Ready: func(brokers []string, http string) {
			p.Log.Info("serving", "brokers", brokers, "http", http, "ops", o.server.Addr(), "group", s.Kafka.Group, "data", s.DataDir, "model", model.Name, "demonstration", model.Demonstration, "roots", s.Media.Roots)
		},
	}.Run(ctx)
	if err == nil {
		p.Log.Info("stopped")
	}
	return err
}

// asker loads what answers; unload frees it. A process that only serves HTTP has
// none, and only tells of the model.
func (s *Settings) asker(ctx context.Context, p *Process, o *operations) (asks worker.Asker, model api.Model, unload func() error, err error) {
	if s.Role == roleAPI {
		o.health.Watch(partModel, func(context.Context) error { return nil }) // the workers'
		model, err = s.modelOf(p)
		return nil, model, func() error { return nil }, err
	}
	m, err := s.Open(ctx, p.Machine)
	if err != nil {
		return nil, model, nil, err
	}
	kept, err := s.features()
	if err != nil {
		return nil, model, nil, errors.Join(err, m.Close())
	}
	unload = func() error { return errors.Join(kept.Close(), m.Close()) }
	service, err := answers.New(s.service(m.Model, kept.Store))
	if err != nil {
		return nil, model, nil, errors.Join(err, unload())
	}
	o.service(service, kept)
	stop, free := kept.watch(ctx, o.health, o.log), unload
	unload = func() error {
		stop()
		return free()
	}
	return counted{asker{service}.within(s.limits()), o.metrics}, servedModel(m.Description(), m.Vision()), unload, nil
}

// modelOf tells of the model without loading it.
func (s *Settings) modelOf(p *Process) (m api.Model, err error) {
	c, err := s.Checkpoint(p.Machine)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if c.CacheDir, err = config.CacheDir(p.Getenv); err != nil {
		return m, err
	}
	library, err := p.Library()
	if err != nil {
		return m, err
	}
	look, err := models.VisionOf(c, vlm.Preprocess(s.Preprocess))
	if err != nil {
		return m, err
	}
	d, err := models.Describe(c, s.Flags.Config(c.CacheDir, library)) // as a worker on such a machine would
	if err != nil {
		return m, err
	}
	return servedModel(d, look), nil
}

// servedModel is what GET /v1/models says of a model.
func servedModel(d vlm.Description, v vlm.Vision) api.Model {
	return api.Model{Model: answers.Described(d), Frames: v.Frames, Family: d.Family, Can: d.Can}
}

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

	"videoqa/answers/api"
	"videoqa/internal/config"
	"videoqa/internal/modelflags"
	"videoqa/internal/ops"
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

// serve loads the models and answers, or only serves HTTP.
func (s *Settings) serve(ctx context.Context, p *Process, o *operations, keep *retention, keys *api.Keys) (err error) {
	asker, models, unload, err := s.asker(ctx, p, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unload()) }()
	kept, err := s.spooled()
	if err != nil {
		return err
	}
	own, err := s.profile(p, models, kept)
	if err != nil {
		return err
	}
	others := newPeers(own, s.UploadsApart(), p.Log)
	side := httpSide{Config: api.Config{Models: models, Keys: keys, RefuseUploads: others.refuseUploads}}
	if s.servesHTTP() {
		side.Listen, side.Web = s.Listen, ops.NewWeb(o.metrics, o.tracing, api.Routes())
		o.spool(kept, s.spoolFolder(), int64(s.Spool.Quota))
	}
	err = Stream{
		DataDir: s.DataDir, Store: s.Store.URL, Keep: keep, Listen: s.Kafka.Listen, Kafka: s.kafka(), Media: s.media(), Work: s.worker(), Topics: s.Topics,
		Asker: asker, Uploads: heldElsewhere{kept, others.elsewhere}, Limits: s.limits(), Peers: others, HTTP: side, Observe: o.observer(), Reset: p.Reset, Log: p.Log, Ready: func(brokers []string, http string) {
			p.Log.Info("serving", "brokers", brokers, "http", http, "ops", o.server.Addr(), "group", s.Kafka.Group, "data", s.DataDir, "models", modelNames(models), "demonstration", demonstrates(models), "roots", s.Media.Roots)
		},
	}.Run(ctx)
	if err == nil {
		p.Log.Info("stopped")
	}
	return err
}

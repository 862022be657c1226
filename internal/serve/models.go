package serve

import (
	"context"
	"errors"
	"slices"
	"strings"

	"videoqa/answers"
	"videoqa/answers/api"
	"videoqa/answers/worker"
	"videoqa/internal/config"
	"videoqa/internal/modelflags"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
)

// asker loads what answers; unload frees it. A process that only serves HTTP has
// none, and only describes the models.
func (s *Settings) asker(ctx context.Context, p *Process, o *operations) (asks worker.Asker, listed []api.Model, unload func() error, err error) {
	if s.Role == roleAPI {
		o.health.Watch(partModel, func(context.Context) error { return nil }) // the workers'
		listed, err = s.modelsOf(p)
		return nil, listed, func() error { return nil }, err
	}
	opened, unload, err := s.open(ctx, p)
	if err != nil {
		return nil, nil, nil, err
	}
	kept, err := s.features()
	if err != nil {
		return nil, nil, nil, errors.Join(err, unload())
	}
	free := unload
	unload = func() error { return errors.Join(kept.Close(), free()) }
	service, err := answers.New(s.service(opened, kept.Store))
	if err != nil {
		return nil, nil, nil, errors.Join(err, unload())
	}
	for i, m := range opened {
		listed = append(listed, servedModel(m.Description(), m.Vision()))
		o.metrics.Models(listed[i].Name)
		o.health.Watch(healthPart(i, listed[i].Name), func(context.Context) error { return nil })
	}
	o.service(service, kept)
	stop, all := kept.watch(ctx, o.health, o.log), unload
	unload = func() error {
		stop()
		return all()
	}
	return meteredService{service, o.metrics}, listed, unload, nil
}

// healthPart is what readiness calls a model: the first has the name that it always had.
func healthPart(i int, name string) string {
	if i == 0 {
		return partModel
	}
	return partModel + " " + name
}

// open loads the models, the first of which answers questions that name none.
func (s *Settings) open(ctx context.Context, p *Process) (all []answers.Model, unload func() error, err error) {
	var opened []*modelflags.Opened
	unload = func() error {
		var errs []error
		for _, m := range opened {
			errs = append(errs, m.Close())
		}
		return errors.Join(errs...)
	}
	for _, f := range s.List.Each() {
		m, err := f.Open(ctx, p.Machine)
		if err != nil {
			return nil, nil, errors.Join(err, unload())
		}
		opened, all = append(opened, m), append(all, m.Model)
	}
	return all, unload, nil
}

// modelsOf describes the models without loading them.
func (s *Settings) modelsOf(p *Process) (all []api.Model, err error) {
	for _, f := range s.List.Each() {
		m, err := modelOf(f, p)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func modelOf(f modelflags.Flags, p *Process) (m api.Model, err error) {
	c, err := f.Checkpoint(p.Machine)
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
	look, err := models.VisionOf(c, vlm.Preprocess(f.Preprocess))
	if err != nil {
		return m, err
	}
	d, err := models.Describe(c, f.Config(c.CacheDir, library)) // as a worker on such a machine would
	if err != nil {
		return m, err
	}
	return servedModel(d, look), nil
}

// servedModel is what GET /v1/models says of a model.
func servedModel(d vlm.Description, v vlm.Vision) api.Model {
	return api.Model{Model: answers.Described(d), Frames: v.Frames, Family: d.Family, Can: d.Can}
}

func modelNames(all []api.Model) string {
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// demonstrates reports whether a model only shows how the program works.
func demonstrates(all []api.Model) bool {
	return slices.ContainsFunc(all, func(m api.Model) bool { return m.Demonstration })
}

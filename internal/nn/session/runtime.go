// Package session keeps the open graphs of one model, the weights that they share, and
// the folder in which both lie. It knows no family of models.
//
//	r := session.New(runtime, dir, threads)
//	err := r.OpenWeights(ctx, "weights.bin", make)                // once
//	s, done, err := r.Graph(ctx, "text", r.Config(), build)       // each use
package session

import (
	"context"
	"errors"
	"fmt"
	"io"

	"videoqa/internal/fault"
	"videoqa/internal/onnx"
)

// maxSessions bounds the open graphs of one model. Those over pictures and
// prefixes share their weights, so one costs a few megabytes.
const maxSessions = 24

// A Runtime is where the graphs of one model run. It may be used by many goroutines.
type Runtime struct {
	onnx    *onnx.Runtime
	folder  folder
	pool    pool
	config  onnx.SessionConfig
	weights *onnx.Weights
}

// New returns a runtime whose graphs and weights lie in the folder dir, which several
// processes may share, and whose runs use that many threads; 0 means all that Go may use.
func New(rt *onnx.Runtime, dir string, threads int) *Runtime {
	return &Runtime{onnx: rt, folder: folder(dir), pool: pool{limit: maxSessions}, config: onnx.SessionConfig{Threads: threads}}
}

// OpenWeights opens the file of converted weights called name in the folder. It holds
// the folder's lock while it calls convert with the length of the file that is there, -1
// if there is none. convert returns what writes the file, or nil if a file of that
// length is right: a file is written whole, and its folder names its content.
func (r *Runtime) OpenWeights(ctx context.Context, name string, convert func(have int64) (write func(io.Writer) error, err error)) error {
	unlock, err := r.folder.lock(ctx)
	if err != nil {
		return err
	}
	write, err := convert(r.folder.size(name))
	if err == nil && write != nil {
		err = r.folder.write(name, write)
	}
	unlock()
	if err != nil {
		return err
	}
	if r.weights, err = onnx.OpenWeights(r.folder.path(name)); err != nil {
		return err
	}
	r.config.Weights = r.weights
	return nil
}

// Config is how graphs are run that have nothing particular.
func (r *Runtime) Config() onnx.SessionConfig { return r.config }

// Graph returns the session of the graph called name, building it and writing it into
// the folder if need be, and the function that ends its use.
func (r *Runtime) Graph(ctx context.Context, name string, cfg onnx.SessionConfig, build func() (onnx.Model, error)) (*onnx.Session, func(), error) {
	return r.pool.use(name, func() (*onnx.Session, error) {
		model, err := build()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("session: build %s: %w", name, err), fault.BadModel)
		}
		unlock, err := r.folder.lock(ctx)
		if err != nil {
			return nil, err
		}
		defer unlock()
		file := name + ".onnx"
		if err := r.folder.keep(file, model.Bytes); err != nil {
			return nil, err
		}
		return r.onnx.Open(r.folder.path(file), model.Ports, cfg)
	})
}

// Graphs are the names of the open graphs.
func (r *Runtime) Graphs() []string { return r.pool.names() }

// Close frees the sessions once their runs have ended, and the weights.
func (r *Runtime) Close() error {
	err := r.pool.close()
	if r.weights != nil {
		err = errors.Join(err, r.weights.Close())
	}
	return err
}

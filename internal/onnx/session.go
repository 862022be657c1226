package onnx

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"videoqa/internal/fault"
	"videoqa/internal/native"
)

// Provider is which of ONNX Runtime's backends runs the operators.
type Provider string

// CPU is ONNX Runtime's own, which runs every operator of this package.
const CPU Provider = "cpu"

// SessionConfig says how a graph is run. The zero value is the CPU with as many
// threads as Go uses.
type SessionConfig struct {
	Threads  int      // cores a run may use; 0: GOMAXPROCS
	Provider Provider // "": CPU
	// SharedWeights leaves the weights mapped from the data file, where all
	// sessions share them, instead of packing a copy for each session. It costs
	// nothing measurable where each weight meets hundreds of rows, and much where
	// it meets one.
	SharedWeights bool
}

// A Session is a graph made ready to run. It may run in many goroutines at once.
type Session struct {
	ports Ports
	name  string

	mu   sync.RWMutex // held for reading by runs, for writing by Close
	s    *ort.DynamicAdvancedSession
	leak runtime.Cleanup
}

// Open makes the graph at path ready. The graph is opened by path because its
// data file is looked for beside it; ports are those of its [Model].
func (r *Runtime) Open(path string, ports Ports, cfg SessionConfig) (*Session, error) {
	options, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("onnx: open %s: %w", path, err)
	}
	defer options.Destroy()
	s, err := ort.NewDynamicAdvancedSession(path, names(ports.Inputs), names(ports.Outputs), options)
	if err != nil {
		return nil, fmt.Errorf("onnx: open %s: %w", path, err)
	}
	opened := &Session{ports: ports, name: path, s: s}
	opened.leak = native.Track(opened, "session "+path, 1)
	return opened, nil
}

// options turns cfg into ONNX Runtime's; the caller destroys them.
func (cfg SessionConfig) options() (*ort.SessionOptions, error) {
	if cfg.Provider != "" && cfg.Provider != CPU {
		return nil, fmt.Errorf("provider %q is not built in; have %s: %w", cfg.Provider, CPU, fault.BadRequest)
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	threads := cfg.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	prepack := "0"
	if cfg.SharedWeights {
		prepack = "1"
	}
	for _, set := range []func() error{
		func() error { return o.SetIntraOpNumThreads(threads) },
		func() error { return o.SetInterOpNumThreads(1) },
		func() error { return o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll) },
		func() error { return o.SetMemPattern(false) }, // lengths differ from run to run
		// A waiting thread that spins takes a core from the decoder's threads.
		func() error { return o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
		func() error { return o.AddSessionConfigEntry("session.disable_prepacking", prepack) },
	} {
		if err := set(); err != nil {
			o.Destroy()
			return nil, err
		}
	}
	return o, nil
}

// Run computes all outputs from all inputs. Every port needs a tensor that fits,
// outputs too: results are written into their slices. Tensors are borrowed until
// Run returns, and Run waits for ONNX Runtime even when ctx ends early, which
// makes it stop between two operators.
func (s *Session) Run(ctx context.Context, in, out Feed) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("onnx: run %s: %w", s.name, context.Cause(ctx))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.s == nil {
		return fmt.Errorf("onnx: run %s: the session is closed", s.name)
	}
	if err := s.run(ctx, in, out); err != nil {
		return fmt.Errorf("onnx: run %s: %w", s.name, err)
	}
	return nil
}

func (s *Session) run(ctx context.Context, in, out Feed) error {
	b := &binding{dims: map[string]int64{}}
	defer b.release()
	inputs, err := b.bind(s.ports.Inputs, in)
	if err != nil {
		return err
	}
	outputs, err := b.bind(s.ports.Outputs, out)
	if err != nil {
		return err
	}
	return runUntil(ctx, func(o *ort.RunOptions) error { return s.s.RunWithOptions(inputs, outputs, o) })
}

// runUntil calls run with options that terminate it when ctx ends. The options
// are freed only once the function that terminates can no longer be running.
func runUntil(ctx context.Context, run func(*ort.RunOptions) error) error {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(terminated)
		_ = options.Terminate() // it sets a flag; if that fails, the run goes on to its end
	})
	err = run(options)
	if stop() {
		return err
	}
	<-terminated
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil // it was done before it noticed
}

// Close frees the session once its runs have ended. It may be called again.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil
	}
	err := s.s.Destroy()
	s.s = nil
	native.Untrack(s.leak, 1)
	return err
}

// A binding is the handles and pins of one run.
type binding struct {
	dims   map[string]int64
	pins   runtime.Pinner // C holds pointers into Go memory between two calls
	values []ort.Value
	leaks  []runtime.Cleanup // of values
}

// bind makes the handles for ports from feed, in the ports' order.
func (b *binding) bind(ports []Port, feed Feed) ([]ort.Value, error) {
	if len(feed) != len(ports) {
		return nil, fmt.Errorf("%d tensors were given for %v", len(feed), names(ports))
	}
	values := make([]ort.Value, len(ports))
	for i, p := range ports {
		t, ok := feed[p.Name]
		if !ok {
			return nil, fmt.Errorf("no tensor was given for %s", p.Name)
		}
		if err := t.fits(p, b.dims); err != nil {
			return nil, err
		}
		if t.first != nil {
			b.pins.Pin(t.first)
		}
		v, err := t.value()
		if err != nil {
			return nil, fmt.Errorf("bind %s: %w", p.Name, err)
		}
		values[i] = v
		b.values = append(b.values, v)
		b.leaks = append(b.leaks, native.Track(b, "tensor "+p.Name, 1))
	}
	return values, nil
}

func (b *binding) release() {
	for i, v := range b.values {
		_ = v.Destroy() // it cannot fail
		native.Untrack(b.leaks[i], 1)
	}
	b.pins.Unpin()
}

func names(ports []Port) []string {
	n := make([]string, len(ports))
	for i, p := range ports {
		n[i] = p.Name
	}
	return n
}

package onnx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"videoqa/internal/fault"
	"videoqa/internal/native"
)

// Provider is which of ONNX Runtime's backends runs the operators.
type Provider string

// CPU is ONNX Runtime's own, which runs every operator of this package. OpenVINO
// runs plain graphs of fixed lengths on the same processor; it has threads of its
// own, and arithmetic in bfloat16. CUDA needs a library that has it.
const (
	CPU      Provider = "cpu"
	OpenVINO Provider = "openvino"
	CUDA     Provider = "cuda"
)

// SessionConfig says how a graph is run. The zero value is the CPU with as many
// threads as Go uses.
type SessionConfig struct {
	Threads  int      // cores a run may use; 0: GOMAXPROCS
	Provider Provider // "": CPU
	// BFloat16 lets OpenVINO round what goes into products to 8 bits of mantissa;
	// sums, norms and what comes out are float32. It returns an error for the CPU.
	BFloat16 bool
	// SharedWeights leaves the weights mapped from the data file, where all
	// sessions share them, instead of packing a copy for each session. It costs
	// nothing measurable where each weight meets hundreds of rows, and much where
	// it meets one.
	SharedWeights bool
	// Weights are the graph's data file, if it is mapped already. Only the CPU provider
	// reads weights that are given to it.
	Weights *Weights
}

// A Session is a graph made ready to run. It may run in many goroutines at once.
type Session struct {
	ports Ports
	name  string

	mu      sync.RWMutex // held for reading by runs, for writing by Close
	s       *ort.DynamicAdvancedSession
	weights *held // nil: none were given
	leak    runtime.Cleanup
}

// Open makes the graph at path ready. The graph is opened by path because its
// data file is looked for beside it; ports are those of its [Model].
func (r *Runtime) Open(path string, ports Ports, cfg SessionConfig) (*Session, error) {
	if cfg.Provider == OpenVINO {
		if err := r.anchorOpenVINO(); err != nil {
			return nil, fmt.Errorf("onnx: open %s: %w", path, err)
		}
	}
	options, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("onnx: open %s: %w", path, err)
	}
	defer options.Destroy()
	opened := &Session{ports: ports, name: path}
	if err := opened.open(r, options, cfg); err != nil {
		return nil, fmt.Errorf("onnx: open %s: %w", path, err)
	}
	opened.leak = native.Track(opened, "session "+path, 1)
	return opened, nil
}

// open makes s ready, whose graph and ports are known.
func (s *Session) open(r *Runtime, options *ort.SessionOptions, cfg SessionConfig) (err error) {
	if cfg.Provider != OpenVINO {
		if err := addDomain(options, r.domain); err != nil {
			return err
		}
	}
	if cfg.Weights != nil && (cfg.Provider == CPU || cfg.Provider == "") {
		if s.weights, err = cfg.Weights.give(options, s.ports.Weights); err != nil {
			return err
		}
	}
	if s.s, err = ort.NewDynamicAdvancedSession(s.name, names(s.ports.Inputs), names(s.ports.Outputs), options); err != nil {
		return errors.Join(err, s.weights.close())
	}
	if cfg.Provider == OpenVINO {
		_ = restMapped(filepath.Dir(s.name)) // a failure leaves memory where it is
	} else if s.weights != nil && !cfg.SharedWeights {
		cfg.Weights.rest() // most were packed
	}
	return nil
}

// options turns cfg into ONNX Runtime's; the caller destroys them.
func (cfg SessionConfig) options() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if err := cfg.set(o); err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func (cfg SessionConfig) set(o *ort.SessionOptions) error {
	threads := cfg.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	switch {
	case cfg.Provider == OpenVINO:
		return cfg.setOpenVINO(o, threads)
	case cfg.Provider != "" && cfg.Provider != CPU && cfg.Provider != CUDA:
		return fmt.Errorf("provider %q is not built in; have %s, %s, %s: %w", cfg.Provider, CPU, OpenVINO, CUDA, fault.BadRequest)
	case cfg.BFloat16:
		return fmt.Errorf("the CPU provider has no bfloat16: %w", fault.BadRequest)
	}
	if cfg.Provider == CUDA {
		if err := setCUDA(o); err != nil {
			return err
		}
	}
	prepack := "0"
	if cfg.SharedWeights {
		prepack = "1"
	}
	return errors.Join(
		o.SetIntraOpNumThreads(threads),
		o.SetInterOpNumThreads(1),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		o.SetMemPattern(false), // lengths differ from run to run
		// A waiting thread that spins takes a core from the decoder's threads.
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		o.AddSessionConfigEntry("session.disable_prepacking", prepack),
		o.AddSessionConfigEntry("session.use_env_allocators", "1"),
	)
}

// setOpenVINO gives the whole graph to OpenVINO, or fails: nodes that fell back to
// the CPU provider would be slower than either. OpenVINO optimises by itself.
func (cfg SessionConfig) setOpenVINO(o *ort.SessionOptions, threads int) error {
	precision := "f32"
	if cfg.BFloat16 {
		precision = "bf16"
	}
	settings := fmt.Sprintf(`{"CPU":{"INFERENCE_PRECISION_HINT":%q,"INFERENCE_NUM_THREADS":%d,"NUM_STREAMS":1,"ENABLE_CPU_PINNING":false}}`, precision, threads)
	return errors.Join(
		o.SetIntraOpNumThreads(1),
		o.SetInterOpNumThreads(1),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll),
		o.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"),
		o.AppendExecutionProviderOpenVINO(map[string]string{"device_type": "CPU", "load_config": settings}),
	)
}

// setCUDA puts the first device in front of the CPU, which keeps what it computes
// lengths with. Memory grows by what is asked for: other programs use the device too.
func setCUDA(o *ort.SessionOptions) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return fmt.Errorf("this ONNX Runtime has no CUDA: %w: %w", err, fault.BadRequest)
	}
	defer cuda.Destroy()
	if err := cuda.Update(map[string]string{"device_id": "0", "arena_extend_strategy": "kSameAsRequested"}); err != nil {
		return err
	}
	if err := o.AppendExecutionProviderCUDA(cuda); err != nil {
		return fmt.Errorf("CUDA cannot be used: %w: %w", err, fault.BadRequest)
	}
	return nil
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
	err := errors.Join(s.s.Destroy(), s.weights.close())
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

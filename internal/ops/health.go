package ops

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Check returns nil if a part can do its work now, else why not.
type Check func(ctx context.Context) error

const patience = 2 * time.Second // with one check

// Health knows which parts a service needs, and asks them. A nil Health may be
// told of parts, and nobody asks it.
type Health struct {
	mu       sync.Mutex
	parts    map[string]Check
	optional map[string]Check // parts without which it works on, worse
	warnings []string
}

var errStarting = errors.New("starting")

// NewHealth returns the health of a service that needs these parts. Each is not
// ready until it is watched.
func NewHealth(parts ...string) *Health {
	h := &Health{parts: map[string]Check{}, optional: map[string]Check{}}
	for _, part := range parts {
		h.parts[part] = func(context.Context) error { return errStarting }
	}
	return h
}

// Watch has part asked by check from now on, instead of by any earlier one. check
// is called by many goroutines.
func (h *Health) Watch(part string, check Check) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[part] = check
}

// Degrade has part asked by check from now on. While check returns an error, readiness
// says that the part is degraded, and why; it stays 200, because the service works on.
func (h *Health) Degrade(part string, check Check) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.optional[part] = check
}

// Warn has readiness say text, from now on, of what keeps nothing from working.
func (h *Health) Warn(text string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warnings = append(h.warnings, text)
}

// Report asks every part, side by side, for at most 2 s; an error is nil for a
// part that is ready.
func (h *Health) Report(ctx context.Context) map[string]error {
	h.mu.Lock()
	parts := maps.Clone(h.parts)
	h.mu.Unlock()
	return askAll(ctx, parts)
}

// Degraded asks likewise every part without which the service works on.
func (h *Health) Degraded(ctx context.Context) map[string]error {
	h.mu.Lock()
	parts := maps.Clone(h.optional)
	h.mu.Unlock()
	return askAll(ctx, parts)
}

func askAll(ctx context.Context, parts map[string]Check) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(map[string]chan error, len(parts))
	for part, check := range parts {
		answer := make(chan error, 1) // a check that outlives ctx has nobody waiting
		answers[part] = answer
		go func() { answer <- check(ctx) }()
	}
	report := make(map[string]error, len(answers))
	for part, answer := range answers {
		select {
		case report[part] = <-answer:
		case <-ctx.Done():
			report[part] = errors.New("no answer in time")
		}
	}
	return report
}

// ServeHTTP says what is not ready, with 503 if anything is; what is degraded; and
// what is warned of.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	warnings := slices.Clone(h.warnings)
	h.mu.Unlock()
	status, said := http.StatusOK, struct {
		Status   string            `json:"status"`
		Parts    map[string]string `json:"parts"`
		Degraded []string          `json:"degraded,omitempty"`
		Warnings []string          `json:"warnings,omitempty"`
	}{Status: "ready", Parts: map[string]string{}, Warnings: warnings}
	degraded := make(chan map[string]error, 1)
	go func() { degraded <- h.Degraded(r.Context()) }() // beside the others, lest all take twice as long
	for part, err := range h.Report(r.Context()) {
		said.Parts[part] = "ready"
		if err != nil {
			status, said.Status, said.Parts[part] = http.StatusServiceUnavailable, "not ready", err.Error()
		}
	}
	for part, err := range <-degraded {
		said.Parts[part] = "ready"
		if err != nil {
			said.Parts[part] = "degraded: " + err.Error()
			said.Degraded = append(said.Degraded, part)
		}
	}
	slices.Sort(said.Degraded)
	tell(w, status, said)
}

// Source is the report as numbers: 1 for a part that is ready, else 0.
func (h *Health) Source() Source {
	return Source{Name: "vqa_ready", Help: "Whether a part is ready, as /health/ready says.", Labels: []string{"part"}, Read: func(emit Emit) {
		for part, err := range h.Report(context.Background()) {
			value := 1.0
			if err != nil {
				value = 0
			}
			emit(value, part)
		}
	}}
}

// live says only that the process answers: whatever is wrong besides, a restart
// would not mend it.
func live(w http.ResponseWriter, _ *http.Request) {
	tell(w, http.StatusOK, map[string]string{"status": "live"})
}

func tell(w http.ResponseWriter, status int, said any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(said) // the client may be gone
}

// Package ops lets operators see what a service is doing: health, metrics,
// profiles and traces.
//
//	health, metrics := ops.NewHealth("model", "store"), ops.NewMetrics(version)
//	server, err := ops.Listen(ops.Config{Listen: "127.0.0.1:8081", Health: health, Metrics: metrics})
//	go server.Run(ctx)
//	health.Watch("store", ping)                        // once there is a store
//	worker.Config{Observer: ops.NewObserver(metrics, tracing)} // numbers and spans of every question
//	web := ops.NewWeb(metrics, tracing, api.Routes())    // and of every request over HTTP
//
// What is served here tells about questions, memory and files, and a profile
// takes time: so it listens on loopback unless told otherwise, and nothing of it
// is ever served beside the API. Labels are bounded: none holds a camera, an id
// or anything else that an event brings.
package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Config says where to listen and what to tell. All but Log is needed.
type Config struct {
	Listen  string // host:port
	Health  *Health
	Metrics *Metrics
	Log     *slog.Logger // nil: nothing is logged
}

// Validate returns an error that names the field.
func (c Config) Validate() error {
	if c.Health == nil || c.Metrics == nil {
		return errors.New("ops: check Health, Metrics: one is nil")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("ops: check Listen: %w", err)
	}
	return nil
}

// A Server is the operations listener.
type Server struct {
	listener net.Listener
	http     http.Server
}

// Listen takes the port; nothing is answered before Run.
func Listen(c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("ops: listen: %w", err)
	}
	return &Server{listener, http.Server{
		Handler: guarded(routes(c.Health, c.Metrics), listener.Addr()), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}, nil
}

// Addr is the host:port that is listened on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.http.Close() })() // nobody minds a scrape that is cut off
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("ops: serve: %w", err)
	}
	return nil
}

// routes has the paths that the peers' users know beside our own. Of the usual
// profiles the command line is left out: it may hold passwords.
func routes(health *Health, metrics *Metrics) http.Handler {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.Handler{
		"/health/live": http.HandlerFunc(live), "/livez": http.HandlerFunc(live), "/healthz": http.HandlerFunc(live), "/v1/health/live": http.HandlerFunc(live),
		"/health/ready": health, "/readyz": health, "/health": health, "/v1/health/ready": health,
		"/metrics":             metrics,
		"/debug/pprof/":        http.HandlerFunc(pprof.Index),
		"/debug/pprof/profile": http.HandlerFunc(pprof.Profile),
		"/debug/pprof/symbol":  http.HandlerFunc(pprof.Symbol),
		"/debug/pprof/trace":   http.HandlerFunc(pprof.Trace),
	} {
		mux.Handle("GET "+path, handler)
	}
	return mux
}

// guarded keeps web pages out of a listener on loopback: a page whose own name
// leads to this machine could read what its visitor's browser may.
func guarded(next http.Handler, at net.Addr) http.Handler {
	if tcp, ok := at.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "on loopback only this machine's own names are answered", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"videoqa/answers/api"
	"videoqa/internal/ops"
)

// An httpSide serves HTTP beside the stream.
type httpSide struct {
	Listen string // "": not at all
	Config api.Config
	Web    *ops.Web // nil: requests are not recorded
}

// begin serves until stop is called, which lets requests under way end for as long
// as grace. When the listener fails, fail is told.
func (s httpSide) begin(fail context.CancelCauseFunc, grace time.Duration) (address string, stop func() error, err error) {
	if s.Listen == "" {
		return "", func() error { return nil }, nil
	}
	s.Config.Routed = s.Web.Routed
	a, err := api.New(s.Config)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return "", nil, fmt.Errorf("serve: listen for HTTP: %w (--listen chooses another address)", err)
	}
	server := a.Server(s.Listen)
	server.Handler = s.Web.Around(server.Handler)
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed = fmt.Errorf("serve: serve HTTP: %w", err)
			fail(failed)
		}
	})
	return listener.Addr().String(), func() error {
		limited, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if server.Shutdown(limited) != nil {
			server.Close() // who still waits finds the outcome under the question's id
		}
		running.Wait()
		return failed
	}, nil
}

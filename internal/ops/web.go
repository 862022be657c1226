package ops

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// A Web makes numbers and spans of HTTP requests. A nil Web makes none.
//
//	server.Handler = web.Around(handler)
//	web.Routed(r.Context(), "GET /v1/clips/{id}") // inside, once the route is known
type Web struct {
	metrics *Metrics
	tracing *Tracing
}

// none is the route of requests that none of ours served: those without a key, and
// those for what is not there.
const none = "none"

// Replies that alerts are about: there from the start, so that the first is seen.
var watchedCodes = []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}

// NewWeb returns a Web that records in metrics and, unless it is nil, in tracing. routes
// are all routes that will be recorded.
func NewWeb(metrics *Metrics, tracing *Tracing, routes []string) *Web {
	for _, route := range append([]string{none}, routes...) {
		metrics.replies.WithLabelValues(route)
		for _, code := range watchedCodes {
			metrics.requests.WithLabelValues(route, strconv.Itoa(code))
		}
	}
	return &Web{metrics, tracing}
}

// Around has next's requests seen.
func (web *Web) Around(next http.Handler) http.Handler {
	if web == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, began := &visit{ResponseWriter: w}, time.Now()
		ctx, end := web.tracing.request(r)
		web.metrics.open.Inc()
		defer func() {
			status := v.said(ctx)
			end(v.route, status)
			web.metrics.replied(v.route, status, time.Since(began))
		}()
		next.ServeHTTP(v, r.WithContext(context.WithValue(ctx, visitKey{}, v)))
		v.served = true
	})
}

// Routed says which route serves the request that ctx is of.
func (web *Web) Routed(ctx context.Context, route string) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		v.route = route
	}
}

func (m *Metrics) replied(route string, status int, took time.Duration) {
	if route == "" {
		route = none
	}
	m.open.Dec()
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.replies.WithLabelValues(route).Observe(took.Seconds())
}

type visitKey struct{}

// A visit is one request's, and sees what is replied.
type visit struct {
	http.ResponseWriter
	route  string // "": none of ours
	status int    // 0: nothing was written
	served bool   // the handler came to its end
}

// WriteHeader implements [http.ResponseWriter]. Informational replies come before
// the one that counts.
func (v *visit) WriteHeader(status int) {
	if v.status < http.StatusOK {
		v.status = status
	}
	v.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (v *visit) Write(p []byte) (int, error) {
	if v.status < http.StatusOK {
		v.status = http.StatusOK
	}
	return v.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] find what w can do besides.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// askerGone is the status of a request whose asker did not wait for one.
const askerGone = 499

// said is the status of the reply, as the asker sees it or would have.
func (v *visit) said(ctx context.Context) int {
	switch {
	case v.status >= http.StatusOK:
		return v.status
	case !v.served: // a panic
		return http.StatusInternalServerError
	case ctx.Err() != nil:
		return askerGone
	}
	return http.StatusOK // an empty reply
}

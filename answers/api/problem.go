package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A Problem says why there is no result (RFC 9457). Its type ends in an error_kind.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Question string `json:"question_id,omitempty"`
	TraceID  string `json:"trace_id,omitempty"`
}

const problemType = "/problems/"

// A refusal is an error with a status of its own.
type refusal struct {
	status     int
	name       string
	retryAfter int // seconds; 0: not said
	error
}

func (r refusal) Unwrap() error { return r.error }

// The refusals that only HTTP knows.
const (
	unauthorized   = "unauthorized"
	forbidden      = "forbidden"
	unsupported    = "unsupported-media-type"
	tooMany        = "too-many-requests"
	keyReused      = "idempotency-key-reused"
	methodNotFound = "method-not-allowed"
	uploadsRefused = "uploads-refused"
)

// busyFor is after how many seconds a request may be tried again.
const busyFor = 5

// problemOf turns an error into what the asker sees of it.
func problemOf(err error) (p Problem, retryAfter int) {
	var r refusal
	if errors.As(err, &r) {
		return Problem{Type: problemType + r.name, Title: http.StatusText(r.status), Status: r.status, Detail: r.Error()}, r.retryAfter
	}
	v := fault.Judge(err)
	p = Problem{Type: problemType + v.Name, Title: http.StatusText(v.Status), Status: v.Status, Detail: err.Error()}
	if v.Status == http.StatusServiceUnavailable {
		retryAfter = busyFor
	}
	if p.Title == "" {
		p.Title = v.Name
	}
	switch v.Name { // what these say is of servers and files that are no asker's business
	case "internal":
		p.Detail = "something went wrong here; the log says what"
	case "unavailable":
		p.Detail = "a server that this needs is down; the log says which"
	}
	return p, retryAfter
}

// problemOfLetter is what a dead letter says.
func problemOfLetter(d ingest.DeadLetter) Problem {
	status := fault.StatusOf(d.ErrorKind)
	title := http.StatusText(status)
	if title == "" {
		title = d.ErrorKind
	}
	return Problem{Type: problemType + d.ErrorKind, Title: title, Status: status, Detail: d.Reason, Question: d.QuestionID}
}

// refuse writes the problem of an error.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p, retryAfter := problemOf(err)
	switch {
	case errors.Is(err, fault.Damaged):
		a.cfg.Log.Error("a request failed, because what is stored is damaged", "method", r.Method, "route", r.Pattern, "error", err)
	case p.Status >= 500:
		a.cfg.Log.Warn("a request failed", "method", r.Method, "route", r.Pattern, "error", err)
	}
	p.TraceID = traceID(r)
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // strings and numbers always marshal
}

// unknownRoutes answers with problems where the mux would with text.
func unknownRoutes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &statusOnly{header: http.Header{}}
		mux.ServeHTTP(probe, r)
		p := Problem{Type: problemType + "not-found", Title: "Not Found", Status: http.StatusNotFound, Detail: "there is nothing here: see /openapi.yaml"}
		if allow := probe.header.Get("Allow"); probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allow)
			p = Problem{Type: problemType + methodNotFound, Title: "Method Not Allowed", Status: probe.status, Detail: "this takes " + allow}
		}
		writeProblem(w, p)
	})
}

// statusOnly finds out what a handler would say.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

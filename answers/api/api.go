// Package api is the HTTP interface: questions, clips and answers for those who do
// not speak Kafka.
//
//	a, err := api.New(api.Config{Stream: client, Store: db, Spool: folder, Group: "videoqa"})
//	server := a.Server("127.0.0.1:8080")
//	err = server.ListenAndServe()
//
// A question that comes by HTTP is published as an event like any other, and its
// outcome is read from the store: so it is answered by whichever worker comes
// first, its answer stands on the answers topic too, and an asker who goes away
// changes nothing. What has been accepted is on the broker before the asker is
// told so. openapi.yaml beside this file is the published contract; it is served
// at /openapi.yaml.
//
// Errors are problems (RFC 9457) whose type ends in the kind of
// [videoqa/internal/fault]. Without keys only loopback is served, and requests
// that a web page could have sent are refused.
package api

import (
	"bytes"
	"context"
	_ "embed" // the contract
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"videoqa/answers/live"
	"videoqa/answers/store"
	"videoqa/answers/upload"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

//go:embed openapi.yaml
var contract []byte

// A Stream publishes records; [kafka.Client] does.
type Stream interface {
	Publish(ctx context.Context, messages ...ingest.Message) error
}

// A Store holds clips and outcomes; those of package store do.
type Store interface {
	store.Clips
	store.Outcomes
	store.Claims
	store.Uploads
	store.WaitList
}

// A Spool keeps uploads; [spool.Folder] does.
type Spool interface {
	upload.Spool
	// Admit reports whether an upload of so many bytes, or more, would be taken now.
	Admit(ctx context.Context, size int64) error
}

// Pictures takes a frame from a clip.
type Pictures interface {
	// JPEG returns the picture that c shows at a time, and errors as the worker
	// would: by kind.
	JPEG(ctx context.Context, c ingest.Clip, at time.Duration) ([]byte, error)
}

// A Measurer is a Pictures that also tells whether a clip is within what a question may
// be about, by [fault.TooLarge]. What else is wrong with it is told when it is asked about.
type Measurer interface {
	Measure(ctx context.Context, c ingest.Clip) error
}

// A Model is one that answers.
type Model struct {
	ingest.Model
	Frames int           `json:"frames"` // that it tells apart
	Family string        `json:"family"`
	Can    []vlm.Ability `json:"can"`
}

// Config joins the interface with the rest. Stream and Store are needed.
type Config struct {
	Stream   Stream
	Store    Store
	Spool    Spool    // nil: uploads are refused
	Pictures Pictures // nil: frames are not shown
	Models   []Model
	Words    *live.Hub // of answers that are generated in this process; nil: none are
	Keys     *Keys     // nil: no client needs one

	// RefuseUploads says why no upload is taken now; nil, or nil from it: they are.
	RefuseUploads func() error

	// Routed is told, before a request is served, which route serves it: one of
	// few, as "GET /v1/clips/{id}". nil: no call.
	Routed func(ctx context.Context, route string)

	Group   string        // names us in events' source; "": videoqa
	Clips   string        // topics; "": the published names
	Asked   string        //
	Wait    time.Duration // an asker is kept waiting so long at most; 0: 1 min
	Waiting int           // requests that may wait for answers; 0: 256
	Bodies  int           // that are read at a time, of one client half as many; 0: 1024
	Uploads int           // whose bytes flow at a time, of one key all but one; 0: 8
	Shown   int           // pictures made at a time; 0: 8

	BodyGrace time.Duration // a body may pause so long, and come so long after its rate would have it; 0: 30 s
	BodyRate  int64         // least of a body, in bytes a second; 0: 16 KiB

	Log      *slog.Logger  // nil: nothing is logged
	maxBody  int64         // of JSON
	lookEach time.Duration // at an outcome that is waited for, at first
}

// Validate returns an error that names the field.
func (c Config) Validate() error {
	switch {
	case c.Stream == nil || c.Store == nil:
		return errors.New("api: check Stream, Store: one is nil")
	case c.Wait < 0 || c.Waiting < 0 || c.Bodies < 0 || c.Uploads < 0 || c.Shown < 0:
		return errors.New("api: check Wait, Waiting, Bodies, Uploads, Shown: one is negative")
	case c.BodyGrace < 0 || c.BodyRate < 0:
		return errors.New("api: check BodyGrace, BodyRate: one is negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	for _, s := range []struct {
		field *string
		usual string
	}{{&c.Group, "videoqa"}, {&c.Clips, ingest.TopicClips}, {&c.Asked, ingest.TopicQuestions}} {
		if *s.field == "" {
			*s.field = s.usual
		}
	}
	for _, n := range []struct {
		field *int
		usual int
	}{{&c.Waiting, 256}, {&c.Bodies, 1024}, {&c.Uploads, 8}, {&c.Shown, 8}} {
		if *n.field == 0 {
			*n.field = n.usual
		}
	}
	if c.Wait == 0 {
		c.Wait = time.Minute
	}
	if c.BodyGrace == 0 {
		c.BodyGrace = 30 * time.Second
	}
	if c.BodyRate == 0 {
		c.BodyRate = 16 << 10
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.RefuseUploads == nil {
		c.RefuseUploads = func() error { return nil }
	}
	if c.Routed == nil {
		c.Routed = func(context.Context, string) {}
	}
	c.maxBody, c.lookEach = 1<<20, 10*time.Millisecond
	return c
}

// An API serves requests.
type API struct {
	cfg     Config
	keeper  *upload.Keeper // nil: uploads are refused
	waiting chan struct{}  // one token a request that waits
	bodies  *places        // of bodies that are read
	uploads *places        // of uploads whose bytes flow
	shown   chan struct{}  // one token a picture

	measured *places // of uploads that are looked at before they are registered
}

// New returns an interface that [API.Handler] serves.
func New(cfg Config) (*API, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	a := &API{cfg: cfg}
	for _, tokens := range []struct {
		of *chan struct{}
		n  int
	}{{&a.waiting, cfg.Waiting}, {&a.shown, cfg.Shown}} {
		*tokens.of = make(chan struct{}, tokens.n)
	}
	a.bodies, a.uploads = newPlaces("bodies", cfg.Bodies, cfg.Bodies/2), newPlaces("uploads", cfg.Uploads, cfg.Uploads)
	a.measured = newPlaces("uploads", cfg.Shown, cfg.Shown)
	if cfg.Keys != nil { // without keys all are this machine's programs
		a.uploads.each = max(1, cfg.Uploads-1)
	}
	if cfg.Spool != nil {
		a.keeper = upload.New(cfg.Spool, cfg.Store, cfg.Log)
	}
	return a, nil
}

// Server returns a server of the interface, with a time that ends slow heads. A slow
// body is ended by [Config.BodyGrace] and [Config.BodyRate], however long it may be.
func (a *API) Server(address string) *http.Server {
	return &http.Server{
		Addr: address, Handler: a.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(a.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// What serves each route.
var served = map[string]func(*API, http.ResponseWriter, *http.Request) error{
	"POST /v1/questions":                (*API).ask,
	"GET /v1/questions/{id}":            (*API).question,
	"POST /v1/clips":                    (*API).postClip,
	"GET /v1/clips":                     (*API).clips,
	"GET /v1/clips/{id}":                (*API).clip,
	"POST /v1/clips/{id}/close":         (*API).closeClip,
	"DELETE /v1/clips/{id}":             (*API).deleteClip,
	"GET /v1/clips/{id}/frames/{frame}": (*API).frame,
	"GET /v1/answers/{id}":              (*API).answer,
	"GET /v1/answers":                   (*API).answers,
	"GET /v1/models":                    (*API).models,
	"GET /v1/models/{name}":             (*API).model,
	"GET /openapi.yaml":                 (*API).contract,
}

// Routes returns all that there are, in order.
func Routes() []string { return slices.Sorted(maps.Keys(served)) }

// Handler serves all routes.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for route, serve := range served {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			a.cfg.Routed(r.Context(), route) // here, because the guard hands on a copy of the request: r.Pattern stays in it
			if err := serve(a, w, r); err != nil {
				a.refuse(w, r, err)
			}
		})
	}
	return a.limitBodies(a.guard(unknownRoutes(mux)))
}

func (a *API) models(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, struct {
		Models []Model `json:"models"`
	}{append([]Model{}, a.cfg.Models...)})
}

func (a *API) model(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	for _, m := range a.cfg.Models {
		if m.Name == name {
			return reply(w, http.StatusOK, m)
		}
	}
	return fmt.Errorf("api: show model: there is no model %.80q: %w", name, fault.NotFound)
}

func (a *API) contract(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(contract)
	return gone(err)
}

// reply writes a result. A client that went away meanwhile is no error; a result
// that cannot be written is, and nothing of it is sent.
func reply(w http.ResponseWriter, status int, result any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(result); err != nil {
		return fmt.Errorf("api: write the reply: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	_, err := w.Write(text.Bytes())
	return gone(err)
}

func gone(error) error { return nil }

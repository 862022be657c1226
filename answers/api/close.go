package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// ended is the body of POST /v1/clips/{id}/close.
type ended struct {
	End    *ingest.Time `json:"end,omitempty"`
	Camera string       `json:"camera,omitempty"`
}

// closeClip says that a clip's recording is complete: its event is acknowledged, and
// questions about its camera's time see it, when the reply says 200.
func (a *API) closeClip(w http.ResponseWriter, r *http.Request) error {
	in, err := a.readEnded(r)
	if err != nil {
		return err
	}
	c, err := a.known(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	event, err := in.event(c)
	if err != nil {
		return err
	}
	at := ingest.NewTime(time.Now())
	m, err := event.Message(a.cfg.Clips, a.cfg.Group, at)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // who goes away now leaves nothing half done
	if err := a.cfg.Stream.Publish(ctx, traced(m, r)); err != nil {
		return err
	}
	if err := a.cfg.Store.CloseClip(ctx, event, at.Time); err != nil {
		return err
	}
	if c, err = a.known(ctx, c.ID); err != nil {
		return err
	}
	return reply(w, http.StatusOK, withoutPassword(c))
}

// readEnded reads a request's body, which is JSON or left out.
func (a *API) readEnded(r *http.Request) (in ended, err error) {
	if leftOut(r) {
		return in, nil
	}
	if _, _, err := content(r, jsonType); err != nil {
		return in, err
	}
	_, err = a.read(r, reading{
		check:  func(text []byte, _ bool) error { return decode(text, &in) },
		accept: func(body) error { return nil },
	})
	return in, err
}

// leftOut reports whether a request has no body, or an empty one. Of a body whose length is not
// said it waits for the first byte, which is read again.
func leftOut(r *http.Request) bool {
	if r.ContentLength >= 0 {
		return r.ContentLength == 0
	}
	in := bufio.NewReaderSize(r.Body, 16)
	_, err := in.Peek(1)
	r.Body = struct {
		io.Reader
		io.Closer
	}{in, r.Body}
	return err == io.EOF // any other error comes again
}

// event is the data of the event that closes c.
func (in ended) event(c ingest.Clip) (ingest.ClosedClip, error) {
	closed := ingest.ClosedClip{ID: c.ID, Camera: c.Camera, End: in.End}
	switch {
	case in.Camera != "" && c.Camera != "" && in.Camera != c.Camera:
		return closed, fmt.Errorf("api: close clip %s: it is of camera %s, not %.140s: %w", c.ID, c.Camera, in.Camera, fault.BadRequest)
	case in.End == nil && c.End == nil:
		return closed, fmt.Errorf("api: close clip %s: end is missing, and the clip has none yet; questions about its camera's time wait for one: %w", c.ID, fault.BadRequest)
	case in.End == nil:
		closed.End = c.End
	}
	if c.Start != nil && !closed.End.After(c.Start.Time) {
		return closed, fmt.Errorf("api: close clip %s: end %s is not after its start %s: %w", c.ID, closed.End, c.Start, fault.BadRequest)
	}
	if closed.Camera == "" {
		closed.Camera = in.Camera
	}
	return closed, closed.Validate()
}

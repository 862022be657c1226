package api

import (
	"io"
	"net/http"
	"time"
)

// Most of a refused request's body that is heard out, and for how long. A client
// that sends all of its body before it listens would else find the connection
// reset, and not learn why.
const (
	hearBytes = 256 << 20
	hearTime  = 10 * time.Second
)

// hear has the bodies of refused requests heard out before they are replied to.
func (a *API) hear(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &heard{ReadCloser: r.Body, control: http.NewResponseController(w), expects: r.Header.Get("Expect") != ""}
		own := r.WithContext(r.Context()) // net/http still looks at the body of its own
		own.Body = b
		next.ServeHTTP(hearing{w, b}, own)
	})
}

// A heard body knows how far it was read.
type heard struct {
	io.ReadCloser
	control *http.ResponseController
	expects bool  // the client waits until we begin to read
	begun   bool  // we have
	ended   error // why there is no more to read
}

func (b *heard) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	b.ended = err
	return n, err
}

// finish reads what is left, within the limits. A client that was told nothing yet
// and waits for it sends nothing. If more is left the connection is closed after the
// reply; the deadline then stays, lest net/http waits for some of the rest.
func (b *heard) finish() {
	if b.ended != nil || b.expects && !b.begun {
		return
	}
	b.control.SetReadDeadline(time.Now().Add(hearTime)) // where that is not supported there is no connection to reset
	if _, err := io.CopyN(io.Discard, b, hearBytes); err == io.EOF {
		b.control.SetReadDeadline(time.Time{})
	} else {
		b.control.SetReadDeadline(time.Now())
	}
}

// A hearing is the reply to a request whose body is heard.
type hearing struct {
	http.ResponseWriter
	body *heard
}

// WriteHeader implements [http.ResponseWriter].
func (h hearing) WriteHeader(status int) {
	if status >= 400 {
		h.body.finish()
	}
	h.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (h hearing) Unwrap() http.ResponseWriter { return h.ResponseWriter }

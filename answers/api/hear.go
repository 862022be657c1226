package api

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"time"
)

// hearBytes is the most of a refused request's body that is heard out; the time for
// it is [Config.BodyGrace]. A client that sends all of its body before it listens
// would else find the connection reset, and not learn why.
const hearBytes = 256 << 20

// tooSlow is the kind of a body that comes too slowly.
const tooSlow = "request-timeout"

// hear has bodies come at a least rate, and those of refused requests heard out
// before they are replied to.
func (a *API) hear(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &heard{
			ReadCloser: r.Body, control: http.NewResponseController(w), expects: r.Header.Get("Expect") != "",
			grace: a.cfg.BodyGrace, rate: a.cfg.BodyRate, began: time.Now(),
		}
		own := r.WithContext(r.Context()) // net/http still looks at the body of its own
		own.Body = b
		next.ServeHTTP(hearing{w, b}, own)
	})
}

// A heard body knows how far it was read, and ends when it comes too slowly: no
// pause may be longer than grace, nor all of it take longer than grace and what its
// bytes take at rate. Else a few clients that send a byte now and then would keep
// their places for as long as they like.
type heard struct {
	io.ReadCloser
	control *http.ResponseController
	expects bool // the client waits until we begin to read
	grace   time.Duration
	rate    int64 // bytes a second
	began   time.Time

	begun bool // we have begun to read
	read  int64
	ended error // why there is no more to read
}

func (b *heard) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	b.begun = true
	b.control.SetReadDeadline(b.deadline(time.Now())) // where that is not supported there is no connection to hold
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = refusal{http.StatusRequestTimeout, tooSlow, 0, fmt.Errorf("api: read body: after %d bytes: it pauses for %v, or comes at less than %d bytes a second", b.read, b.grace, b.rate)}
	} else if err != nil {
		if err != io.EOF {
			err = bodyError(fmt.Sprintf("it breaks off after %d bytes, or is not framed as its head says", b.read))
		}
		b.control.SetReadDeadline(time.Time{}) // what is watched from now on is whether the client goes away
	}
	b.ended = err
	return n, err
}

func (b *heard) deadline(now time.Time) time.Time {
	all := b.began.Add(b.grace + time.Duration(float64(b.read)/float64(b.rate)*float64(time.Second)))
	if pause := now.Add(b.grace); pause.Before(all) {
		return pause
	}
	return all
}

// finish reads what is left, within the limits. A client that was told nothing yet
// and waits for it sends nothing. If more is left the connection is closed after the
// reply; the deadline then stays, lest net/http waits for some of the rest.
func (b *heard) finish() {
	if b.ended != nil || b.expects && !b.begun {
		return
	}
	b.began, b.read, b.rate = time.Now(), 0, math.MaxInt64 // grace for all of the rest
	if _, err := io.CopyN(io.Discard, b, hearBytes); err != io.EOF {
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

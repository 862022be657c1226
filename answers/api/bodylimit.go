package api

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"
)

// drainBytes is how much of a refused request's body is read and thrown away;
// [Config.BodyGrace] limits the time for that. Without it, a client that sends its whole
// body before it reads the reply would find the connection reset, and not learn why it
// was refused.
const drainBytes = 256 << 20

// tooSlow is the problem type of a body that arrives too slowly.
const tooSlow = "request-timeout"

// limitBodies enforces a least rate on the bodies of requests, and drains those of
// refused requests. A refusal is sent at once, before the rest of its body has come.
func (a *API) limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &limitedBody{
			ReadCloser: r.Body, control: http.NewResponseController(w), empty: r.ContentLength == 0, expects: r.Header.Get("Expect") != "",
			grace: a.cfg.BodyGrace, rate: a.cfg.BodyRate, began: time.Now(),
		}
		own := r.WithContext(r.Context()) // net/http goes on using the body of its own request
		own.Body = b
		reply := &drainingReply{ResponseWriter: w, body: b}
		next.ServeHTTP(reply, own)
		reply.finish()
	})
}

// A limitedBody counts the bytes that were read, and ends when they arrive too slowly:
// no pause may be longer than grace, and the whole body may take no longer than grace
// plus the time of its bytes at rate. Otherwise a few clients that send a byte now and
// then could keep their places for ever.
type limitedBody struct {
	io.ReadCloser
	control *http.ResponseController
	empty   bool
	expects bool // the client sends nothing until the server begins to read
	grace   time.Duration
	rate    int64 // bytes a second
	began   time.Time

	begun bool // reading has begun
	read  int64
	ended error // why there is no more to read
}

func (b *limitedBody) Read(p []byte) (int, error) {
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
		b.control.SetReadDeadline(time.Time{}) // from now on reads only notice that the client has gone
	}
	b.ended = err
	return n, err
}

func (b *limitedBody) deadline(now time.Time) time.Time {
	all := b.began.Add(b.grace + time.Duration(float64(b.read)/float64(b.rate)*float64(time.Second)))
	if pause := now.Add(b.grace); pause.Before(all) {
		return pause
	}
	return all
}

// drained reports whether nothing of the body is left to come. A client that waits to be
// asked for its body sends none after a refusal.
func (b *limitedBody) drained() bool {
	return b.ended != nil || b.empty || b.expects && !b.begun
}

// drain reads what is left, within the limits. If more is left, the connection closes
// after the reply. The expired deadline stays, so that net/http does not wait for the rest.
func (b *limitedBody) drain() {
	b.began, b.read, b.rate = time.Now(), 0, math.MaxInt64 // grace is for the whole rest
	if _, err := io.CopyN(io.Discard, b, drainBytes); err != io.EOF {
		b.control.SetReadDeadline(time.Now())
	}
}

// A drainingReply is the reply to a request with a limited body. It holds a refusal back
// until it is complete, and then sends it before it drains the body.
type drainingReply struct {
	http.ResponseWriter
	body *limitedBody
	held int // status of a refusal that is held back; 0: none is
	text []byte
}

// WriteHeader implements [http.ResponseWriter].
func (d *drainingReply) WriteHeader(status int) {
	if status >= 400 && !d.body.drained() {
		if d.body.control.EnableFullDuplex() == nil {
			d.held = status
			return
		}
		d.body.drain()
	}
	d.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (d *drainingReply) Write(p []byte) (int, error) {
	if d.held != 0 {
		d.text = append(d.text, p...)
		return len(p), nil
	}
	return d.ResponseWriter.Write(p)
}

// finish sends a refusal that was held back, and drains the body.
func (d *drainingReply) finish() {
	if d.held == 0 {
		return
	}
	d.Header().Set("Content-Length", strconv.Itoa(len(d.text)))
	d.ResponseWriter.WriteHeader(d.held)
	if _, err := d.ResponseWriter.Write(d.text); err == nil && d.body.control.Flush() == nil {
		d.body.drain()
	}
}

// Unwrap is for [http.ResponseController].
func (d *drainingReply) Unwrap() http.ResponseWriter { return d.ResponseWriter }

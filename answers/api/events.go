package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"videoqa/answers/live"
	"videoqa/answers/store"
	"videoqa/ingest"
)

// eventStream is what a client accepts that wants to read an answer while it is
// written (https://html.spec.whatwg.org/multipage/server-sent-events.html).
const eventStream = "text/event-stream"

// keptOpen is how often a stream without events says that it is there, for proxies that
// end what is silent.
const keptOpen = 15 * time.Second

// wantsEvents reports whether a request accepts a stream of events.
func wantsEvents(r *http.Request) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && kind == eventStream {
			return true
		}
	}
	return false
}

// listen returns the words of the answers to questions, if they are generated in this
// process; nil: they are not, or not wanted.
func (a *API) listen(r *http.Request, questions []ingest.Question) (words <-chan live.Word, stop func()) {
	if a.cfg.Words == nil || !wantsEvents(r) {
		return nil, func() {}
	}
	all := make([]live.Question, len(questions))
	for i, q := range questions {
		all[i] = live.Question{ID: q.ID, Request: q.RequestHash()}
	}
	return a.cfg.Words.Listen(all...)
}

// stream replies with events: a token for words as they are generated, a result for each
// question when it has its outcome. Questions that have none when the wait is over have a result that
// says waiting.
func (a *API) stream(w http.ResponseWriter, r *http.Request, questions []ingest.Question, words <-chan live.Word, wait time.Duration) error {
	s := &events{w: w, control: http.NewResponseController(w), sent: make([]bool, len(questions))}
	s.begin()
	results := unknown(questions)
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	left := len(questions)
	began, spoke := time.Now(), time.Now()
	for left > 0 && ctx.Err() == nil && s.err == nil {
		if err := a.look(ctx, questions, results, &left); err != nil && ctx.Err() == nil {
			a.cfg.Log.Error("a stream of answers broke off", "error", err)
			return nil // its status is sent: the missing results tell
		}
		switch {
		case s.tell(words, results):
			spoke = time.Now()
			s.flush()
		case time.Since(spoke) > keptOpen:
			spoke = time.Now()
			s.comment()
		}
		if left > 0 {
			s.pause(ctx, words, results, a.untilNextLook(began))
		}
	}
	if r.Context().Err() == nil {
		s.rest(results)
	}
	return nil
}

// An events writes a stream of events; the first error ends it.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    []bool // results, by question
	err     error
}

func (s *events) begin() {
	h := s.w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.w.WriteHeader(http.StatusOK)
	s.flush()
}

// comment sends a line that clients pass over.
func (s *events) comment() {
	if s.err == nil {
		_, s.err = fmt.Fprint(s.w, ": still waiting\n\n")
	}
	s.flush()
}

// flush sends what was written.
func (s *events) flush() {
	if s.err == nil {
		s.err = s.control.Flush()
	}
}

// send writes one event.
func (s *events) send(name string, data any) {
	if s.err != nil {
		return
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text) // on one line, with a line's end
	e.SetEscapeHTML(false)
	if s.err = e.Encode(data); s.err == nil {
		_, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n", name, text.Bytes())
	}
}

// tell writes the words that came, and the results that are new, and whether there
// were any. Words of an answer come before its result.
func (s *events) tell(words <-chan live.Word, results []Result) (any bool) {
	for {
		select {
		case w := <-words:
			any = s.word(w, results) || any
			continue
		default:
		}
		break
	}
	for i, r := range results {
		if r.Status != string(store.Waiting) && !s.sent[i] {
			s.sent[i], any = true, true
			s.send("result", r)
		}
	}
	return any
}

// word writes a token, unless its answer is there already.
func (s *events) word(w live.Word, results []Result) bool {
	for i, r := range results {
		if r.QuestionID == w.QuestionID && s.sent[i] {
			return false
		}
	}
	s.send("token", w)
	return true
}

// pause waits before the store is looked at again, and passes words on meanwhile.
func (s *events) pause(ctx context.Context, words <-chan live.Word, results []Result, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case w := <-words:
			if s.word(w, results) {
				s.flush()
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// rest writes the results of questions that still wait.
func (s *events) rest(results []Result) {
	for i, r := range results {
		if !s.sent[i] {
			s.send("result", r)
		}
	}
	s.flush()
}

// Package fault holds the few kinds of error that videoqa knows, and the one
// table that judges them.
//
//	return fmt.Errorf("frames: open %s: no video stream: %w", name, fault.BadVideo)
//	…
//	v := fault.Judge(err) // v.Name "bad-video", v.Status 422, v.Retry false
//
// A kind is named where the cause is understood, by wrapping it; everyone above
// asks with [errors.Is] or [Judge] and never looks at the text. What no kind is
// found in is our own bug: it is retried until the delivery limit and then
// accounted for as "internal".
package fault

import (
	"context"
	"errors"
	"net/http"
)

// The kinds. The text of each ends the sentence that a user reads.
var (
	Damaged        = errors.New("damaged record")               // what the store kept of it is not what was written
	BadEvent       = errors.New("malformed event")              // the record cannot be read as the event it claims to be
	BadID          = errors.New("malformed id")                 // an id does not match [A-Za-z0-9][A-Za-z0-9._:-]{0,127}
	UnknownSchema  = errors.New("unknown event type")           // a type or a major version that we do not know
	BadRequest     = errors.New("bad request")                  // the asker's arguments are wrong and will stay wrong
	BadVideo       = errors.New("unreadable video")             // the media's bytes are wrong and will stay wrong
	BadModel       = errors.New("unusable model")               // a checkpoint's files are wrong and will stay wrong
	UnknownModel   = errors.New("unknown model")                // the question names a model that this service does not have
	UnknownClip    = errors.New("unknown clip")                 // no clip of that id, after waiting for it
	NoFootage      = errors.New("no footage")                   // no clip of that camera covers any of the range
	RefusedURI     = errors.New("refused URI")                  // our own rules forbid fetching it
	UnreachableURI = errors.New("unreachable URI")              // it may be fetched and could not be
	DigestMismatch = errors.New("digest mismatch")              // the bytes are not those that were announced
	TooLarge       = errors.New("too large")                    // over a limit on bytes, pixels, duration or counts
	NotFound       = errors.New("not found")                    // what was asked for by name does not exist
	Conflict       = errors.New("conflicting request")          // the same id was used before for another request
	Overloaded     = errors.New("overloaded")                   // a bounded queue is full
	Unavailable    = errors.New("unavailable")                  // something that all need is down: store, broker, model
	Deadline       = errors.New("deadline passed")              // the asker's own deadline was over first
	CrashedWorker  = errors.New("worker crashed on this event") // twice, when nothing else was being worked on
)

// A Verdict says how a kind of error is shown and whether trying again can help.
type Verdict struct {
	Name   string // error_kind of dead letters, and the last part of a problem's type
	Status int    // HTTP status that the asker sees
	Retry  bool   // whether the event is delivered again
}

// judged is read top to bottom: the first kind found in the chain decides.
// Deadline stands before the context's own errors because it is usually joined
// with them.
var judged = []struct {
	kind error
	Verdict
}{
	{Damaged, Verdict{"damaged-record", http.StatusInternalServerError, false}},
	{BadEvent, Verdict{"bad-event", http.StatusBadRequest, false}},
	{BadID, Verdict{"bad-id", http.StatusBadRequest, false}},
	{UnknownSchema, Verdict{"unknown-schema", http.StatusBadRequest, false}},
	{Conflict, Verdict{"conflict", http.StatusConflict, false}},
	{TooLarge, Verdict{"too-large", http.StatusRequestEntityTooLarge, false}},
	{DigestMismatch, Verdict{"digest-mismatch", http.StatusUnprocessableEntity, false}},
	{RefusedURI, Verdict{"refused-uri", http.StatusForbidden, false}},
	{BadVideo, Verdict{"bad-video", http.StatusUnprocessableEntity, false}},
	{BadModel, Verdict{"bad-model", http.StatusInternalServerError, false}},
	{BadRequest, Verdict{"bad-request", http.StatusBadRequest, false}},
	{UnknownModel, Verdict{"unknown-model", http.StatusUnprocessableEntity, false}},
	{UnknownClip, Verdict{"unknown-clip", http.StatusNotFound, false}},
	{NoFootage, Verdict{"no-footage", http.StatusNotFound, false}},
	{NotFound, Verdict{"not-found", http.StatusNotFound, false}},
	{CrashedWorker, Verdict{"crashed-worker", http.StatusInternalServerError, false}},
	{Deadline, Verdict{"deadline", http.StatusGatewayTimeout, false}},
	{Overloaded, Verdict{"overload", http.StatusServiceUnavailable, true}},
	{UnreachableURI, Verdict{"unreachable-uri", http.StatusBadGateway, true}},
	{Unavailable, Verdict{"unavailable", http.StatusServiceUnavailable, true}},
	{context.Canceled, Verdict{"cancelled", 499, true}},
	{context.DeadlineExceeded, Verdict{"timeout", http.StatusGatewayTimeout, true}},
}

// Judge returns the verdict on err: that of the first kind of the table found in
// its chain, else {"internal", 500, retried}. A nil err is judged {"", 200, false}.
func Judge(err error) Verdict {
	if err == nil {
		return Verdict{"", http.StatusOK, false}
	}
	for _, j := range judged {
		if errors.Is(err, j.kind) {
			return j.Verdict.unless(isFinal(err))
		}
	}
	return internal.unless(isFinal(err))
}

// internal is the verdict on what no kind is found in.
var internal = Verdict{"internal", http.StatusInternalServerError, true}

// unless is v, but not to be tried again if that is final.
func (v Verdict) unless(final bool) Verdict {
	v.Retry = v.Retry && !final
	return v
}

// VerdictOf returns the verdict of a name; false: there is no such name.
func VerdictOf(name string) (v Verdict, found bool) {
	for _, j := range judged {
		if j.Name == name {
			return j.Verdict, true
		}
	}
	return internal, name == internal.Name
}

// StatusOf returns the HTTP status of a verdict's name; 500 for one that there is not.
func StatusOf(name string) int {
	v, _ := VerdictOf(name)
	return v.Status
}

// Names returns every name that Judge can give an error, in the table's order:
// the list that the schema of dead letters fixes.
func Names() []string {
	names := make([]string, 0, len(judged)+1)
	for _, j := range judged {
		names = append(names, j.Name)
	}
	return append(names, internal.Name)
}

// Package ingest holds the words that come in and go out: clips, questions,
// answers and dead letters, and how each is written as an event.
//
//	q := ingest.Question{ID: "q-17", Text: "is the door open?", Kind: ingest.YesNo, ClipID: "c-9"}
//	if err := q.Validate(); err != nil { … } // [fault.BadEvent], [fault.BadID] or [fault.TooLarge]
//
// One JSON serves the command line, HTTP and Kafka alike. Unknown fields are
// ignored, required ones are checked, and a list has its limit; what is refused
// is named with its field. Times are RFC 3339 in UTC with milliseconds, places
// within a clip are seconds from its first shown picture.
package ingest

import (
	"fmt"
	"regexp"
	"time"

	"videoqa/internal/fault"
)

// Limits on what one event may carry. They are part of the published contract.
const (
	MaxQuestionBytes = 1 << 10
	MaxChoices       = 64
	MaxChoiceBytes   = 128
	MaxQuestions     = 64 // in one call
	MaxFrames        = 64 // that a question may ask for; the model's own number is the real limit
	MaxURIBytes      = 2 << 10
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// CheckID returns [fault.BadID], naming the field, if id is not one of our ids.
func CheckID(field, id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("ingest: check %s: %q does not match %s: %w", field, shorten(id, 140), idPattern, fault.BadID)
	}
	return nil
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// Time is a wall-clock time that is written as RFC 3339 in UTC with exactly
// three digits of fraction, and read with any number of them.
type Time struct{ time.Time }

// NewTime returns t as it will be written: in UTC, cut to the millisecond.
func NewTime(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// String is t's text on every wire.
func (t Time) String() string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

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

	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
)

// Limits on what one event may carry. They are part of the published contract. Lengths
// count code points, as JSON Schema does: a Chinese question may be as long as an English one.
const (
	MaxQuestionLength = 1 << 10
	MaxChoices        = 64
	MaxChoiceLength   = 128
	MaxQuestions      = 64 // in one call
	MaxFrames         = 64 // that a question may ask for; the model's own number is the real limit
	MaxURILength      = 2 << 10
	MaxModelLength    = 256
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// CheckID returns [fault.BadID], naming the field, if id is not one of our ids.
func CheckID(field, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("ingest: check %s: it is missing or empty: %w", field, fault.BadID)
	case !idPattern.MatchString(id):
		return fmt.Errorf("ingest: check %s: %q has to be 1 to 128 letters of ASCII, digits and . _ : -, the first of them a letter or a digit: %w", field, shorten(id, 140), fault.BadID)
	}
	return nil
}

// shorten cuts what somebody sent to so many code points, so that an error about it
// stays readable and is UTF-8.
func shorten(s string, n int) string { return strictjson.Shorten(s, n) }

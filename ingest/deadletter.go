package ingest

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"videoqa/internal/strictjson"
)

// MaxReasonLength is how long a dead letter's reason may be, in code points.
const MaxReasonLength = 2000

// oneLine is text that every parser and terminal shows as it is: UTF-8 without control
// characters, and not longer than a reason may be.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strictjson.Shorten(text, MaxReasonLength)
}

// MaxDeadEventBytes is how much of a refused record a dead letter keeps.
const MaxDeadEventBytes = 256 << 10

// A DeadLetter accounts for an event that will get no answer: the data of
// videoqa.deadletter.created.v1.
type DeadLetter struct {
	ErrorKind   string            `json:"error_kind"` // one of [fault.Names]
	Reason      string            `json:"reason"`     // a sentence for a person
	Attempts    int               `json:"attempts"`
	FirstSeen   *Time             `json:"first_seen,omitempty"`
	FailedAt    Time              `json:"failed_at"`
	QuestionID  string            `json:"question_id,omitempty"`
	ClipID      string            `json:"clip_id,omitempty"`
	Camera      string            `json:"camera,omitempty"`
	Origin      *Origin           `json:"origin,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Event       json.RawMessage   `json:"event,omitempty"`        // the record's value, where it is JSON that every parser reads
	EventBase64 []byte            `json:"event_base64,omitempty"` // else its bytes
	Truncated   bool              `json:"truncated,omitempty"`    // of the event
	HeadersLost bool              `json:"headers_lost,omitempty"` // some headers are too long or too many, or no text
}

// Origin is where a record stood.
type Origin struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Shorten makes d small enough for a topic that took no larger one: of the event its
// first kilobyte is left, then nothing; false: there is no less.
func (d *DeadLetter) Shorten() bool {
	const little = 1 << 10
	value := append(slices.Clone([]byte(d.Event)), d.EventBase64...)
	if len(value) == 0 && d.Headers == nil {
		return false
	}
	d.Event, d.EventBase64, d.Headers, d.Truncated = nil, nil, nil, true
	if len(value) > little {
		d.EventBase64 = value[:little]
	}
	return true
}

// KeepEvent stores value in d: as it is where every JSON parser reads it, else as base64,
// cut to [MaxDeadEventBytes]. Whatever came, the letter itself can be read.
func (d *DeadLetter) KeepEvent(value []byte) {
	if len(value) <= MaxDeadEventBytes && strictjson.Portable(value) {
		d.Event = json.RawMessage(value)
		return
	}
	if d.Truncated = len(value) > MaxDeadEventBytes; d.Truncated {
		value = value[:MaxDeadEventBytes]
	}
	d.EventBase64 = value
}

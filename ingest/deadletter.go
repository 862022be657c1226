package ingest

import "encoding/json"

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
	Event       json.RawMessage   `json:"event,omitempty"`        // the record's value, where it is JSON
	EventBase64 []byte            `json:"event_base64,omitempty"` // else its bytes
	Truncated   bool              `json:"truncated,omitempty"`
}

// Origin is where a record stood.
type Origin struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
}

// KeepEvent stores value in d: as it is where it is JSON, else as base64, cut to
// [MaxDeadEventBytes].
func (d *DeadLetter) KeepEvent(value []byte) {
	if len(value) <= MaxDeadEventBytes && json.Valid(value) {
		d.Event = json.RawMessage(value)
		return
	}
	if d.Truncated = len(value) > MaxDeadEventBytes; d.Truncated {
		value = value[:MaxDeadEventBytes]
	}
	d.EventBase64 = value
}

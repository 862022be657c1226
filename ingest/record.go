package ingest

import (
	"encoding/json"
	"sync"
	"time"
)

// The topics, and how their records are keyed: camera, else clip.
const (
	TopicClips       = "vqa.clips.v1"
	TopicQuestions   = "vqa.questions.v1"
	TopicAnswers     = "vqa.answers.v1"
	TopicDeadLetters = "vqa.dlq.v1"
)

// A Header is one header of a record.
type Header struct {
	Key   string `json:"k"`
	Value []byte `json:"v"`
}

// A Record is one record as it was read from a topic. Its bytes belong to
// whoever received it.
type Record struct {
	Origin
	Key     []byte    `json:"key,omitempty"`
	Value   []byte    `json:"value,omitempty"`
	Headers []Header  `json:"headers,omitempty"`
	Time    time.Time `json:"time"`
}

// Header returns the value of r's first header of that key.
func (r Record) Header(key string) (value string, ok bool) {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value), true
		}
	}
	return "", false
}

// A Message is one record to be written.
type Message struct {
	Topic   string   `json:"topic"`
	Key     []byte   `json:"key,omitempty"`
	Value   []byte   `json:"value"`
	Headers []Header `json:"headers,omitempty"`
}

// Bytes returns m as it is kept in a store, for [ParseMessage].
func (m Message) Bytes() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return text
}

// ParseMessage reads what [Message.Bytes] returned.
func ParseMessage(text []byte) (m Message, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}

// A Delivery is a record that is worked on. Exactly one of Done and Drop must be called in
// the end; further calls do nothing.
type Delivery struct {
	Record
	// Revoked is closed when the record's partition is no longer ours: whoever
	// has it now will be given the record again, so its outcome may still be
	// stored, but nothing is published for it. nil: never.
	Revoked <-chan struct{}

	finish func(done bool)
}

// NewDelivery returns r as a delivery; finish is called once, with true when r needs
// never be read again.
func NewDelivery(r Record, revoked <-chan struct{}, finish func(done bool)) *Delivery {
	var once sync.Once
	return &Delivery{r, revoked, func(done bool) { once.Do(func() { finish(done) }) }}
}

// Done says that what came of the record has been acknowledged, or is stored.
func (d *Delivery) Done() { d.finish(true) }

// Drop says that the record was put down untouched: it will be read again.
func (d *Delivery) Drop() { d.finish(false) }

// Owned reports whether the record's partition is still ours.
func (d *Delivery) Owned() bool {
	select {
	case <-d.Revoked:
		return false
	default:
		return true
	}
}

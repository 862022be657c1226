package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"videoqa/internal/fault"
)

// The CloudEvents types. Their last part is the major version of the data.
const (
	TypeClipCreated   = "videoqa.clip.created.v1"
	TypeClipClosed    = "videoqa.clip.closed.v1"
	TypeClipDeleted   = "videoqa.clip.deleted.v1"
	TypeQuestionAsked = "videoqa.question.asked.v1"
	TypeAnswer        = "videoqa.answer.created.v1"
	TypeDeadLetter    = "videoqa.deadletter.created.v1"
)

// An Event is what a record of the clips or questions topic says.
type Event struct {
	Type string
	Time Time  // the event's own time; that of its record where it has none
	Data Datum // Clip, ClosedClip, DeletedClip or Question, by Type
}

// A Datum is the data of an event that comes in.
type Datum interface{ Validate() error }

// An envelope is a CloudEvent in any of its forms: the attributes that matter
// here, and the data as it lies. The structured form is ten fields of JSON, so
// encoding/json reads it; the CloudEvents SDK would bring a second event type
// and four modules for the same.
type envelope struct {
	SpecVersion string          `json:"specversion"`
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	Time        string          `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
	DataBase64  []byte          `json:"data_base64"`
}

// ReadEvent reads a record in any of the three forms: a CloudEvent in binary
// mode (headers ce_…), in structured mode (application/cloudevents+json), or
// plain JSON, which is the data of the type usual, the one of the record's
// topic. Unknown fields are ignored. A question without an id gets the event's,
// else its record's place. It returns [fault.UnknownSchema] or [fault.BadEvent];
// when the data could be read but are not valid, the Event too, with
// [fault.BadEvent] or [fault.BadID].
func ReadEvent(r Record, usual string) (Event, error) {
	env, err := open(r, usual)
	if err != nil {
		return Event{}, fmt.Errorf("ingest: read event: %w", err)
	}
	event := Event{Type: env.Type, Time: NewTime(r.Time)}
	if env.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, env.Time)
		if err != nil {
			return Event{}, fmt.Errorf("ingest: read event: time %q is not RFC 3339: %w", shorten(env.Time, 40), fault.BadEvent)
		}
		event.Time = NewTime(t)
	}
	if event.Data, err = env.datum(r); err != nil {
		return Event{}, fmt.Errorf("ingest: read event: %w", err)
	}
	return event, event.Data.Validate()
}

// open finds out the form of r. Both a header and the body may say that an event
// is structured: a console producer cannot set headers.
func open(r Record, usual string) (envelope, error) {
	content, _ := r.Header("content-type")
	media, _, _ := mime.ParseMediaType(content)
	version, binary := r.Header("ce_specversion")
	switch {
	case strings.HasPrefix(media, "application/cloudevents-batch"):
		return envelope{}, fmt.Errorf("a batch of events in one record: %w", fault.UnknownSchema)
	case media == "application/cloudevents+json":
		return structured(r.Value)
	case strings.HasPrefix(media, "application/cloudevents"):
		return envelope{}, fmt.Errorf("content type %q: %w", shorten(media, 80), fault.UnknownSchema)
	case binary:
		return binaryMode(r, version, media)
	}
	if err := checkObject(r.Value); err != nil {
		return envelope{}, err
	}
	var probe struct {
		SpecVersion *string `json:"specversion"`
	}
	if json.Unmarshal(r.Value, &probe) == nil && probe.SpecVersion != nil {
		return structured(r.Value)
	}
	return envelope{Type: usual, Data: r.Value}, nil
}

func binaryMode(r Record, version, media string) (envelope, error) {
	env := envelope{SpecVersion: version, ContentType: media, Data: r.Value}
	env.Type, _ = r.Header("ce_type")
	env.ID, _ = r.Header("ce_id")
	env.Time, _ = r.Header("ce_time")
	if err := env.check(); err != nil {
		return envelope{}, err
	}
	return env, checkObject(env.Data)
}

func structured(value []byte) (env envelope, err error) {
	if err := checkObject(value); err != nil {
		return envelope{}, err
	}
	if err := json.Unmarshal(value, &env); err != nil {
		return envelope{}, badJSON(err)
	}
	if err := env.check(); err != nil {
		return envelope{}, err
	}
	if env.Data == nil {
		env.Data = env.DataBase64
	}
	return env, checkObject(env.Data)
}

func (e envelope) check() error {
	media, _, _ := mime.ParseMediaType(e.ContentType)
	switch {
	case !strings.HasPrefix(e.SpecVersion, "1."):
		return fmt.Errorf("CloudEvents version %q, not 1.0: %w", shorten(e.SpecVersion, 40), fault.UnknownSchema)
	case e.Type == "":
		return fmt.Errorf("the event has no type: %w", fault.BadEvent)
	case e.ContentType != "" && media != "application/json" && !strings.HasSuffix(media, "+json"):
		return fmt.Errorf("data of content type %q, not application/json: %w", shorten(e.ContentType, 80), fault.UnknownSchema)
	}
	return nil
}

func (e envelope) datum(r Record) (Datum, error) {
	switch e.Type {
	case TypeClipCreated:
		return read[Clip](e.Data)
	case TypeClipClosed:
		return read[ClosedClip](e.Data)
	case TypeClipDeleted:
		return read[DeletedClip](e.Data)
	case TypeQuestionAsked:
		q, err := read[Question](e.Data)
		if q.ID == "" {
			q.ID = e.ID
		}
		if q.ID == "" {
			q.ID = r.Place()
		}
		return q, err
	}
	return nil, fmt.Errorf("type %q: %w", shorten(e.Type, 120), fault.UnknownSchema)
}

func read[T Datum](data []byte) (datum T, err error) {
	if err := json.Unmarshal(data, &datum); err != nil {
		return datum, badJSON(err)
	}
	return datum, nil
}

// checkObject tells text that is no JSON object from one whose fields are wrong;
// encoding/json would take null for an empty object and mend broken UTF-8.
func checkObject(text []byte) error {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return fmt.Errorf("the record is empty: %w", fault.BadEvent)
	case trimmed[0] != '{':
		return fmt.Errorf("the data are not a JSON object: %w", fault.BadEvent)
	case !utf8.Valid(text):
		return fmt.Errorf("the data are not UTF-8: %w", fault.BadEvent)
	}
	return nil
}

func badJSON(err error) error {
	var syntax *json.SyntaxError
	var field *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON after %d bytes: %w", syntax.Offset, fault.BadEvent)
	case errors.As(err, &field):
		return fmt.Errorf("field %s cannot be a JSON %s: %w", shorten(field.Field, 80), shorten(field.Value, 40), fault.BadEvent)
	}
	return fmt.Errorf("%s: %w", shorten(err.Error(), 200), fault.BadEvent) // a time that is no time
}

package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
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

	// Misspelt are fields of the data that were ignored and may be meant for one that there
	// is: "camra (did you mean camera?)".
	Misspelt []string
}

// A Datum is the data of an event that comes in.
type Datum interface{ Validate() error }

// An envelope is a CloudEvent in any of its forms: the attributes that matter
// here, and the data as it lies. The structured form is ten fields of JSON; the
// CloudEvents SDK would bring a second event type and four modules for the same.
// An attribute that is null counts as left out (CloudEvents JSON format, 2.2).
type envelope struct {
	SpecVersion string          `json:"specversion" strict:"required,null"`
	Type        string          `json:"type" strict:"null"`
	ID          string          `json:"id" strict:"null"`
	Time        string          `json:"time" strict:"null"`
	ContentType string          `json:"datacontenttype" strict:"null"`
	Data        json.RawMessage `json:"data" strict:"null"`
	DataBase64  []byte          `json:"data_base64" strict:"null"`
}

// ReadEvent reads a record in any of the three forms: a CloudEvent in binary
// mode (headers ce_…), in structured mode (application/cloudevents+json), or
// plain JSON, which is the data of the type usual, the one of the record's
// topic. JSON is read by [strictjson]: names letter by letter, none twice, no null.
// Unknown fields are ignored; [Event.Misspelt] and [Question.Unknown] tell of those that may
// be misspelt. A question without an id gets the event's, else its record's
// place. It returns [fault.UnknownSchema], [fault.BadEvent] or [fault.BadID]; with the last
// two, Data is what could be read, so that a dead letter can name the question, or nil.
func ReadEvent(r Record, usual string) (Event, error) { return readEvent(r, usual, readStrictly) }

// ReadWaiting reads the record of a question that was taken earlier, whose request has
// this hash. Versions before this one took names in any case, and null and empty values:
// what they stored is still read as they read it, if it is not what ReadEvent makes of it.
func ReadWaiting(r Record, request string) (Event, error) {
	event, err := ReadEvent(r, TypeQuestionAsked)
	if q, ok := event.Data.(Question); err == nil && ok && q.RequestHash() == request {
		return event, nil
	}
	old, failed := readEvent(r, TypeQuestionAsked, readAsBefore)
	if q, ok := old.Data.(Question); failed == nil && ok && q.RequestHash() == request {
		return old, nil
	}
	return event, err
}

// A jsonReader reads one JSON object into a struct and tells of names that it has no
// field for.
type jsonReader func(text []byte, into any) (unknown []strictjson.Unknown, err error)

func readEvent(r Record, usual string, read jsonReader) (Event, error) {
	env, err := open(r, usual, read)
	if err != nil {
		return Event{}, fmt.Errorf("ingest: read event: %w", err)
	}
	event := Event{Type: env.Type, Time: NewTime(r.Time)}
	if env.Time != "" {
		t, err := ParseTime(env.Time)
		if err != nil {
			return Event{}, fmt.Errorf("ingest: read event: time %w: %w", err, fault.BadEvent)
		}
		event.Time = NewTime(t.Time)
	}
	if event.Data, event.Misspelt, err = env.datum(r, read); err != nil {
		return event, fmt.Errorf("ingest: read event: %w", err)
	}
	return event, event.Data.Validate()
}

// open finds out the form of r. Both a header and the body may say that an event
// is structured: a console producer cannot set headers.
func open(r Record, usual string, read jsonReader) (envelope, error) {
	if err := checkHeaders(r.Headers); err != nil {
		return envelope{}, err
	}
	content, _ := r.Header("content-type")
	media, _, _ := mime.ParseMediaType(content)
	version, binary := r.Header("ce_specversion")
	switch {
	case strings.HasPrefix(media, "application/cloudevents-batch"):
		return envelope{}, fmt.Errorf("a batch of events in one record: %w", fault.UnknownSchema)
	case media == "application/cloudevents+json":
		return structured(r.Value, read)
	case strings.HasPrefix(media, "application/cloudevents"):
		return envelope{}, fmt.Errorf("content type %q: %w", shorten(media, 80), fault.UnknownSchema)
	case binary:
		return binaryMode(r, version, media)
	}
	var probe struct {
		SpecVersion json.RawMessage `json:"specversion"`
	}
	if _, err := read(r.Value, &probe); err != nil {
		return envelope{}, err
	}
	if probe.SpecVersion != nil {
		return structured(r.Value, read)
	}
	return envelope{Type: usual, Data: r.Value}, nil
}

// checkHeaders refuses an event whose headers say two things at once.
func checkHeaders(headers []Header) error {
	said := map[string]string{}
	for _, h := range headers {
		if h.weight() == 0 {
			continue
		}
		before, twice := said[h.Key]
		if twice && before != string(h.Value) {
			return fmt.Errorf("the header %s is given twice, as %q and as %q: %w", shorten(h.Key, 80), shorten(before, 80), shorten(string(h.Value), 80), fault.BadEvent)
		}
		said[h.Key] = string(h.Value)
	}
	return nil
}

func binaryMode(r Record, version, media string) (envelope, error) {
	env := envelope{SpecVersion: version, ContentType: media, Data: r.Value}
	env.Type, _ = r.Header("ce_type")
	env.ID, _ = r.Header("ce_id")
	env.Time, _ = r.Header("ce_time")
	return env, env.check()
}

func structured(value []byte, read jsonReader) (env envelope, err error) {
	if _, err := read(value, &env); err != nil {
		return envelope{}, err
	}
	if err := env.check(); err != nil {
		return envelope{}, err
	}
	switch {
	case env.Data != nil && env.DataBase64 != nil:
		return envelope{}, fmt.Errorf("the event has both data and data_base64: %w", fault.BadEvent)
	case env.Data == nil && env.DataBase64 == nil:
		return envelope{}, fmt.Errorf("the event has no data: %w", fault.BadEvent)
	case env.Data == nil:
		env.Data = env.DataBase64
	}
	return env, nil
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

func (e envelope) datum(r Record, read jsonReader) (data Datum, misspelt []string, err error) {
	switch e.Type {
	case TypeClipCreated:
		return datumOf[Clip](e.Data, read)
	case TypeClipClosed:
		return datumOf[ClosedClip](e.Data, read)
	case TypeClipDeleted:
		return datumOf[DeletedClip](e.Data, read)
	case TypeQuestionAsked:
		var q Question
		unknown, err := read(e.Data, &q)
		var wrong *strictjson.Error
		if errors.As(err, &wrong) && !wrong.Missing {
			return q, nil, err // perhaps before its id was read
		}
		q.Unknown = nearNames(unknown)
		if q.ID == "" {
			q.ID = e.ID
		}
		if q.ID == "" {
			q.ID = r.Place()
		}
		return q, hints(unknown), err
	}
	return nil, nil, fmt.Errorf("type %q: %w", shorten(e.Type, 120), fault.UnknownSchema)
}

func datumOf[T Datum](text []byte, read jsonReader) (data T, misspelt []string, err error) {
	unknown, err := read(text, &data)
	return data, hints(unknown), err
}

// mostUnknown is how many unknown fields an answer, or a line of the log, tells of.
const mostUnknown = 8

// nearMisses are those unknown fields that may be meant for one that there is. Others are a
// producer's own, and nobody's business.
func nearMisses(unknown []strictjson.Unknown) []strictjson.Unknown {
	near := slices.DeleteFunc(slices.Clone(unknown), func(u strictjson.Unknown) bool { return u.Meant == "" })
	return near[:min(len(near), mostUnknown)]
}

func nearNames(unknown []strictjson.Unknown) (names []string) {
	for _, u := range nearMisses(unknown) {
		names = append(names, shorten(u.Name(), 80))
	}
	return names
}

// hints are the names with what they may be meant for.
func hints(unknown []strictjson.Unknown) (hints []string) {
	for _, u := range nearMisses(unknown) {
		hints = append(hints, fmt.Sprintf("%s (did you mean %s?)", shorten(u.Name(), 80), u.Meant))
	}
	return hints
}

// readStrictly reads what comes in.
func readStrictly(text []byte, into any) (unknown []strictjson.Unknown, err error) {
	unknown, err = strictjson.Read(text, into)
	return unknown, Malformed(err, fault.BadEvent)
}

// Malformed gives what [strictjson.Read] says its kind: [fault.BadID] of an id that is
// empty, else usual. nil stays nil.
func Malformed(err, usual error) error {
	var e *strictjson.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Empty && slices.Contains([]string{"question_id", "clip_id", "camera"}, jsontext.Pointer(e.Pointer).LastToken()):
		return fmt.Errorf("%w: %w", err, fault.BadID)
	}
	return fmt.Errorf("%w: %w", err, usual)
}

// readAsBefore reads what an earlier version took.
func readAsBefore(text []byte, into any) ([]strictjson.Unknown, error) {
	if !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return nil, fmt.Errorf("the data are not a JSON object in UTF-8: %w", fault.BadEvent)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fmt.Errorf("%w: %w", err, fault.BadEvent)
	}
	return nil, nil
}

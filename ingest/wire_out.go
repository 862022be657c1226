package ingest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits on what of a refused record's headers a dead letter keeps: with the
// event itself it stays below the megabyte that a broker takes.
const (
	maxDeadHeaders     = 64
	maxDeadHeaderBytes = 1 << 10
)

// Place is where a record stood, as an id: "topic:partition:offset".
func (o Origin) Place() string { return fmt.Sprintf("%s:%d:%d", o.Topic, o.Partition, o.Offset) }

// EventID is the id of the dead letter of the record that stood at o: whoever
// refuses that record again gives its dead letter the same id.
func (o Origin) EventID() string {
	sum := sha256.Sum256([]byte(o.Place()))
	return "d-" + hex.EncodeToString(sum[:16])
}

// Message writes a as an event in binary mode for topic. at is the event time
// of the question; where the footage has a wall clock, its end is the event time
// instead. group names us in the event's source.
func (a Answer) Message(topic, group string, at Time) (Message, error) {
	subject := ""
	if len(a.Clips) > 0 {
		subject = a.Clips[0].ID
	}
	for _, t := range []*Time{a.Start, a.End} {
		if t != nil {
			at = *t
		}
	}
	return cloudEvent(topic, TypeAnswer, a.ID, group, subject, at, firstOf(a.Camera, subject, a.QuestionID), a)
}

// Message writes d as an event in binary mode for topic; its event time is that
// of the failure.
func (d DeadLetter) Message(topic, group string) (Message, error) {
	id := ""
	if d.Origin != nil {
		id = d.Origin.EventID()
	}
	d.Reason = oneLine(d.Reason)
	key := firstOf(d.Camera, d.ClipID, d.QuestionID, id)
	return cloudEvent(topic, TypeDeadLetter, id, group, d.ClipID, d.FailedAt, key, d)
}

// Message writes q as an event in binary mode for topic, asked at that time; group
// names us in its source.
func (q Question) Message(topic, group string, at Time) (Message, error) {
	return cloudEvent(topic, TypeQuestionAsked, q.ID, group, q.ClipID, at, firstOf(q.Camera, q.ClipID, q.ID), q)
}

// Message writes c likewise.
func (c Clip) Message(topic, group string, at Time) (Message, error) {
	return cloudEvent(topic, TypeClipCreated, c.ID, group, c.ID, at, firstOf(c.Camera, c.ID), c)
}

// Message writes c likewise. Its key should be that of the clip's other events.
func (c DeletedClip) Message(topic, group string, at Time) (Message, error) {
	return cloudEvent(topic, TypeClipDeleted, c.ID, group, c.ID, at, firstOf(c.Camera, c.ID), c)
}

// Message writes c likewise.
func (c ClosedClip) Message(topic, group string, at Time) (Message, error) {
	return cloudEvent(topic, TypeClipClosed, c.ID, group, c.ID, at, firstOf(c.Camera, c.ID), c)
}

func firstOf(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

// ownSource begins the source of every event that we write; our group follows.
const ownSource = "/videoqa/"

// Ours tells by a record's headers whether it is an event that we wrote.
func Ours(headers []Header) bool {
	source, _ := Record{Headers: headers}.Header("ce_source")
	return strings.HasPrefix(source, ownSource)
}

func cloudEvent(topic, kind, id, group, subject string, at Time, key string, data any) (Message, error) {
	var value bytes.Buffer
	e := json.NewEncoder(&value)
	e.SetEscapeHTML(false) // a kept event must not grow: <, > and & would become six bytes each
	if err := e.Encode(data); err != nil {
		return Message{}, fmt.Errorf("ingest: write %s: %w", kind, err)
	}
	m := Message{Topic: topic, Key: []byte(key), Value: bytes.TrimSuffix(value.Bytes(), []byte("\n"))}
	for _, h := range []struct{ key, value string }{
		{"ce_specversion", "1.0"}, {"ce_id", id}, {"ce_type", kind}, {"ce_source", ownSource + group},
		{"ce_subject", subject}, {"ce_time", at.String()}, {"content-type", "application/json"},
	} {
		if h.value != "" {
			m.Headers = append(m.Headers, Header{h.key, []byte(h.value)})
		}
	}
	return m, nil
}

// KeepRecord stores where r stood, its headers and its value in d, each within
// its limit. Headers that are not text are left out, and all but the first of one name.
func (d *DeadLetter) KeepRecord(r Record) {
	origin := r.Origin
	d.Origin = &origin
	if len(r.Headers) > 0 {
		d.Headers = map[string]string{}
	}
	// Those that say what the event is come first, should there be too many.
	headers := slices.Clone(r.Headers)
	slices.SortStableFunc(headers, func(a, b Header) int { return cmp.Compare(b.weight(), a.weight()) })
	for i, h := range headers {
		if i == maxDeadHeaders {
			d.HeadersLost = true
			break
		}
		_, twice := d.Headers[h.Key] // the first counts, as Record.Header has it
		if twice || len(h.Key)+len(h.Value) > maxDeadHeaderBytes || !isText(h.Value) || !isText([]byte(h.Key)) {
			d.HeadersLost = true
			continue
		}
		d.Headers[h.Key] = string(h.Value)
	}
	d.KeepEvent(r.Value)
}

// isText reports whether every JSON parser can take raw as a string.
func isText(raw []byte) bool { return utf8.Valid(raw) && !bytes.ContainsRune(raw, 0) }

// weight is more of a header without which the event would be read as another.
func (h Header) weight() int {
	if strings.HasPrefix(h.Key, "ce_") || strings.EqualFold(h.Key, "content-type") {
		return 1
	}
	return 0
}

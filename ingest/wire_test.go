package ingest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
)

func record(value string, headers ...string) ingest.Record {
	r := ingest.Record{Origin: ingest.Origin{Topic: "vqa.questions.v1", Partition: 2, Offset: 40}, Value: []byte(value), Time: time.UnixMilli(1_000)}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, ingest.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

func TestAQuestionComesInThreeForms(t *testing.T) {
	const data = `{"question_id":"q-1","question":"is it open?","clip_id":"c-1","colour":"ignored"}`
	for _, tc := range []struct {
		name   string
		record ingest.Record
		id     string
		at     string
	}{
		{"plain JSON is the data of the topic's usual type", record(data), "q-1", "1970-01-01T00:00:01.000Z"},
		{"binary mode", record(data, "ce_specversion", "1.0", "ce_type", ingest.TypeQuestionAsked, "ce_id", "e-1", "ce_time", "2026-09-01T12:00:00+02:00", "content-type", "application/json; charset=utf-8"),
			"q-1", "2026-09-01T10:00:00.000Z"},
		{"structured mode", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e-1","source":"/x","time":"2026-09-01T10:00:00.5Z","datacontenttype":"application/json","data":`+data+`}`,
			"content-type", "application/cloudevents+json; charset=UTF-8"), "q-1", "2026-09-01T10:00:00.500Z"},
		{"structured mode from a producer that sets no headers", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e-1","source":"/x","data":` + data + `}`), "q-1", "1970-01-01T00:00:01.000Z"},
		{"structured mode with its data in base64", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e-1","source":"/x","data_base64":"eyJxdWVzdGlvbiI6ImlzIGl0IG9wZW4/IiwiY2xpcF9pZCI6ImMtMSJ9"}`), "e-1", "1970-01-01T00:00:01.000Z"},
		{"a question without an id gets the event's", record(`{"question":"is it open?","clip_id":"c-1"}`, "ce_specversion", "1.0", "ce_type", ingest.TypeQuestionAsked, "ce_id", "e-1"), "e-1", "1970-01-01T00:00:01.000Z"},
		{"without any id it gets its place", record(`{"question":"is it open?","clip_id":"c-1"}`), "vqa.questions.v1:2:40", "1970-01-01T00:00:01.000Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			event, err := ingest.ReadEvent(tc.record, ingest.TypeQuestionAsked)
			if err != nil {
				t.Fatal(err)
			}
			q, ok := event.Data.(ingest.Question)
			if !ok || q.ID != tc.id || q.Text != "is it open?" || q.ClipID != "c-1" || event.Time.String() != tc.at {
				t.Errorf("%+v at %s; want %s at %s", event.Data, event.Time, tc.id, tc.at)
			}
		})
	}
}

func TestClipEventsAreToldApart(t *testing.T) {
	for kind, data := range map[string]string{
		ingest.TypeClipCreated: `{"clip_id":"c-1","uri":"file:///a"}`,
		ingest.TypeClipClosed:  `{"clip_id":"c-1","end":"2026-09-01T10:00:00Z"}`,
		ingest.TypeClipDeleted: `{"clip_id":"c-1"}`,
	} {
		event, err := ingest.ReadEvent(record(data, "ce_specversion", "1.0", "ce_type", kind), ingest.TypeClipCreated)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		switch event.Data.(type) {
		case ingest.Clip:
			got = ingest.TypeClipCreated
		case ingest.ClosedClip:
			got = ingest.TypeClipClosed
		case ingest.DeletedClip:
			got = ingest.TypeClipDeleted
		}
		if got != kind {
			t.Errorf("%s is read as %T", kind, event.Data)
		}
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	binary := func(value string, more ...string) ingest.Record {
		return record(value, append([]string{"ce_specversion", "1.0", "ce_type", ingest.TypeQuestionAsked, "ce_id", "e-1"}, more...)...)
	}
	for _, tc := range []struct {
		name   string
		record ingest.Record
		kind   error
	}{
		{"nothing", record(""), fault.BadEvent},
		{"null", record("null"), fault.BadEvent},
		{"a list", record("[{}]"), fault.BadEvent},
		{"half a JSON", record(`{"question_id":"q-1"`), fault.BadEvent},
		{"two JSON", record(`{"question_id":"q-1"}{}`), fault.BadEvent},
		{"broken UTF-8", record("{\"question\":\"\xff\"}"), fault.BadEvent},
		{"a number for a text", record(`{"question_id":"q-1","question":7,"clip_id":"c-1"}`), fault.BadEvent},
		{"a time that is none", record(`{"question_id":"q-1","question":"a?","camera":"x","start":"noon","end":"later"}`), fault.BadEvent},
		{"an id with a slash", record(`{"question_id":"a/b","question":"a?","clip_id":"c-1"}`), fault.BadID},
		{"an event's id that is no id of ours", record(`{"question":"a?","clip_id":"c-1"}`, "ce_specversion", "1.0", "ce_type", ingest.TypeQuestionAsked, "ce_id", "a b"), fault.BadID},
		{"no question", record(`{"question_id":"q-1","clip_id":"c-1"}`), fault.BadEvent},
		{"a question in capitals", record(`{"question_id":"q-1","QUESTION":"a?","clip_id":"c-1"}`), fault.BadEvent},
		{"null for a question", record(`{"question_id":"q-1","question":null,"clip_id":"c-1"}`), fault.BadEvent},
		{"a field twice", record(`{"question_id":"q-1","question":"a?","question":"b?","clip_id":"c-1"}`), fault.BadEvent},
		{"a field twice in what is ignored", record(`{"question_id":"q-1","question":"a?","clip_id":"c-1","mine":[{"a":1,"a":1}]}`), fault.BadEvent},
		{"half a surrogate pair", record(`{"question_id":"q-1","question":"\ud83d","clip_id":"c-1"}`), fault.BadEvent},
		{"a byte order mark", record("\ufeff" + `{"question_id":"q-1","question":"a?","clip_id":"c-1"}`), fault.BadEvent},
		{"an empty id", record(`{"question_id":"","question":"a?","clip_id":"c-1"}`), fault.BadID},
		{"binary mode, a field twice", binary(`{"question":"a?","question":"a?","clip_id":"c-1"}`), fault.BadEvent},
		{"two types in the headers", binary(`{"question":"a?","clip_id":"c-1"}`, "ce_type", ingest.TypeClipDeleted), fault.BadEvent},
		{"structured, an attribute twice", record(`{"specversion":"1.0","type":"videoqa.clip.deleted.v1","type":"videoqa.question.asked.v1","data":{"question":"a?","clip_id":"c-1"}}`), fault.BadEvent},
		{"structured, a field twice", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","data":{"question":"a?","clip_id":"c-1","clip_id":"c-2"}}`), fault.BadEvent},
		{"structured, a field twice in base64", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","data_base64":"eyJxdWVzdGlvbiI6ImE/IiwicXVlc3Rpb24iOiJhPyJ9"}`), fault.BadEvent},
		{"structured, data twice over", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","data":{"question":"a?","clip_id":"c-1"},"data_base64":"e30="}`), fault.BadEvent},
		{"structured, names in capitals", record(`{"specversion":"1.0","Type":"videoqa.question.asked.v1","data":{"question":"a?","clip_id":"c-1"}}`), fault.BadEvent},
		{"no target", record(`{"question_id":"q-1","question":"a?"}`), fault.BadEvent},
		{"a later major version", record("{}", "ce_specversion", "1.0", "ce_type", "videoqa.question.asked.v2"), fault.UnknownSchema},
		{"another type", record("{}", "ce_specversion", "1.0", "ce_type", "com.example.ping"), fault.UnknownSchema},
		{"an answer", record("{}", "ce_specversion", "1.0", "ce_type", ingest.TypeAnswer), fault.UnknownSchema},
		{"no type", record("{}", "ce_specversion", "1.0"), fault.BadEvent},
		{"CloudEvents 0.3", record("{}", "ce_specversion", "0.3", "ce_type", ingest.TypeQuestionAsked), fault.UnknownSchema},
		{"an event time that is none", binary(`{"question":"a?","clip_id":"c-1"}`, "ce_time", "yesterday"), fault.BadEvent},
		{"Avro", binary(`{}`, "content-type", "application/avro"), fault.UnknownSchema},
		{"a batch of events", record(`[]`, "content-type", "application/cloudevents-batch+json"), fault.UnknownSchema},
		{"events in Avro", record(`{}`, "content-type", "application/cloudevents+avro"), fault.UnknownSchema},
		{"structured without data", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1"}`), fault.BadEvent},
		{"structured with a text for data", record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","data":"x"}`), fault.BadEvent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if event, err := ingest.ReadEvent(tc.record, ingest.TypeQuestionAsked); !errors.Is(err, tc.kind) {
				t.Errorf("ReadEvent(%s) = %+v, %v; want %v", tc.record.Value, event, err, tc.kind)
			}
		})
	}
}

// An attribute of a structured event may be null (CloudEvents JSON format, 2.2).
func TestANullAttributeIsLeftOut(t *testing.T) {
	r := record(`{"specversion":"1.0","type":"videoqa.question.asked.v1","id":"e-1","time":null,"datacontenttype":null,"data_base64":null,"subject":null,"data":{"question":"","clip_id":"c-1"}}`)
	event, err := ingest.ReadEvent(r, ingest.TypeClipCreated)
	if q, ok := event.Data.(ingest.Question); err != nil || !ok || q.ID != "e-1" {
		t.Errorf("%+v, %v", event, err)
	}
}

func TestMisspeltFieldsOfAQuestionAreTold(t *testing.T) {
	r := record(`{"question_id":"q-1","question":"a?","Question":"b?","clip_id":"c-1","camrea":"x","tenant":"y","edn":1,"fps":2,"kimd":"count"}`)
	event, err := ingest.ReadEvent(r, ingest.TypeQuestionAsked)
	q, _ := event.Data.(ingest.Question)
	if want := []string{"Question", "camrea", "edn", "kimd"}; err != nil || q.Text != "a?" || !slices.Equal(q.Unknown, want) {
		t.Errorf("%+v, %v; want the unknown fields %q", q, err, want)
	}
	plain := q
	if plain.Unknown = nil; plain.RequestHash() != q.RequestHash() {
		t.Error("fields that are ignored change the request")
	}
}

func TestADeadLetterCanNameTheQuestionThatWasRefused(t *testing.T) {
	event, err := ingest.ReadEvent(record(`{"question_id":"q-1","queston":"a?","clip_id":"c-1"}`), ingest.TypeQuestionAsked)
	if q, ok := event.Data.(ingest.Question); !ok || q.ID != "q-1" || q.ClipID != "c-1" || !strings.Contains(err.Error(), `question is missing; did you mean it by "queston"?`) {
		t.Errorf("%+v, %v", event, err)
	}
}

// What an earlier version took is read as that version read it.
func TestAQuestionThatWaitsIsReadAsItWasTaken(t *testing.T) {
	later := ingest.Question{ID: "q-1", Text: "b?", ClipID: "c-1"}
	for name, value := range map[string]string{
		"names in any case, the last wins": `{"question_id":"q-1","question":"a?","QUESTION":"b?","clip_id":"c-1"}`,
		"names twice":                      `{"question_id":"q-1","question":"a?","question":"b?","clip_id":"c-1"}`,
		"null and nothing":                 `{"question_id":"q-1","question":"b?","clip_id":"c-1","camera":null,"uri":"","frames":null}`,
		"as it is read now":                `{"question_id":"q-1","question":"b?","clip_id":"c-1"}`,
	} {
		event, err := ingest.ReadWaiting(record(value), later.RequestHash())
		if q, ok := event.Data.(ingest.Question); err != nil || !ok || q.RequestHash() != later.RequestHash() {
			t.Errorf("%s: %+v, %v", name, event, err)
		}
	}
	caption := ingest.Question{ID: "q-1", ClipID: "c-1"}
	event, err := ingest.ReadWaiting(record(`{"question_id":"q-1","clip_id":"c-1"}`), caption.RequestHash())
	if q, ok := event.Data.(ingest.Question); err != nil || !ok || q.AsKind() != ingest.Caption {
		t.Errorf("a caption without a question: %+v, %v", event, err)
	}
	if _, err := ingest.ReadWaiting(record(`{"question_id":"q-1","question":"a?","QUESTION":"b?"}`), "another"); !errors.Is(err, fault.BadEvent) {
		t.Errorf("what nobody took: %v", err)
	}
}

func header(m ingest.Message, key string) string {
	value, _ := ingest.Record{Headers: m.Headers}.Header(key)
	return value
}

func TestAnAnswerGoesOutInBinaryMode(t *testing.T) {
	start, asked := at("2026-09-01T10:00:00Z"), at("2026-09-01T11:00:00Z")
	a := ingest.Answer{ID: "a-1", QuestionID: "q-1", Camera: "dock-3", Clips: []ingest.SeenClip{{ID: "c-1"}}, Text: "yes"}
	m, err := a.Message("answers", "g", *asked)
	if err != nil {
		t.Fatal(err)
	}
	if got := header(m, "ce_time"); got != "2026-09-01T11:00:00.000Z" {
		t.Errorf("without a wall clock the event time is %s, not the question's", got)
	}
	a.Start, a.End = start, at("2026-09-01T10:00:10Z")
	if m, err = a.Message("answers", "g", *asked); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"ce_specversion": "1.0", "ce_id": "a-1", "ce_type": "videoqa.answer.created.v1", "ce_source": "/videoqa/g",
		"ce_subject": "c-1", "ce_time": "2026-09-01T10:00:10.000Z", "content-type": "application/json",
	} {
		if got := header(m, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if m.Topic != "answers" || string(m.Key) != "dock-3" {
		t.Errorf("topic %s, key %s", m.Topic, m.Key)
	}
	back, err := ingest.ParseMessage(m.Bytes())
	if err != nil || string(back.Value) != string(m.Value) || header(back, "ce_time") != header(m, "ce_time") || string(back.Key) != "dock-3" {
		t.Errorf("a stored message is not what was stored: %+v, %v", back, err)
	}
}

func TestADeadLetterKeepsWhatCame(t *testing.T) {
	r := record("\xff\x00 no JSON", "ce_id", "e-1", "blob", "\xff", "long", strings.Repeat("x", 2000))
	var d ingest.DeadLetter
	d.KeepRecord(r)
	d.ErrorKind, d.FailedAt = "bad-event", *at("2026-09-01T10:00:00Z")
	m, err := d.Message("dlq", "g")
	if err != nil {
		t.Fatal(err)
	}
	var back ingest.DeadLetter
	if err := json.Unmarshal(m.Value, &back); err != nil {
		t.Fatal(err)
	}
	if string(back.EventBase64) != string(r.Value) || *back.Origin != r.Origin || back.Headers["ce_id"] != "e-1" || len(back.Headers) != 1 || !back.HeadersLost || back.Truncated {
		t.Errorf("%s", m.Value)
	}
	if header(m, "ce_id") != r.EventID() || r.EventID() == (ingest.Origin{Topic: "vqa.questions.v1", Partition: 2, Offset: 41}).EventID() {
		t.Errorf("the id %q is not that of the record's place", header(m, "ce_id"))
	}
	var large ingest.DeadLetter
	large.KeepRecord(record(strings.Repeat("\xff", 900<<10)))
	if m, err := large.Message("dlq", "g"); err != nil || len(m.Value) > 900<<10 || !large.Truncated {
		t.Errorf("a dead letter of a large record has %d bytes: %v", len(m.Value), err)
	}
}

// letter is the dead letter of a record, as bytes that a strict parser has read.
func letter(t *testing.T, r ingest.Record, reason string) (text []byte, d ingest.DeadLetter) {
	t.Helper()
	d.KeepRecord(r)
	d.ErrorKind, d.Reason, d.FailedAt = "bad-event", reason, *at("2026-09-01T10:00:00Z")
	m, err := d.Message("dlq", "g")
	if err != nil {
		t.Fatal(err)
	}
	if !strictjson.Portable(m.Value) {
		t.Fatalf("the dead letter of %.80q with %.80q is not what every parser reads: %.400q", r.Value, reason, m.Value)
	}
	if err := json.Unmarshal(m.Value, &d); err != nil {
		t.Fatal(err)
	}
	return m.Value, d
}

func TestEveryDeadLetterIsJSON(t *testing.T) {
	for name, value := range map[string]string{
		"Latin-1 in a string": "{\"question\":\"caf\xe9\"}", "a cut character": "{\"question\":\"\xe4\xb8\"}", "half a surrogate pair": `{"q":"\ud83d"}`, "a name twice": `{"q":1,"q":2}`,
		"NaN": `{"q":NaN}`, "a number beyond doubles": `{"q":1e999}`, "many digits": strings.Repeat("7", 5000), "much depth": strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
		"U+0000 in a name": `{"q\u0000":1}`, "nothing": "", "UTF-16": "{\x00}\x00", "a long name": `{"` + strings.Repeat("n", 60_000) + `":1}`, "a byte order mark": "\ufeff{}", "two values": "{}{}",
	} {
		if _, d := letter(t, record(value), name); string(d.EventBase64) != value || d.Event != nil {
			t.Errorf("%s: the letter holds %.80q and %.80q", name, d.EventBase64, d.Event)
		}
	}
	if _, d := letter(t, record(`{"q": [1, "中"]}`), ""); string(d.Event) != `{"q":[1,"中"]}` || d.EventBase64 != nil {
		t.Errorf("%s, %q", d.Event, d.EventBase64)
	}
	r := record("x", "a", "first", "a", "second", "b", "\xff", "c", "x\x00y", "\xff", "d", "é", "中")
	if _, d := letter(t, r, ""); !maps.Equal(d.Headers, map[string]string{"a": "first", "é": "中"}) || !d.HeadersLost {
		t.Errorf("headers %q", d.Headers)
	}
	if _, d := letter(t, record("x"), strings.Repeat("中", ingest.MaxReasonLength)+"文\xff\x00\x1b[0m"); d.Reason != strings.Repeat("中", ingest.MaxReasonLength)+"…" {
		t.Errorf("the reason is cut to %q", d.Reason[len(d.Reason)-20:])
	}
	if _, d := letter(t, record("x"), "a\xff\x00\x1b[0m\nb"); d.Reason != "a?  [0m b" {
		t.Errorf("the reason is %q", d.Reason)
	}
}

func FuzzEveryDeadLetterIsJSON(f *testing.F) {
	for _, seed := range []string{"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":1,"a":2}`, `1e999`, "\x00", `{"a":{"b":[1,2,{"c":"\u0000"}]}}`} {
		f.Add([]byte(seed), seed, seed)
	}
	f.Fuzz(func(t *testing.T, value []byte, header, reason string) {
		text, _ := letter(t, record(string(value), header, reason, "a", header), reason)
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Errorf("%q", text)
		}
	})
}

func FuzzReadEvent(f *testing.F) {
	f.Add([]byte(`{"question_id":"q-1","question":"is it open?","clip_id":"c-1"}`), "", "")
	f.Add([]byte(`{"specversion":"1.0","type":"videoqa.clip.deleted.v1","data":{"clip_id":"c"}}`), "application/cloudevents+json", "")
	f.Add([]byte(`{"clip_id":"c"}`), "application/json", "1.0")
	f.Fuzz(func(t *testing.T, value []byte, content, version string) {
		r := ingest.Record{Value: value, Headers: []ingest.Header{{Key: "content-type", Value: []byte(content)}, {Key: "ce_type", Value: []byte(ingest.TypeClipDeleted)}}}
		if version != "" {
			r.Headers = append(r.Headers, ingest.Header{Key: "ce_specversion", Value: []byte(version)})
		}
		event, err := ingest.ReadEvent(r, ingest.TypeQuestionAsked)
		if err == nil && event.Data.Validate() != nil {
			t.Errorf("%q is read without an error and is not valid", value)
		}
		if v := fault.Judge(err); err != nil && v.Name == "internal" {
			t.Errorf("%q: %v is of no kind", value, err)
		}
	})
}

// What a producer misspells is ignored like what it adds of its own, and told.
func TestMisspeltFieldsOfClipEventsAreTold(t *testing.T) {
	for _, tc := range []struct {
		kind, data string
		want       []string
	}{
		{ingest.TypeClipCreated, `{"clip_id":"c-1","uri":"file:///a","camra":"dock-3","Start":"2026-09-01T10:00:00Z","mine":{"camra":1}}`, []string{"camra (did you mean camera?)", "Start (did you mean start?)"}},
		{ingest.TypeClipCreated, `{"clip_id":"c-1","uri":"file:///a","mine":1}`, nil},
		{ingest.TypeClipClosed, `{"clip_id":"c-1","End":"2026-09-01T10:00:00Z"}`, []string{"End (did you mean end?)"}},
		{ingest.TypeClipDeleted, `{"clip_id":"c-1","kamera":"dock-3"}`, []string{"kamera (did you mean camera?)"}},
		{ingest.TypeQuestionAsked, `{"clip_id":"c-1","question":"a?","frame":3}`, []string{"frame (did you mean frames?)"}},
	} {
		for form, r := range map[string]ingest.Record{
			"binary":     record(tc.data, "ce_specversion", "1.0", "ce_type", tc.kind),
			"structured": record(`{"specversion":"1.0","type":"` + tc.kind + `","data":` + tc.data + `}`),
			"plain":      record(tc.data),
		} {
			event, err := ingest.ReadEvent(r, tc.kind)
			if err != nil || !slices.Equal(event.Misspelt, tc.want) {
				t.Errorf("%s, %s: %q, %v; want %q", form, tc.data, event.Misspelt, err, tc.want)
			}
		}
	}
}

package ingest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

func at(text string) *ingest.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return &ingest.Time{Time: t}
}

func TestQuestionValidate(t *testing.T) {
	ok := ingest.Question{ID: "q-1", Text: "is it open?", ClipID: "c-1"}
	for _, tc := range []struct {
		name   string
		change func(*ingest.Question)
		kind   error
		says   string
	}{
		{"a plain question", func(q *ingest.Question) {}, nil, ""},
		{"a caption has no text", func(q *ingest.Question) { q.Text = "" }, nil, ""},
		{"a camera may stand beside a clip", func(q *ingest.Question) { q.Camera = "dock-3" }, nil, ""},
		{"a range of a camera", func(q *ingest.Question) {
			q.ClipID, q.Camera, q.Start, q.End = "", "dock-3", at("2026-09-01T10:00:00Z"), at("2026-09-01T10:00:10Z")
		}, nil, ""},
		{"an id with a slash", func(q *ingest.Question) { q.ID = "a/b" }, fault.BadID, "question_id"},
		{"an id of 129 characters", func(q *ingest.Question) { q.ID = strings.Repeat("a", 129) }, fault.BadID, "question_id"},
		{"a clip id with a space", func(q *ingest.Question) { q.ClipID = "c 1" }, fault.BadID, "clip_id"},
		{"a caption with a text", func(q *ingest.Question) { q.Kind = ingest.Caption }, fault.BadEvent, "caption"},
		{"an open question without text", func(q *ingest.Question) { q.Kind, q.Text = ingest.Open, "  " }, fault.BadEvent, "needs a question"},
		{"an unknown kind", func(q *ingest.Question) { q.Kind = "essay" }, fault.BadEvent, "essay"},
		{"a choice of one", func(q *ingest.Question) { q.Kind, q.Choices = ingest.Choice, []string{"a"} }, fault.BadEvent, "from 2 to 64"},
		{"a choice twice", func(q *ingest.Question) { q.Kind, q.Choices = ingest.Choice, []string{"a", "b", "a"} }, fault.BadEvent, "choices[2]"},
		{"choices for an open question", func(q *ingest.Question) { q.Choices = []string{"a", "b"} }, fault.BadEvent, "kind choice"},
		{"two targets", func(q *ingest.Question) { q.URI = "file:///a.mp4" }, fault.BadEvent, "one of clip_id"},
		{"no target", func(q *ingest.Question) { q.ClipID = "" }, fault.BadEvent, "missing"},
		{"a camera without its range", func(q *ingest.Question) { q.ClipID, q.Camera = "", "dock-3" }, fault.BadEvent, "missing"},
		{"a range that ends first", func(q *ingest.Question) {
			q.ClipID, q.Camera, q.Start, q.End = "", "dock-3", at("2026-09-01T10:00:10Z"), at("2026-09-01T10:00:00Z")
		}, fault.BadEvent, "not after"},
		{"a text of 1024 characters of 4 bytes", func(q *ingest.Question) { q.Text = strings.Repeat("😀", 1024) }, nil, ""},
		{"a text of 1025 characters", func(q *ingest.Question) { q.Text = strings.Repeat("中", 1025) }, fault.BadEvent, "1025 characters"},
		{"choices of 129 characters", func(q *ingest.Question) {
			q.Kind, q.Choices = ingest.Choice, []string{strings.Repeat("中", 128), strings.Repeat("文", 129)}
		}, fault.BadEvent, "choices[1] has 129 characters"},
		{"a text that is not UTF-8", func(q *ingest.Question) { q.Text = "\xff" }, fault.BadEvent, "UTF-8"},
		{"negative frames", func(q *ingest.Question) { q.Frames = -1 }, fault.BadEvent, "frames"},
		{"an unknown way to drop", func(q *ingest.Question) { q.OnOverload = "explode" }, fault.BadEvent, "on_overload"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := ok
			tc.change(&q)
			err := q.Validate()
			if !errors.Is(err, tc.kind) || (err == nil) != (tc.kind == nil) {
				t.Fatalf("Validate(%+v) = %v; want %v", q, err, tc.kind)
			}
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Validate(%+v) = %q; want it to say %q", q, err, tc.says)
			}
		})
	}
}

func TestRequestHashIgnoresTheIDAndSpelledOutDefaults(t *testing.T) {
	a := ingest.Question{ID: "q-1", Text: "is it open?", ClipID: "c-1"}
	b := ingest.Question{ID: "q-2", Text: "is it open?", ClipID: "c-1", Kind: ingest.Open, OnOverload: ingest.Wait}
	if a.RequestHash() != b.RequestHash() {
		t.Errorf("hashes of %+v and %+v differ", a, b)
	}
	for _, other := range []ingest.Question{{Text: "is it shut?", ClipID: "c-1"}, {Text: a.Text, ClipID: "c-2"}, {Text: a.Text, ClipID: "c-1", Frames: 3}} {
		if a.RequestHash() == other.RequestHash() {
			t.Errorf("hashes of %+v and %+v are equal", a, other)
		}
	}
}

func TestClipValidate(t *testing.T) {
	ok := ingest.Clip{ID: "c-1", URI: "file:///media/a.mp4", Start: at("2026-09-01T10:00:00Z"), End: at("2026-09-01T10:00:10Z")}
	for _, tc := range []struct {
		name   string
		change func(*ingest.Clip)
		kind   error
	}{
		{"a whole clip", func(c *ingest.Clip) {}, nil},
		{"no uri", func(c *ingest.Clip) { c.URI = "" }, fault.BadEvent},
		{"no id", func(c *ingest.Clip) { c.ID = "" }, fault.BadID},
		{"a camera that is no id", func(c *ingest.Clip) { c.Camera = "dock 3" }, fault.BadID},
		{"an end before its start", func(c *ingest.Clip) { c.End = at("2026-09-01T09:00:00Z") }, fault.BadEvent},
		{"a digest of another kind", func(c *ingest.Clip) { c.Digest = "md5:0" }, fault.BadEvent},
		{"a uri without end", func(c *ingest.Clip) { c.URI = "file:///" + strings.Repeat("a", 4096) }, fault.BadEvent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := ok
			tc.change(&c)
			if err := c.Validate(); !errors.Is(err, tc.kind) || (err == nil) != (tc.kind == nil) {
				t.Errorf("Validate(%+v) = %v; want %v", c, err, tc.kind)
			}
		})
	}
}

func TestTimesAreReadAsTheSchemaHasThem(t *testing.T) {
	for text, want := range map[string]string{
		"2026-09-01t10:00:00z": "2026-09-01T10:00:00.000Z", "2026-09-01T12:00:00.1234567890123+02:00": "2026-09-01T10:00:00.123Z",
		"2016-12-31T23:59:60Z": "2017-01-01T00:00:00.000Z", "2017-01-01T01:59:60.5+02:00": "2017-01-01T00:00:00.500Z", "2024-02-29T00:00:00-00:00": "2024-02-29T00:00:00.000Z",
	} {
		if got, err := ingest.ParseTime(text); err != nil || got.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "noon", "2026-09-01", "2026-09-01T10:00:00", "2026-09-01 10:00:00Z", "2026-09-01T10:00:60Z", "2026-02-29T10:00:00Z", "2026-09-01T24:00:00Z", "2026-09-01T10:00:00,5Z", "2026-9-1T1:0:0Z", "9999-12-31T23:59:59-01:00", "2026-09-01T10:00:00+24:00", "2026-09-01T10:00:00Z\n", "2026-09-01T10:00:00\xff"} {
		if got, err := ingest.ParseTime(text); err == nil || strings.Contains(err.Error(), "2006") || !strings.Contains(err.Error(), "is not a time") {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

func TestTimesAreWrittenInUTCWithMilliseconds(t *testing.T) {
	text, err := json.Marshal(at("2026-09-01T12:00:00.1239+02:00"))
	if want := `"2026-09-01T10:00:00.123Z"`; err != nil || string(text) != want {
		t.Errorf("time is written %s, %v; want %s", text, err, want)
	}
}

func TestDeadLettersKeepTheRecord(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value []byte
		want  string
	}{
		{"JSON stays JSON", []byte(`{"a":1}`), `"event":{"a":1}`},
		{"other bytes are base64", []byte("\x00\x01"), `"event_base64":"AAE="`},
		{"and what is too long is cut", []byte(`"` + strings.Repeat("a", ingest.MaxDeadEventBytes) + `"`), `"truncated":true`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d ingest.DeadLetter
			d.KeepEvent(tc.value)
			text, err := json.Marshal(d)
			if err != nil || !strings.Contains(string(text), tc.want) {
				t.Errorf("dead letter of %.20q is %.300s, %v; want it to hold %s", tc.value, text, err, tc.want)
			}
		})
	}
}

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
		{"a text of 1025 bytes", func(q *ingest.Question) { q.Text = strings.Repeat("a", 1025) }, fault.BadEvent, "1025 bytes"},
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

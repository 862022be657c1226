package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// A part is one of a form: its name, and what it says of itself.
type part struct {
	name, content string
	header        map[string]string
}

// formWith is a form of parts, in their order.
func formWith(t *testing.T, parts ...part) (body, kind string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range parts {
		head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, p.name)}}
		for k, v := range p.header {
			head.Set(k, v)
		}
		to, err := w.CreatePart(head)
		if err == nil {
			_, err = io.WriteString(to, p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), w.FormDataContentType()
}

func TestAFormsPartsComeInEitherOrder(t *testing.T) {
	h := newHouse(t)
	ask := part{name: "request", content: `{"questions":[{"question":"what is it?"}]}`}
	clip := part{name: "clip", content: `{"clip_id":"c-1"}`}
	media := part{"media", "a hen", map[string]string{"Content-Type": "video/mp4", "Content-Transfer-Encoding": "binary"}}
	for _, parts := range [][]part{{ask, media}, {media, ask}} {
		body, kind := formWith(t, parts...)
		h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 200, "a hen")
	}
	for _, parts := range [][]part{{clip, media}, {media, clip}} {
		body, kind := formWith(t, parts...)
		h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 201, digestOf("a hen"))
	}
	// The same key and form in the other order is the same request.
	key := map[string]string{"Idempotency-Key": "k-1"}
	one, kind := formWith(t, ask, media)
	first := h.want(&call{method: "POST", path: "/v1/questions", body: one, kind: kind, header: key}, 200)
	two, kind := formWith(t, media, ask)
	second := h.want(&call{method: "POST", path: "/v1/questions", body: two, kind: kind, header: key}, 200)
	if string(first.reply) != string(second.reply) {
		t.Errorf("%s\n%s", first.reply, second.reply)
	}
}

func TestAFormThatIsNotTwoPartsIsRefusedByName(t *testing.T) {
	h := newHouse(t)
	clip, media := part{name: "clip", content: `{"clip_id":"c-1"}`}, part{name: "media", content: "a cow"}
	for _, tc := range []struct {
		name   string
		parts  []part
		status int
		says   string
	}{
		{"a third part", []part{clip, media, {name: "note", content: "x"}}, 400, "a third part, \\\"note\\\""},
		{"a third part behind the other order", []part{media, clip, {name: "note", content: "x"}}, 400, "a third part"},
		{"the JSON twice", []part{clip, clip, media}, 400, "its second part is \\\"clip\\\", which is given twice"},
		{"the media twice", []part{media, media, clip}, 400, "media\\\", which is given twice"},
		{"the JSON again, last", []part{clip, media, clip}, 400, "its third part is \\\"clip\\\", which is given twice"},
		{"no media", []part{clip}, 400, "no part media"},
		{"no JSON", []part{media}, 400, "no part clip"},
		{"no part", nil, 400, "no part clip or media"},
		{"another name", []part{{name: "Clip", content: `{}`}, media}, 400, "first part is called \\\"Clip\\\""},
		{"another name, second", []part{media, {name: "request", content: `{}`}}, 400, "second part is called \\\"request\\\""},
		{"a bad id behind the media", []part{media, {name: "clip", content: `{"clip_id":"c/1"}`}}, 400, "bad-id"},
		{"JSON that is none behind the media", []part{media, {name: "clip", content: `{`}}, 400, "breaks off"},
		{"two documents", []part{{name: "clip", content: `{}{}`}, media}, 400, "follow the JSON object"},
		{"a name twice", []part{{name: "clip", content: `{"camera":"a","camera":"b"}`}, media}, 400, "/camera is given twice"},
		{"names in other letters", []part{{name: "clip", content: `{"Camera":"a"}`}, media}, 400, "did you mean camera?"},
		{"too much JSON", []part{media, {name: "clip", content: strings.Repeat(" ", 2<<20)}}, 413, "too-large"},
		{"media in base64", []part{clip, {"media", "YQ==", map[string]string{"Content-Transfer-Encoding": "base64"}}}, 415, "Content-Transfer-Encoding"},
		{"media in gzip", []part{clip, {"media", "x", map[string]string{"Content-Encoding": "gzip"}}}, 415, "Content-Encoding"},
	} {
		body, kind := formWith(t, tc.parts...)
		h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind, wrong: true}, tc.status, tc.says)
		if h.has("a cow") {
			t.Errorf("%s: the upload stays", tc.name)
		}
	}
	whole, kind := formWith(t, clip, media)
	h.want(&call{method: "POST", path: "/v1/clips", body: whole[:len(whole)-4], kind: kind}, 400, "bad-request")
	h.want(&call{method: "POST", path: "/v1/clips", body: whole, kind: "multipart/form-data", wrong: true}, 400, "boundary")
	h.want(&call{method: "POST", path: "/v1/clips", body: whole, kind: "multipart/form-data; boundary=other", wrong: true}, 400, "boundary")
	if h.has("a cow") {
		t.Error("the upload of a broken form stays")
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAContentEncodingIsTrue(t *testing.T) {
	h := newHouse(t)
	clip := fmt.Sprintf(`{"clip_id":"c-1","uri":%q}`, h.file("1", "a dog"))
	form, formKind := formWith(t, part{name: "clip", content: `{"clip_id":"c-2"}`}, part{name: "media", content: "a hen"})
	turned, turnedKind := formWith(t, part{name: "media", content: "a hen"}, part{name: "clip", content: `{"clip_id":"c-3"}`})
	large, largeKind := formWith(t, part{name: "clip", content: `{}`}, part{name: "media", content: strings.Repeat("x", 1<<17)})
	for _, tc := range []struct {
		name, coding, body, kind string
		status                   int
		says                     string
	}{
		{"gzip", "gzip", zipped(t, clip), "", 201, "c-1"},
		{"gzip in capitals", "GZIP", zipped(t, clip), "", 201, "c-1"},
		{"none, said", "identity", clip, "", 201, "c-1"},
		{"a form in gzip", "gzip", zipped(t, form), formKind, 201, digestOf("a hen")},
		{"not gzip", "gzip", clip, "", 400, "Content-Encoding says gzip, and the body is not"},
		{"a form that is not gzip", "gzip", form, formKind, 400, "Content-Encoding says gzip"},
		{"half of it", "gzip", zipped(t, clip)[:20], "", 400, "Content-Encoding says gzip"},
		{"bytes behind it", "gzip", zipped(t, clip) + "x", "", 400, "Content-Encoding says gzip"},
		{"bytes behind a form's", "gzip", zipped(t, form) + "x", formKind, 400, "Content-Encoding says gzip"},
		{"a form's without its checksum", "gzip", zipped(t, form)[:len(zipped(t, form))-8], formKind, 400, "Content-Encoding says gzip"},
		{"a form's with its request last", "gzip", zipped(t, turned) + "x", turnedKind, 400, "Content-Encoding says gzip"},
		{"text behind the form", "gzip", zipped(t, form+"an epilogue"), formKind, 201, digestOf("a hen")},
		{"much behind the form", "gzip", zipped(t, form+strings.Repeat("x", 1<<17)), formKind, 400, "bytes stand behind it"},
		{"nothing", "gzip", "", "", 400, "Content-Encoding says gzip"},
		{"twice", "gzip, gzip", zipped(t, zipped(t, clip)), "", 415, "Content-Encoding"},
		{"another", "br", clip, "", 415, "this takes gzip"},
		{"not said", "", zipped(t, clip), "", 400, "UTF-8"},
		{"much JSON out of little", "gzip", zipped(t, strings.Repeat(" ", 2<<20)), "", 413, "too-large"},
		{"a large upload out of a small one", "gzip", zipped(t, large), largeKind, 413, "too-large"},
	} {
		kind := tc.kind
		if kind == "" {
			kind = "application/json"
		}
		c := h.do(&call{method: "POST", path: "/v1/clips", body: tc.body, kind: kind, header: map[string]string{"Content-Encoding": tc.coding}, wrong: true})
		if c.status != tc.status || !strings.Contains(string(c.reply), tc.says) {
			t.Errorf("%s: %d %s; want %d and %s", tc.name, c.status, c.reply, tc.status, tc.says)
		}
	}
	h.want(&call{method: "POST", path: "/v1/clips", body: clip, kind: "application/json; charset=iso-8859-1", wrong: true}, 415, "charset")
}

// Forms that begin and do not go on, at whatever place, leave room for those that do.
func TestSlowFormsLockNoUploadOut(t *testing.T) {
	h := newHouse(t) // one upload at a time
	body, kind := formWith(t, part{name: "clip", content: `{}`}, part{name: "media", content: strings.Repeat("x", 3000)})
	other, otherKind := formWith(t, part{name: "media", content: "x"}, part{name: "clip", content: `{}`})
	h.impatient(20 * time.Second)
	var slow []*line
	for i := range 16 {
		text, kind := body, kind
		if i%4 == 3 { // the media are whole, and the JSON does not come
			text, kind = other, otherKind
		}
		l := h.dial()
		l.head("/v1/clips", kind, len(text))
		l.say(text[:[]int{20, 120, 2000, strings.Index(other, "clip") - 20}[i%4]])
		slow = append(slow, l)
	}
	h.upload("/v1/clips", "clip", `{}`, "a hen")
	for _, l := range slow {
		l.conn.Close()
	}
}

// One that was under way and pauses gives its place to another, and goes on after it.
func TestAnUploadThatPausesGivesItsPlaceBack(t *testing.T) {
	h := newHouse(t) // one upload at a time
	h.impatient(3 * time.Second)
	body, kind := formWith(t, part{name: "clip", content: `{"clip_id":"c-1"}`}, part{name: "media", content: strings.Repeat("x", 20_000)})
	l := h.dial()
	l.head("/v1/clips", kind, len(body))
	l.say(body[:10_000])
	h.uploadBegins()
	small, smallKind := form(t, "clip", `{}`, "a hen")
	for c := (&call{}); c.status != 201; {
		if c = h.do(&call{method: "POST", path: "/v1/clips", body: small, kind: smallKind}); c.status != 201 && c.status != 429 {
			t.Fatalf("%d %s", c.status, c.reply)
		}
	}
	l.say(body[10_000:])
	if r, text := l.reply(); r.StatusCode != http.StatusCreated {
		t.Errorf("%d %s", r.StatusCode, text)
	}
}

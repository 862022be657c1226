package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers/api"
	"videoqa/ingest/media/spool"
)

// A line is a connection on which a test says what it likes.
type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (h *house) dial() *line {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &line{h.t, conn, bufio.NewReader(conn)}
}

// head says how a POST begins.
func (l *line) head(path, kind string, length int, lines ...string) {
	l.t.Helper()
	l.say(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n", path, kind, length, strings.Join(append(lines, ""), "\r\n")))
}

func (l *line) say(text string) {
	l.t.Helper()
	if _, err := io.WriteString(l.conn, text); err != nil {
		l.t.Fatalf("the connection ends while it is spoken on: %v", err)
	}
}

// reply is what comes back, and all of its body.
func (l *line) reply() (*http.Response, string) {
	l.t.Helper()
	r, err := http.ReadResponse(l.in, nil)
	if err != nil {
		l.t.Fatalf("no reply: %v", err)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		l.t.Fatalf("a reply that breaks off: %v", err)
	}
	return r, string(text)
}

// Many clients listen only once they have sent everything: they learn why they were
// refused all the same.
func TestAClientThatSendsMuchLearnsWhyItIsRefused(t *testing.T) {
	folder, err := spool.Open(spool.Config{Dir: t.TempDir(), MaxBytes: 64 << 20, Quota: 70 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouseWith(t, folder)
	much := strings.Repeat("x", 30<<20)
	large, kind := form(t, "clip", `{}`, much)
	wrong, wrongKind := form(t, "clip", `{"clip_id":"c/1"}`, much)
	refused := func(when, path, kind, body string, status int, says string) {
		t.Helper()
		l := h.dial()
		l.head(path, kind, len(body))
		l.say(body)
		r, text := l.reply()
		if r.StatusCode != status || !strings.Contains(text, says) {
			t.Errorf("%s: %d %.300s; want %d", when, r.StatusCode, text, status)
		}
		if r.Close {
			t.Errorf("%s: the connection is closed after %d", when, r.StatusCode)
		}
	}
	refused("JSON without end", "/v1/clips", "application/json", much, 413, "too-large")
	refused("a bad id", "/v1/clips", wrongKind, wrong, 400, "bad-id")
	refused("nothing that is served", "/v2/clips", kind, large, 404, "not-found")
	refused("text", "/v1/questions", "text/plain", much, 415, "unsupported-media-type")
	h.upload("/v1/clips", "clip", `{}`, "y"+much)
	h.upload("/v1/clips", "clip", `{}`, "z"+much)
	refused("a full spool", "/v1/clips", kind, large, 503, "overloaded")
	huge, kind := form(t, "clip", `{}`, much+much+much)
	refused("more than an upload may have", "/v1/clips", kind, huge, 413, "too-large")
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("first "+digestOf("s3cret")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := h.cfg
	if cfg.Keys, err = api.OpenKeys(keys); err != nil {
		t.Fatal(err)
	}
	h.url = h.serve(cfg)
	refused("no key", "/v1/clips", kind, large, 401, "unauthorized")
}

// A client that asks first is told before it has sent anything.
func TestAClientThatAsksFirstSendsNothingInVain(t *testing.T) {
	h := newHouse(t)
	for _, tc := range []struct {
		path, kind string
		length     int
		status     int
	}{{"/v1/clips", "multipart/form-data; boundary=b", 30 << 20, 413}, {"/v1/clips", "application/json", 30 << 20, 413}, {"/v1/clips", "text/plain", 30 << 20, 415}, {"/v2/clips", "application/json", 30 << 20, 404}} {
		l := h.dial()
		l.head(tc.path, tc.kind, tc.length, "Expect: 100-continue")
		if r, text := l.reply(); r.StatusCode != tc.status {
			t.Errorf("%s of %s: %d %.300s; want %d at once", tc.kind, tc.path, r.StatusCode, text, tc.status)
		}
	}
}

// impatient serves the house's interface to those that do not dawdle.
func (h *house) impatient(grace time.Duration) {
	cfg := h.cfg
	cfg.BodyGrace, cfg.BodyRate, cfg.Bodies = grace, 1<<10, 64
	h.url = h.serve(cfg)
}

// Many that send a byte and no more take nobody's place, and are told that they are
// too slow.
func TestSlowBodiesShutNobodyOut(t *testing.T) {
	h := newHouse(t)
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": h.file("1", "a dog")}}, 201)
	h.impatient(700 * time.Millisecond)
	_, kind := form(t, "clip", `{}`, "")
	var slow []*line
	for range 4 * h.cfg.Waiting {
		l := h.dial()
		l.head("/v1/questions", "application/json", 100)
		l.say("{")
		slow = append(slow, l)
	}
	_, boundary, _ := strings.Cut(kind, "boundary=")
	for i := range 2 * h.cfg.Uploads {
		l := h.dial()
		l.head("/v1/clips", kind, 1000)
		l.say([]string{"--", "--" + boundary + "\r\nContent-Dispo"}[i%2]) // the line that it stops in is no error of the form
		slow = append(slow, l)
	}
	h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": []object{{"question": "what is it?"}}}}, 200, "a dog")
	h.want(&call{method: "GET", path: "/v1/clips/c-1/frames/4.2.jpg"}, 200)
	uploads := 0
	for _, l := range slow {
		r, text := l.reply()
		if r.StatusCode == 429 { // all places for uploads were taken
			uploads++
			continue
		}
		if r.StatusCode != 408 || !strings.Contains(text, "request-timeout") || !r.Close {
			t.Errorf("%d %s, the connection closed: %v", r.StatusCode, text, r.Close)
		}
	}
	if uploads > h.cfg.Uploads {
		t.Errorf("%d uploads were sent away; at least %d found a place", uploads, h.cfg.Uploads)
	}
	h.upload("/v1/clips", "clip", `{}`, "a hen")
}

// A refused client that stops sending is not waited for.
func TestARefusedClientIsNotWaitedForLong(t *testing.T) {
	h := newHouse(t)
	h.impatient(200 * time.Millisecond)
	l := h.dial()
	l.head("/v1/clips", "text/plain", 30<<20)
	l.say("x")
	if r, text := l.reply(); r.StatusCode != 415 {
		t.Errorf("%d %s", r.StatusCode, text)
	}
	if _, err := l.in.ReadByte(); err != io.EOF {
		t.Errorf("the connection ends with %v, not at its end", err)
	}
}

// A client may announce a body and send none of it, or only its beginning.
func TestARefusalIsSentBeforeTheRestOfTheBodyHasCome(t *testing.T) {
	h := newHouse(t)
	for _, tc := range []struct {
		path, kind, begin string
		length            int
		status            int
	}{
		{"/v1/clips", "multipart/form-data; boundary=b", "", 1 << 40, 413},
		{"/v1/questions", "multipart/form-data; boundary=b", "--b\r\n", 1 << 40, 413},
		{"/v1/questions", "application/json", `{"questions":[`, 30 << 20, 413},
		{"/v1/clips", "text/plain", "", 30 << 20, 415},
		{"/v2/clips", "application/json", "", 1 << 40, 404},
	} {
		l := h.dial()
		l.conn.SetDeadline(time.Now().Add(15 * time.Second))
		l.head(tc.path, tc.kind, tc.length)
		l.say(tc.begin)
		if r, text := l.reply(); r.StatusCode != tc.status {
			t.Errorf("%d bytes of %s for %s: %d %.300s; want %d at once", tc.length, tc.kind, tc.path, r.StatusCode, text, tc.status)
		}
	}
}

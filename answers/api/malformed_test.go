package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// goish is what only a Go programmer would understand.
var goish = regexp.MustCompile(`json:|jsontext|json\.|strconv|reflect|multipart:|textproto|http:|mime:|gzip:|flate:|unexpected EOF|\bEOF\b|invalid character|Go (value|struct|type)|\bint64\b|\bfloat64\b|\*?ingest\.[A-Z]|2006-01-02|cannot unmarshal|parsing time|%!|0x[0-9a-f]{6}|<nil>|panic|runtime error`)

// A malformed request is what somebody's client sends by mistake.
type malformed struct {
	method, path, kind, body string
	header                   map[string]string
}

// malformedRequests are over a hundred of them.
func malformedRequests(t *testing.T) (list []malformed) {
	post := func(path, body string) {
		list = append(list, malformed{"POST", path, "application/json", body, nil})
	}
	texts := []string{
		"", " ", "null", "true", "7", `"x"`, "[]", "[{}]", "{", "}", "{]", `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{'a':1}`, "{}{}", "{}x", "{} \x00", "\ufeff{}", "\xff", "{\"\xff\":1}",
		"{\x00}", `{"\ud800":1}`, `{"a":"\x"}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1e}`, `{"a":tru}`, "{\"a\":\"\n\"}", "// {}", "<xml/>", "a=b&c=d", strings.Repeat("[", 3000), `{"x":` + strings.Repeat(`{"x":`, 200) + "1" + strings.Repeat("}", 201),
	}
	for _, text := range texts {
		post("/v1/questions", text)
		post("/v1/clips", text)
	}
	values := []string{"null", "7", "3.5", "1e999", "-1", "true", `"x"`, `""`, "[]", "{}", "[null]", `"\ud800"`}
	for _, name := range []string{"clip_id", "uri", "camera", "start", "end", "deadline", "on_overload", "questions", "Questions", "digest", "other"} {
		for _, value := range values {
			post("/v1/questions", fmt.Sprintf(`{%q:%s,"questions":[{"question_id":"a b","question":"a?"}]}`, name, value))
			post("/v1/clips", fmt.Sprintf(`{"clip_id":"a b",%q:%s}`, name, value))
		}
	}
	for _, name := range []string{"question_id", "question", "kind", "choices", "frames", "Question"} {
		for _, value := range values {
			post("/v1/questions", fmt.Sprintf(`{"clip_id":"c d","questions":[{%q:%s}]}`, name, value))
		}
	}
	for _, kind := range []string{"", "text/plain", "application/json; charset=utf-16", "application/json;;", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b", "multipart/form-data; boundary=" + strings.Repeat("b", 80), "multipart/mixed; boundary=b", "nonsense", ";"} {
		for _, body := range []string{"", "{}", "--b", "--b\r\n\r\n", "--b--", "--b\r\nnonsense\r\n\r\nx\r\n--b--", "--b\r\nContent-Disposition: form-data; name=\"clip\"\r\n\r\n{}", "--b\r\nContent-Disposition: form-data; name=\"clip\"\r\n\r\n{}\r\n--b--\r\n", "--b\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\nx\r\n--b\r\n"} {
			list = append(list, malformed{"POST", "/v1/clips", kind, body, nil})
		}
	}
	for _, coding := range []string{"gzip", "br", "deflate", "gzip, gzip", "nonsense"} {
		list = append(list, malformed{"POST", "/v1/clips", "application/json", "{}", map[string]string{"Content-Encoding": coding}})
	}
	for _, query := range []string{"limit=x", "limit=0", "limit=1e3", "limit=99999999999999999999", "limit=1&limit=2", "from=x", "from=2026-13-01T00:00:00Z", "to=2026-01-01", "camera=%00", "camera=%", "camera=%zz", "cursor=x", "cursor=%ff", "Limit=1", ";", "a;b=c"} {
		list = append(list, malformed{"GET", "/v1/answers?" + query, "", "", nil})
	}
	for _, path := range []string{"/v1/questions/%20", "/v1/clips/%ff", "/v1/answers/%00", "/v1/clips/c/frames/x.jpg", "/v1/clips/c/frames/1e999.jpg", "/v1/clips/c/frames/0x1p4.jpg", "/v1/clips/c/frames/1_0.jpg", "/v1/clips/c/frames/inf.jpg", "/v2", "/"} {
		list = append(list, malformed{"GET", path, "", "", nil})
	}
	return append(list,
		malformed{"POST", "/v1/questions", "application/json", `{"clip_id":"c","questions":[{"question":"a?"}]}`, map[string]string{"Idempotency-Key": strings.Repeat("k", 300)}},
		malformed{"PUT", "/v1/clips", "application/json", "{}", nil}, malformed{"DELETE", "/v1/clips/a%20b", "", "", nil},
		malformed{"GET", "/v1/models", "", "", map[string]string{"Origin": "::"}}, malformed{"GET", "/v1/models", "", "", map[string]string{"Origin": "https://evil.example"}},
	)
}

// Errors about a client's mistakes are in words of HTTP and JSON, without Go's names.
func TestNoMessageIsGos(t *testing.T) {
	h := newHouse(t)
	list := malformedRequests(t)
	if len(list) < 100 {
		t.Fatalf("only %d requests", len(list))
	}
	for _, m := range list {
		r, err := http.NewRequest(m.method, h.url+m.path, strings.NewReader(m.body))
		if err != nil {
			t.Fatal(err)
		}
		if m.kind != "" {
			r.Header.Set("Content-Type", m.kind)
		}
		for k, v := range m.header {
			r.Header.Set(k, v)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		var p struct{ Detail string }
		if err != nil || response.StatusCode < 400 || response.StatusCode >= 500 || json.Unmarshal(text, &p) != nil || p.Detail == "" {
			t.Errorf("%s %s of %q, %.120q: %d %.300s, %v; want a problem of the asker's", m.method, m.path, m.kind, m.body, response.StatusCode, text, err)
		}
		if found := goish.FindString(p.Detail); found != "" {
			t.Errorf("%s %s of %q, %.120q: %.300s holds %q", m.method, m.path, m.kind, m.body, p.Detail, found)
		}
	}
	t.Logf("%d requests", len(list))
}

// What breaks HTTP itself is said without Go's words too.
func TestABodyThatIsNotFramedIsTold(t *testing.T) {
	h := newHouse(t)
	for _, body := range []string{"zz\r\n{}\r\n0\r\n\r\n", "5\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "POST /v1/clips HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s", body)
		if c, ok := conn.(*net.TCPConn); ok {
			c.CloseWrite()
		}
		text, _ := io.ReadAll(conn)
		conn.Close()
		if found := goish.FindString(string(text)); found != "" || !strings.Contains(string(text), " 400 ") {
			t.Errorf("%q: %s; that holds %q", body, text, found)
		}
	}
}

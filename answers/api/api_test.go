package api_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/answers/api"
	"videoqa/ingest"
	"videoqa/internal/eventually"
	"videoqa/internal/fault"
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

type object = map[string]any

// answersIn lists what a reply's results say, by their order.
func answersIn(t *testing.T, c *call) (list []string) {
	t.Helper()
	var in struct {
		Results []struct {
			ID      string `json:"question_id"`
			Status  string
			Answer  ingest.Answer
			Problem *api.Problem
		}
	}
	if err := json.Unmarshal(c.reply, &in); err != nil {
		t.Fatalf("%s: %v", c.reply, err)
	}
	for _, r := range in.Results {
		text := r.Status + " " + r.Answer.Text
		if r.Problem != nil {
			text = fmt.Sprint(r.Status, " ", r.Problem.Type, " ", r.Problem.Status)
		}
		list = append(list, r.ID+": "+text)
	}
	return list
}

// The contract is exercised whole: every route, and every status that it names.
func TestEveryRouteAndEveryDocumentedErrorIsExercised(t *testing.T) {
	h := newHouse(t)
	for _, step := range []func(*house){clipsStep, questionsStep, waitingStep, recordingStep, uploadsStep, answersStep, framesStep, deletionStep, refusalsStep, overloadStep, slowStep, outageStep, damageStep} {
		step(h)
	}
	for pair := h.model().Paths.PathItems.First(); pair != nil; pair = pair.Next() {
		for op := pair.Value().GetOperations().First(); op != nil; op = op.Next() {
			for code := op.Value().Responses.Codes.First(); code != nil; code = code.Next() {
				if exercised := fmt.Sprint(strings.ToUpper(op.Key()), " ", pair.Key(), " ", code.Key()); !h.seen[exercised] {
					t.Errorf("%s is in the contract, and no test has met it", exercised)
				}
			}
		}
	}
}

func clipsStep(h *house) {
	h.want(&call{method: "GET", path: "/v1/models"}, 200, `"frames":6`, `"name":"reader"`, `"family":"git"`, `"can":["ask"]`)
	h.want(&call{method: "GET", path: "/v1/models/reader"}, 200, `"name":"reader"`)
	h.want(&call{method: "GET", path: "/v1/models/writer"}, 404, "writer")
	h.want(&call{method: "GET", path: "/openapi.yaml"}, 200, "openapi: 3.1.0")
	c := h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": h.file("1", "a dog"), "camera": "dock-3", "start": "2026-09-01T10:00:00.000Z", "end": "2026-09-01T10:00:10.000Z"}}, 201, `"clip_id":"c-1"`)
	if at := c.head.Get("Location"); at != "/v1/clips/c-1" {
		h.t.Errorf("the clip is at %q", at)
	}
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 200, `"camera":"dock-3"`)
	h.want(&call{method: "GET", path: "/v1/clips/c-none"}, 404, "unknown-clip")
	for body, says := range map[string]string{
		`{"clip_id":"c/1","uri":"file:///a"}`: "bad-id", `{"clip_id":"c-2"}`: "check clip c-2: uri is missing", `{}`: "register clip: uri is missing", `{"clip_id":"c-2","url":"x"}`: "url", `{`: "bad-request", `[]`: "bad-request",
		`{"uri":"a"}{}`: "2 bytes follow", `{"URI":"file:///a"}`: "did you mean uri?", `{"uri":"file:///a","uri":"file:///a"}`: "/uri is given twice", `{"uri":null}`: "/uri is null",
		"{\"uri\":\"file:///caf\xe9\"}": "not UTF-8", `{"uri":"file:///\ud800"}`: "surrogate", `{"uri":"a","start":"noon"}`: "not a time of RFC 3339",
	} {
		h.want(&call{method: "POST", path: "/v1/clips", body: body, wrong: true}, 400, says)
	}
	h.want(&call{method: "POST", path: "/v1/clips", body: "clip_id=c-2", kind: "application/x-www-form-urlencoded", wrong: true}, 415)
	h.want(&call{method: "POST", path: "/v1/clips", body: `{"clip_id":"` + strings.Repeat("x", 2<<20) + `"}`, wrong: true}, 413)
	h.want(&call{method: "PUT", path: "/v1/clips/c-1", wrong: true}, 405)
	// No id and no URI holds what a database could stumble over.
	h.want(&call{method: "POST", path: "/v1/clips", body: `{"uri":"file:///a\u0000b"}`}, 400, "bad-event", "control characters")
	for _, path := range []string{"/v1/clips/%00", "/v1/clips/%ff", "/v1/questions/%ff", "/v1/answers/x%00", "/v1/clips/%00/frames/1.jpg"} {
		h.want(&call{method: "GET", path: path, wrong: true}, 404)
	}
	h.want(&call{method: "DELETE", path: "/v1/clips/%00", wrong: true}, 400, "bad-id")
	h.want(&call{method: "GET", path: "/v1/answers?camera=%ff", wrong: true}, 400, "bad-id")
	h.do(&call{method: "GET", path: "/v2/clips", wrong: true})
}

func questionsStep(h *house) {
	questions := []object{{"question_id": "q-1", "question": "what is it?"}, {"question": "how many?", "kind": "count"}, {"question": ""}}
	c := h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": questions}}, 200)
	if got := answersIn(h.t, c); len(got) != 3 || got[0] != "q-1: answered a dog" || !strings.HasSuffix(got[1], ": answered a dog") {
		h.t.Errorf("%v", got)
	}
	// The same id with another request is a conflict, and with the same one the same answer.
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": []object{{"question_id": "q-1", "question": "where is it?"}}}}, 409)
	if got := answersIn(h.t, c); got[0] != "q-1: dead /problems/conflict 409" {
		h.t.Errorf("%v", got)
	}
	h.want(&call{method: "GET", path: "/v1/questions/q-1"}, 200, `"status":"answered"`, `"answer":"a dog"`)
	h.want(&call{method: "GET", path: "/v1/questions/q-none"}, 404, "not-found")
	// A question without a clip waits, and is answered when it comes, though nobody asked again.
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-late", "questions": []object{{"question_id": "q-late", "question": "what is it?"}}}, header: map[string]string{"Prefer": "respond-async"}}, 202, `"status":"waiting"`)
	if at := c.head.Get("Location"); at != "/v1/questions/q-late" {
		h.t.Errorf("its outcome will be at %q", at)
	}
	h.want(&call{method: "GET", path: "/v1/questions/q-late"}, 200, `"status":"waiting"`)
	h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-late", "questions": []object{{"question_id": "q-late", "question": "what is it?"}}}, header: map[string]string{"Prefer": "wait=0"}}, 202)
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-late", "uri": h.file("late", "a cow")}}, 201)
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-late", "questions": []object{{"question_id": "q-late", "question": "what is it?"}}}}, 200)
	if got := answersIn(h.t, c); got[0] != "q-late: answered a cow" {
		h.t.Errorf("%v", got)
	}
	// What cannot be answered is said, each by itself, and afterwards in the same words.
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"uri": h.file("2", "broken"), "questions": []object{{"question_id": "q-bad", "question": "what is it?"}, {"question": "how many?", "kind": "count"}}}}, 422)
	if got := answersIn(h.t, c); got[0] != "q-bad: dead /problems/bad-video 422" {
		h.t.Errorf("%v", got)
	}
	// If all died, and not alike, the status says that there are several.
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"uri": h.file("2", "broken"), "questions": []object{{"question_id": "q-1", "question": "what is it?"}, {"question": "where?"}}}}, 207)
	if got := answersIn(h.t, c); got[0] != "q-1: dead /problems/conflict 409" || !strings.HasSuffix(got[1], "dead /problems/bad-video 422") {
		h.t.Errorf("%v", got)
	}
	// If any was answered, it is a 200.
	c = h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": []object{{"question_id": "q-late", "question": "what is it?"}, {"question": "what is it?"}}}}, 200)
	if got := answersIn(h.t, c); got[0] != "q-late: dead /problems/conflict 409" || !strings.HasSuffix(got[1], "answered a dog") {
		h.t.Errorf("%v", got)
	}
	h.want(&call{method: "GET", path: "/v1/questions/q-bad"}, 422, "/problems/bad-video", "torn off")
	for body, says := range map[string]string{
		`{"clip_id":"c-1","questions":[]}`: "from 1 to 64", `{"questions":[{"question":"a?"}]}`: "api: ask: clip_id, uri, or camera with start and end is missing", `{"clip_id":"c-1","uri":"file:///a","questions":[{"question":"a?"}]}`: "one of",
		`{"clip_id":"c-1"}`: "/questions is missing", `{"clip_id":"c-1","questions":[{"question_id":"q"}]}`: "/questions/0/question is missing", `{"clip_id":"c-1","questions":[{"Question":"a?"}]}`: "did you mean question?",
		`{"clip_id":"c-1","questions":[{"question":"a?","question":"b?"}]}`: "/questions/0/question is given twice", `{"clip_id":"c-1","questions":[{"question":"a?","frames":3.5}]}`: "whole number",
		"{\"clip_id\":\"c-1\",\"questions\":[{\"question\":\"caf\xe9?\"}]}": "not UTF-8",
		`{"clip_id":"c-1","questions":[{"question":"a?","kind":"poem"}]}`:   "questions[0]: kind", `{"clip_id":"c-1","questions":[{"question_id":"q","question":"a?"},{"question_id":"q","question":"b?"}]}`: "twice",
	} {
		h.want(&call{method: "POST", path: "/v1/questions", body: body, wrong: true}, 400, says)
	}
	h.want(&call{method: "POST", path: "/v1/questions", body: "x", kind: "text/plain", wrong: true}, 415, "text/plain")
	h.want(&call{method: "POST", path: "/v1/questions", body: strings.Repeat(" ", 2<<20), wrong: true}, 413)
}

func uploadsStep(h *house) {
	body, kind := form(h.t, "request", `{"questions":[{"question_id":"q-up","question":"what is it?"}]}`, "a pig")
	c := h.want(&call{method: "POST", path: "/v1/questions", body: body, kind: kind}, 200)
	if got := answersIn(h.t, c); got[0] != "q-up: answered a pig" {
		h.t.Errorf("%v", got)
	}
	body, kind = form(h.t, "clip", `{"clip_id":"c-up","camera":"gate"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 201, `"uri":"videoqa-media:`, digestOf("a hen"))
	body, kind = form(h.t, "clip", `{"clip_id":"c-up-2","digest":"`+digestOf("another")+`"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 422, "digest-mismatch")
	body, kind = form(h.t, "clip", `{"uri":"file:///a"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 400, "an upload or a uri, not both")
	body, kind = form(h.t, "wrong", `{}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 400, "first part")
	body, kind = form(h.t, "clip", `{}`, strings.Repeat("x", 1<<17))
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 413, "too-large")
	h.want(&call{method: "POST", path: "/v1/clips", body: body[:100], kind: kind}, 400)
	// A request that comes again is the same request; another under its key is refused.
	again := map[string]string{"Idempotency-Key": "k-1"}
	ask := object{"clip_id": "c-up", "questions": []object{{"question": "what is it?"}}}
	first := h.want(&call{method: "POST", path: "/v1/questions", body: ask, header: again}, 200)
	second := h.want(&call{method: "POST", path: "/v1/questions", body: ask, header: again}, 200)
	if string(first.reply) != string(second.reply) {
		h.t.Errorf("the same request again:\n%s\n%s", first.reply, second.reply)
	}
	ask["questions"] = []object{{"question": "what is it?"}, {"question": "where?"}}
	h.want(&call{method: "POST", path: "/v1/questions", body: ask, header: again}, 422, "idempotency-key-reused")
	clip := object{"uri": h.file("3", "a fox")}
	one := h.want(&call{method: "POST", path: "/v1/clips", body: clip, header: again}, 201) // another route: another scope
	two := h.want(&call{method: "POST", path: "/v1/clips", body: clip, header: again}, 201)
	if string(one.reply) != string(two.reply) || !strings.Contains(string(one.reply), `"clip_id":"c-`) {
		h.t.Errorf("%s\n%s", one.reply, two.reply)
	}
	h.want(&call{method: "POST", path: "/v1/clips", body: clip, header: map[string]string{"Idempotency-Key": strings.Repeat("k", 256)}, wrong: true}, 400)
}

func answersStep(h *house) {
	h.want(&call{method: "GET", path: "/v1/answers/a-q-1"}, 200, `"question_id":"q-1"`)
	h.want(&call{method: "GET", path: "/v1/answers/a-none"}, 404)
	var all []string
	for path, pages := "/v1/answers?camera=dock-3&from=2026-09-01T10:00:05Z&limit=2", 0; ; pages++ {
		c := h.want(&call{method: "GET", path: path}, 200)
		var page struct {
			Answers []ingest.Answer
			Next    string
		}
		if err := json.Unmarshal(c.reply, &page); err != nil {
			h.t.Fatal(err)
		}
		for _, a := range page.Answers {
			all = append(all, a.QuestionID)
		}
		if page.Next == "" || pages > 5 {
			break
		}
		path = "/v1/answers?camera=dock-3&from=2026-09-01T10:00:05Z&limit=2&cursor=" + page.Next
	}
	if len(all) != 4 || !slices.Contains(all, "q-1") {
		h.t.Errorf("answers about dock-3: %v", all)
	}
	h.want(&call{method: "GET", path: "/v1/answers?camera=none"}, 200, `"answers":[]`)
	for _, query := range []string{"from=yesterday", "limit=0", "limit=x", "cursor=nonsense", "colour=red", "camera=a&camera=b", "camera=%zz", "from=2026-09-01", "from=2026-09-02T00:00:00Z&to=2026-09-01T00:00:00Z"} {
		h.want(&call{method: "GET", path: "/v1/answers?" + query, wrong: true}, 400, "bad-request")
	}
}

func framesStep(h *house) {
	c := h.want(&call{method: "GET", path: "/v1/clips/c-1/frames/4.2.jpg"}, 200, "\xff\xd8c-1")
	if kind := c.head.Get("Content-Type"); kind != "image/jpeg" {
		h.t.Errorf("a picture is %s", kind)
	}
	h.want(&call{method: "GET", path: "/v1/clips/c-1/frames/99.jpg"}, 404, "no such time")
	for _, name := range []string{"4.2.png", "x.jpg", "-1.jpg", "NaN.jpg", "1e99.jpg"} {
		h.want(&call{method: "GET", path: "/v1/clips/c-1/frames/" + name, wrong: true}, 404)
	}
	h.want(&call{method: "GET", path: "/v1/clips/c-none/frames/1.jpg"}, 404)
}

func deletionStep(h *house) {
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
	h.want(&call{method: "DELETE", path: "/v1/clips/c%201", wrong: true}, 400, "bad-id")
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 404, "deleted")
	// A request that comes again does not bring back what was deleted since.
	again := func() *call {
		return &call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-again", "uri": h.file("again", "a calf")}, header: map[string]string{"Idempotency-Key": "again"}}
	}
	h.want(again(), 201)
	h.want(again(), 201)
	h.want(&call{method: "DELETE", path: "/v1/clips/c-again"}, 204)
	h.want(again(), 404, "deleted")
	h.want(&call{method: "GET", path: "/v1/clips/c-again"}, 404, "deleted")
	h.want(&call{method: "GET", path: "/v1/questions/q-1"}, 410, "erased")
	h.want(&call{method: "GET", path: "/v1/answers/a-q-1"}, 404)
	// An upload goes with the last clip that uses it.
	body, kind := form(h.t, "clip", `{"clip_id":"c-twin"}`, "a hen")
	h.want(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}, 201)
	for i, id := range []string{"c-up", "c-twin"} {
		h.want(&call{method: "DELETE", path: "/v1/clips/" + id}, 204)
		file, err := h.spool.Get(h.t.Context(), digestOf("a hen"))
		if err == nil {
			file.Close()
		}
		if (err == nil) != (i == 0) {
			h.t.Errorf("after %d of two clips are deleted, their upload is there: %v", i+1, err == nil)
		}
	}
}

// routes are one request of every route.
func routes() []call {
	return []call{
		{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": []object{{"question": "a?"}}}}, {method: "GET", path: "/v1/questions/q-1"},
		{method: "POST", path: "/v1/clips", body: object{"uri": "file:///a"}}, {method: "GET", path: "/v1/clips/c-1"}, {method: "DELETE", path: "/v1/clips/c-1"}, {method: "GET", path: "/v1/clips/c-1/frames/1.jpg"},
		{method: "GET", path: "/v1/clips"}, {method: "POST", path: "/v1/clips/c-1/close", body: object{"end": "2026-09-01T10:00:10.000Z"}},
		{method: "GET", path: "/v1/answers/a-1"}, {method: "GET", path: "/v1/answers"}, {method: "GET", path: "/v1/models"}, {method: "GET", path: "/v1/models/reader"}, {method: "GET", path: "/openapi.yaml"},
	}
}

// Without keys, nothing that a page in a browser could send is served; with keys,
// nobody without one.
func refusalsStep(h *house) {
	open := h.url
	for _, c := range routes() {
		c.host = "evil.example:8080" // whose name was made to point here
		h.want(&c, 403, "forbidden")
		c.host, c.header = "", map[string]string{"Origin": "https://evil.example"}
		h.want(&c, 403, "another origin")
		c.header = map[string]string{"Sec-Fetch-Site": "cross-site"}
		h.want(&c, 403, "another site")
	}
	h.want(&call{method: "GET", path: "/v1/models", header: map[string]string{"Origin": open, "Sec-Fetch-Site": "same-origin"}}, 200)
	path := filepath.Join(h.t.TempDir(), "keys")
	write := func(lines string) {
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	write("# ours\nfirst " + digestOf("s3cret") + "\n")
	keys, err := api.OpenKeys(path)
	if err != nil {
		h.t.Fatal(err)
	}
	cfg := h.cfg
	cfg.Keys = keys
	h.url = h.serve(cfg)
	for _, c := range routes() {
		h.want(&c, 401, "unauthorized", "none came")
	}
	for _, wrong := range []string{"Bearer ", "Bearer s3cre", "Basic s3cret", "s3cret", "Bearer first"} {
		says := map[string]string{"Bearer s3cre": "the key is wrong", "Bearer first": "the key is wrong"}[wrong]
		c := h.want(&call{method: "GET", path: "/v1/models", header: map[string]string{"Authorization": wrong}}, 401, cmp.Or(says, "what came is none"))
		if !strings.HasPrefix(c.head.Get("WWW-Authenticate"), "Bearer") {
			h.t.Errorf("a 401 without WWW-Authenticate")
		}
	}
	with := func(key string) *call {
		return &call{method: "GET", path: "/v1/models", header: map[string]string{"Authorization": "Bearer " + key}, host: "public.example"}
	}
	h.want(with("s3cret"), 200)
	write("second " + digestOf("other") + "\n")
	if err := keys.Reload(); err != nil {
		h.t.Fatal(err)
	}
	h.want(with("s3cret"), 401)
	h.want(with("other"), 200)
	for lines, says := range map[string]string{"": "none", "x": ":1:", "a sha256:12": "64 hex", "a/b " + digestOf("x"): "name", "# c\na " + digestOf("x") + "\nb md5:0": ":3:"} {
		write(lines)
		if err := keys.Reload(); err == nil || !strings.Contains(err.Error(), says) {
			h.t.Errorf("keys %q: %v; want %s in it", lines, err, says)
		}
	}
	h.want(with("other"), 200) // a wrong file changes nothing
	h.url = open
}

// A client that comes while the limit of waiting ones is reached is refused, with a Retry-After.
func overloadStep(h *house) {
	release := h.holdAsker()
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-slow", "uri": h.file("slow", "a snail")}}, 201)
	ask := func(id, prefer string) *call {
		return &call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-slow", "questions": []object{{"question_id": id, "question": "what is it?"}}}, header: map[string]string{"Prefer": prefer}}
	}
	var waiting []<-chan *call
	for i := range h.cfg.Waiting {
		waiting = append(waiting, h.begin(func() *call {
			var c *call
			eventually.True(h.t, "there is room for a question", func() bool { // the one below may be in its place
				c = h.do(ask(fmt.Sprint("q-slow-", i), "wait=19"))
				return c.status != http.StatusTooManyRequests
			})
			return c
		}))
	}
	eventually.True(h.t, "a question is turned away", func() bool {
		c := h.do(ask("q-turned-away", "wait=0"))
		if c.status == http.StatusTooManyRequests && c.head.Get("Retry-After") == "" {
			h.t.Error("429 without Retry-After")
		}
		return c.status == http.StatusTooManyRequests
	})
	release()
	for _, begun := range waiting {
		if c := h.replied(begun); c.status != 200 || !strings.Contains(string(c.reply), "a snail") {
			h.t.Errorf("%d %s", c.status, c.reply)
		}
	}
	// One upload at a time here: the second finds the place taken.
	slow, kind := form(h.t, "clip", `{}`, strings.Repeat("x", 20_000)) // more than a client buffers
	pipe := newSlow(slow)
	let := sync.OnceFunc(func() { close(pipe.release) })
	h.t.Cleanup(let)
	first := make(chan error, 1)
	h.spool.forget()
	go func() {
		r, err := http.NewRequest("POST", h.url+"/v1/clips", pipe)
		if err == nil {
			r.Header.Set("Content-Type", kind)
			var response *http.Response
			if response, err = client.Do(r); err == nil {
				response.Body.Close()
			}
		}
		first <- err
	}()
	h.uploadBegins()
	body, kind := form(h.t, "clip", `{}`, "y")
	eventually.True(h.t, "a second upload is turned away", func() bool {
		return h.do(&call{method: "POST", path: "/v1/clips", body: body, kind: kind}).status == http.StatusTooManyRequests
	})
	let()
	if err := <-first; err != nil {
		h.t.Error(err)
	}
}

// slow is a body whose last half kilobyte comes when it is released.
type slow struct {
	parts   []string
	release chan struct{}
}

func newSlow(text string) *slow {
	cut := len(text) - 512
	return &slow{[]string{text[:cut], text[cut:]}, make(chan struct{})}
}

func (s *slow) Read(p []byte) (int, error) {
	switch {
	case len(s.parts) == 0:
		return 0, io.EOF
	case len(s.parts) == 1:
		<-s.release
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" {
		s.parts = s.parts[1:]
	}
	return n, nil
}

// A client that begins a body and stops gets a 408.
func slowStep(h *house) {
	open := h.url
	defer func() { h.url = open }()
	h.impatient(100 * time.Millisecond)
	_, upload := form(h.t, "clip", "", "")
	for _, path := range []string{"/v1/questions", "/v1/clips"} {
		for _, kind := range []string{"application/json", upload} {
			l := h.dial()
			l.head(path, kind, 100)
			response, text := l.reply()
			request, err := http.NewRequest("POST", h.url+path, http.NoBody)
			if err != nil {
				h.t.Fatal(err)
			}
			h.compare(&call{method: "POST", path: path, wrong: true, status: response.StatusCode, reply: []byte(text)}, request, response)
			if response.StatusCode != http.StatusRequestTimeout {
				h.t.Errorf("POST %s of %s without a body: %d %s", path, kind, response.StatusCode, text)
			}
		}
	}
}

func outageStep(h *house) {
	h.store.down = true
	defer func() { h.store.down = false }()
	everyRoute(h, 503, "unavailable")
}

// damageStep meets a store of which a page is damaged.
func damageStep(h *house) {
	h.store.damaged = true
	defer func() { h.store.damaged = false }()
	everyRoute(h, 500, "/problems/damaged-record")
}

// everyRoute expects the same of every route that needs the store.
func everyRoute(h *house, status int, text string) {
	for _, c := range routes() {
		if strings.HasPrefix(c.path, "/v1/models") || c.path == "/openapi.yaml" || strings.HasPrefix(c.path, "/v1/questions/") || strings.Contains(c.path, "/frames/") {
			continue
		}
		h.want(&c, status, text)
		if status == 503 && c.head.Get("Retry-After") == "" {
			h.t.Errorf("%s %s: 503 without Retry-After", c.method, c.path)
		}
	}
}

func TestTheAnswersTopicHasWhatHTTPAnswered(t *testing.T) {
	h := newHouse(t)
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": h.file("1", "a dog"), "camera": "dock-3"}}, 201)
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	c := h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "camera": "dock-3", "questions": []object{{"question_id": "q-1", "question": "what is it?"}}}, header: map[string]string{"traceparent": trace}}, 200)
	if got := c.head.Get("traceparent"); got != trace {
		t.Errorf("the trace is not echoed: %q", got)
	}
	asked, answered := firstOf(t, h, ingest.TopicQuestions), firstOf(t, h, ingest.TopicAnswers)
	if got, _ := asked.Header("traceparent"); got != trace || string(asked.Key) != "dock-3" {
		t.Errorf("the question's event has trace %q and key %q", got, asked.Key)
	}
	if kind, _ := answered.Header("ce_type"); kind != ingest.TypeAnswer || !strings.Contains(string(answered.Value), `"question_id":"q-1"`) {
		t.Errorf("%s", answered.Value)
	}
}

// The answer object has one schema: what the contract says is what the program has.
func TestTheContractHasThePublishedNames(t *testing.T) {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds, notes []string
	for _, k := range ingest.Kinds() {
		kinds = append(kinds, string(k))
	}
	for _, n := range ingest.Notes() {
		notes = append(notes, string(n))
	}
	for what, list := range map[string][]string{"kinds": kinds, "notes": notes} {
		if !strings.Contains(string(text), "enum: ["+strings.Join(list, ", ")+"]") {
			t.Errorf("the contract does not list the %s %v", what, list)
		}
	}
	for _, limit := range []string{fmt.Sprint("maxLength: ", ingest.MaxQuestionLength), fmt.Sprint("maxItems: ", ingest.MaxChoices), fmt.Sprint("maxItems: ", ingest.MaxQuestions), fmt.Sprint("maxLength: ", ingest.MaxURILength)} {
		if !strings.Contains(string(text), limit) {
			t.Errorf("the contract does not say %s", limit)
		}
	}
	for _, name := range fault.Names() {
		if status := fault.StatusOf(name); status < 400 || status > 599 {
			t.Errorf("%s has status %d", name, status)
		}
	}
}

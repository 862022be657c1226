package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"videoqa/ingest"
	"videoqa/internal/eventually"
)

// asked is what is replied about a question by its id.
type asked struct {
	Status  string
	Waiting *ingest.Waiting
}

// waitingStep asks after questions that have no outcome yet.
func waitingStep(h *house) {
	h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-none-yet", "questions": []object{{"question_id": "q-waits", "question": "a?"}}}, header: map[string]string{"Prefer": "respond-async"}}, 202)
	var got asked
	eventually.True(h.t, "a worker has the question", func() bool {
		c := h.want(&call{method: "GET", path: "/v1/questions/q-waits"}, 200, `"status":"waiting"`)
		got = asked{}
		if err := json.Unmarshal(c.reply, &got); err != nil || got.Waiting == nil || got.Waiting.Reason == "" || got.Waiting.Since == nil {
			h.t.Fatalf("%s (%v)", c.reply, err)
		}
		return got.Waiting.For != ingest.ForWorker
	})
	if w := got.Waiting; w.For != ingest.ForClip || !strings.Contains(w.Reason, "c-none-yet") || w.NextAttempt == nil || w.Deadline == nil || w.Deadline.Before(time.Now().Add(8*time.Minute)) {
		h.t.Errorf("it waits: %+v", w)
	}
}

// recordingStep lists clips, and closes recordings for questions about a range.
func recordingStep(h *house) {
	for i, times := range []object{{"start": "2026-09-01T12:00:00.000Z", "end": "2026-09-01T12:00:10.000Z"}, {"start": "2026-09-01T12:00:10.000Z"}, {}} {
		times["clip_id"], times["uri"], times["camera"] = fmt.Sprint("c-yard-", i), h.file(fmt.Sprint("yard-", i), "a goat"), "yard"
		h.want(&call{method: "POST", path: "/v1/clips", body: times}, 201)
	}
	for query, want := range map[string][]string{
		"camera=yard":                                {"c-yard-0", "c-yard-1", "c-yard-2"},
		"camera=yard&limit=1":                        {"c-yard-0", "c-yard-1", "c-yard-2"},
		"camera=yard&from=2026-09-01T12:00:10Z":      {"c-yard-1"},
		"camera=yard&to=2026-09-01T14:00:10%2B02:00": {"c-yard-0"},
		"camera=yard&untimed=true":                   {"c-yard-1", "c-yard-2"},
		"camera=nowhere":                             nil,
	} {
		var got []string
		for path := "/v1/clips?" + query; path != ""; {
			c := h.want(&call{method: "GET", path: path}, 200, `"clips":[`)
			var page struct {
				Clips []ingest.Clip
				Next  string
			}
			if err := json.Unmarshal(c.reply, &page); err != nil {
				h.t.Fatal(err)
			}
			for _, clip := range page.Clips {
				got = append(got, clip.ID)
			}
			if path = ""; page.Next != "" {
				path = "/v1/clips?" + query + "&cursor=" + page.Next
			}
		}
		if !slices.Equal(got, want) {
			h.t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
	for _, query := range []string{"from=yesterday", "limit=0", "cursor=nonsense", "colour=red", "untimed=perhaps", "camera=%20"} {
		h.want(&call{method: "GET", path: "/v1/clips?" + query, wrong: true}, 400)
	}
	close := "/v1/clips/c-yard-1/close"
	for body, says := range map[string]string{
		`{}`:                                 "end is missing",
		`{"end":"2026-09-01T12:00:10.000Z"}`: "not after its start",
		`{"end":"2026-09-01T12:00:20.000Z","camera":"barn"}`: "camera yard",
		`{"end":"soon"}`: "", `{"ende":"2026-09-01T12:00:20.000Z"}`: "", `[]`: "", ``: "",
	} {
		h.want(&call{method: "POST", path: close, body: body, wrong: true}, 400, says)
	}
	h.want(&call{method: "POST", path: "/v1/clips/c-nowhere/close", body: object{"end": "2026-09-01T12:00:20.000Z"}}, 404, "unknown-clip")
	h.want(&call{method: "POST", path: close, body: "end", kind: "text/plain", wrong: true}, 415)
	answered := h.begin(func() *call {
		return h.do(&call{method: "POST", path: "/v1/questions", body: object{"camera": "yard", "start": "2026-09-01T12:00:02.000Z", "end": "2026-09-01T12:00:15.000Z", "deadline": ingest.NewTime(time.Now().Add(time.Hour)), "questions": []object{{"question_id": "q-range", "question": "a?"}}}})
	})
	eventually.True(h.t, "the question waits for the recording", func() bool {
		c := h.do(&call{method: "GET", path: "/v1/questions/q-range"})
		return strings.Contains(string(c.reply), `"for":"footage"`) && strings.Contains(string(c.reply), "POST /v1/clips/c-yard-1/close")
	})
	// Without a body it is as with {}: whatever its type is said to be, and whether its length is said.
	for _, kind := range []string{"", "application/json", "application/x-www-form-urlencoded"} {
		r, err := http.NewRequest("POST", h.url+close, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		h.wantOf(r, 400, "end is missing")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
		h.wantOf(r, 400, "end is missing")
	}
	chunked, err := http.NewRequest("POST", h.url+close, io.MultiReader(strings.NewReader(`{"ende":1}`)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.wantOf(chunked, 415, "no Content-Type")
	chunked.Body, chunked.Header["Content-Type"] = io.NopCloser(strings.NewReader(`{"ende":1}`)), []string{"application/json"}
	h.wantOf(chunked, 400, "did you mean end?")
	for range 2 { // closing twice is no error
		h.want(&call{method: "POST", path: close, body: object{"end": "2026-09-01T12:00:20.000Z"}}, 200, `"end":"2026-09-01T12:00:20.000Z"`)
	}
	h.want(&call{method: "POST", path: close, body: object{}}, 200, `"end":"2026-09-01T12:00:20.000Z"`)
	h.want(&call{method: "POST", path: close}, 200, `"end":"2026-09-01T12:00:20.000Z"`)
	for _, path := range []string{"/v1/questions", "/v1/clips"} { // which say nothing without a body
		h.want(&call{method: "POST", path: path, wrong: true}, 400, "the request has none")
		h.want(&call{method: "POST", path: path, body: "", wrong: true}, 400, "it is empty")
	}
	if c := h.replied(answered); c.status != 200 || !strings.Contains(string(c.reply), `"question_id":"q-range"`) {
		h.t.Errorf("a question about the range: %d %s", c.status, c.reply)
	}
}

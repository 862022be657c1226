package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"videoqa/answers/api"
	"videoqa/answers/live"
)

// An event is one of a stream.
type event struct{ name, data string }

// events asks, and reads the stream of events to its end.
func (h *house) events(body string, header map[string]string) (all []event) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url+"/v1/questions", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); response.StatusCode != 200 || kind != "text/event-stream" {
		h.t.Fatalf("the reply is %d, %s", response.StatusCode, kind)
	}
	var next event
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			next.name = value
		case name == "data":
			next.data = value
		case lines.Text() == "":
			all = append(all, next)
			next = event{}
		}
	}
	return all
}

func decoded[T any](t *testing.T, e event) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return v
}

func TestAnAnswerIsStreamedWhileItIsWritten(t *testing.T) {
	h := newHouse(t)
	uri := h.file("a.mp4", "a red bus on a road")
	texts, results := map[string]string{}, map[string]api.Result{}
	for _, e := range h.events(`{"uri":"`+uri+`","questions":[{"question_id":"q-1","question":"a?"},{"question_id":"q-2","question":"b?"}]}`, nil) {
		switch e.name {
		case "token":
			w := decoded[live.Word](t, e)
			if _, over := results[w.QuestionID]; over {
				t.Errorf("a word came behind the result of %s", w.QuestionID)
			}
			texts[w.QuestionID] = texts[w.QuestionID][:w.At] + w.Text
		case "result":
			r := decoded[api.Result](t, e)
			results[r.QuestionID] = r
		default:
			t.Errorf("an event %+v", e)
		}
	}
	for _, id := range []string{"q-1", "q-2"} {
		var answer struct{ Answer string }
		if err := json.Unmarshal(results[id].Answer, &answer); err != nil || results[id].Status != "answered" {
			t.Fatalf("the result of %s is %+v, %v", id, results[id], err)
		}
		if texts[id] != answer.Answer || answer.Answer != "a red bus on a road" {
			t.Errorf("the words of %s make %q; its answer is %q", id, texts[id], answer.Answer)
		}
		h.want(&call{method: "GET", path: "/v1/questions/" + id}, 200, `"status":"answered"`)
	}
}

func TestAStreamOfAnotherProcessesAnswersHasTheirResults(t *testing.T) {
	h := newHouse(t)
	cfg := h.cfg
	cfg.Words = nil // they are generated elsewhere
	h.url = h.serve(cfg)
	uri := h.file("a.mp4", "a bus")
	all := h.events(`{"uri":"`+uri+`","questions":[{"question_id":"q-1","question":"a?"}]}`, nil)
	if len(all) != 1 || all[0].name != "result" || decoded[api.Result](t, all[0]).Status != "answered" {
		t.Errorf("the events are %+v", all)
	}
}

func TestAStreamTellsWhatWaitsWhenItsTimeIsOver(t *testing.T) {
	h := newHouse(t)
	release := h.holdAsker()
	uri := h.file("a.mp4", "a bus")
	all := h.events(`{"uri":"`+uri+`","questions":[{"question_id":"q-1","question":"a?"}]}`, map[string]string{"Prefer": "wait=0"})
	release()
	if len(all) != 1 || all[0].name != "result" || decoded[api.Result](t, all[0]).Status != "waiting" {
		t.Errorf("the events are %+v", all)
	}
	refused := &call{method: "POST", path: "/v1/questions", kind: "application/json", body: `{"questions":[]}`, header: map[string]string{"Accept": "text/event-stream"}, wrong: true}
	h.want(refused, 400, "there are 0 questions")
}

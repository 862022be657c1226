package api_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers/api"
	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/ingest"
)

// A nowhere takes events and loses them.
type nowhere struct{}

func (nowhere) Publish(context.Context, ...ingest.Message) error { return nil }

// answered makes a store of n answered questions and returns its file.
func answered(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "store.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		a := ingest.Answer{
			ID: fmt.Sprint("a-", i), QuestionID: fmt.Sprint("q-", i), Question: "what is it?", Kind: ingest.Open, Text: fmt.Sprint("a dog, the ", i, "th"), Score: 0.5,
			Clips: []ingest.SeenClip{{ID: fmt.Sprint("c-", i)}}, Evidence: []ingest.Evidence{},
		}
		m, err := a.Message(ingest.TopicAnswers, "videoqa", ingest.NewTime(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		o := store.Outcome{QuestionID: a.QuestionID, Request: "h", State: store.Answered, Message: m.Bytes(), About: store.About{AnswerID: a.ID, ClipIDs: []string{a.Clips[0].ID}}}
		if _, _, err := s.Settle(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// replies asks for each of n questions, and answers, on the store at path; false: it
// cannot be opened.
func replies(t *testing.T, path string, n int) (got map[string]string, opened bool) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return nil, false
	}
	defer s.Close()
	a, err := api.New(api.Config{Stream: nowhere{}, Store: s})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	got = map[string]string{}
	for i := range n {
		for _, path := range []string{fmt.Sprint("/v1/questions/q-", i), fmt.Sprint("/v1/answers/a-", i)} {
			response, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			got[path] = fmt.Sprint(response.StatusCode, " ", string(body))
		}
	}
	return got, true
}

// Whatever bits are flipped in the file: a reply is the one that was stored, or none.
func TestAFileWithFlippedBitsNeverAnswersSomethingElse(t *testing.T) {
	const n = 100
	path := answered(t, n)
	want, opened := replies(t, path, n)
	if !opened || !strings.Contains(want["/v1/questions/q-7"], "a dog, the 7th") {
		t.Fatalf("the whole file says %q", want["/v1/questions/q-7"])
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	told, refused := 0, 0
	for seed := range uint64(24) {
		random, spoilt := rand.New(rand.NewPCG(seed, 1)), append([]byte{}, whole...)
		for range 30 {
			at := random.IntN(len(spoilt))
			spoilt[at] ^= 1 << random.IntN(8)
			if seed%2 == 1 { // more than can be put right
				copy(spoilt[at:], make([]byte, random.IntN(512)))
			}
		}
		path := filepath.Join(t.TempDir(), "store.db")
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		got, opened := replies(t, path, n)
		if !opened {
			continue
		}
		for asked, reply := range got {
			switch {
			case reply == want[asked]:
				told++
			case strings.HasPrefix(reply, "500 "), strings.HasPrefix(reply, "503 "):
				refused++
			default:
				t.Errorf("seed %d: %s replies %.300s", seed, asked, reply)
			}
		}
	}
	if told < n || refused < n/10 {
		t.Errorf("%d replies were as stored, %d refused: the test shows nothing", told, refused)
	}
}

func TestADamagedOutcomeIsA500ThatNamesIt(t *testing.T) {
	const n = 3
	path := answered(t, n)
	db, err := sql.Open("sqlite", path+"?vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE outcomes SET message = replace(message, 'Topic', 'topic') || ' ' WHERE question_id = 'q-1'"); err != nil {
		t.Fatal(err)
	}
	got, opened := replies(t, path, n)
	if !opened {
		t.Fatal("the file does not open")
	}
	for asked, reply := range got {
		damaged := strings.HasSuffix(asked, "-1")
		if strings.HasPrefix(reply, "500 ") != damaged || strings.Contains(reply, "/problems/damaged-record") != damaged || damaged && !strings.Contains(reply, "q-1") {
			t.Errorf("%s replies %s", asked, reply)
		}
	}
}

// A list goes on past what is damaged.
func TestAListTellsWhichAnswersAreDamaged(t *testing.T) {
	h := newHouse(t)
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": h.file("1", "a dog")}}, 201)
	for _, id := range []string{"q-1", "q-2"} {
		h.want(&call{method: "POST", path: "/v1/questions", body: object{"clip_id": "c-1", "questions": []object{{"question_id": id, "question": "what?"}}}}, 200)
	}
	db, err := sql.Open("sqlite", h.db+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE outcomes SET message = message || ' ' WHERE question_id = 'q-1'"); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Answers []ingest.Answer `json:"answers"`
		Damaged []string        `json:"damaged"`
	}
	c := h.want(&call{method: "GET", path: "/v1/answers"}, 200)
	if err := json.Unmarshal(c.reply, &list); err != nil || len(list.Answers) != 1 || list.Answers[0].QuestionID != "q-2" || len(list.Damaged) != 1 || list.Damaged[0] != "q-1" {
		t.Errorf("%+v (%v)", list, err)
	}
	again := object{"clip_id": "c-1", "questions": []object{{"question_id": "q-1", "question": "what?"}}}
	h.want(&call{method: "POST", path: "/v1/questions", body: again}, 500, "/problems/damaged-record", `"status":500`)
}

func TestADamagedClipIsMendedByItsDeletion(t *testing.T) {
	h := newHouse(t)
	clip := object{"clip_id": "c-1", "uri": h.file("1", "a dog")}
	h.want(&call{method: "POST", path: "/v1/clips", body: clip}, 201)
	db, err := sql.Open("sqlite", h.db+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE clips SET uri = uri || '1'"); err != nil {
		t.Fatal(err)
	}
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 500, "/problems/damaged-record", "c-1")
	h.want(&call{method: "POST", path: "/v1/clips", body: clip}, 500, "/problems/damaged-record")
	h.want(&call{method: "DELETE", path: "/v1/clips/c-1"}, 204)
	h.want(&call{method: "POST", path: "/v1/clips", body: clip}, 201)
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 200, `"clip_id":"c-1"`)
}

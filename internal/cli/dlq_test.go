package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/internal/fault"
)

// command runs videoqa beside a service and returns what it prints.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errors bytes.Buffer
	a := &App{In: strings.NewReader(""), Out: &out, Err: &errors, Getenv: os.Getenv}
	if status := a.run(t.Context(), args); status != want || (want == 0) != (errors.Len() == 0) {
		t.Fatalf("videoqa %v exits with %d, want %d:\n%s%s", args, status, want, out.String(), errors.String())
	}
	return out.String() + errors.String()
}

// A clip's file is no video. The operator sees it, puts the right one there, and
// has the question asked again.
func TestADeadQuestionIsListedShownAndReplayed(t *testing.T) {
	folder, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	path := filepath.Join(folder, "late.mp4")
	if err := os.WriteFile(path, []byte("This is not a video.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := serveOn(t, data, folder)
	question := []ingest.Question{{ID: "q-1", Text: "what is it?", ClipID: "c-1"}}
	clip := ingest.Clip{ID: "c-1", URI: "file://" + path}
	if got := exchange(t, address, "g-1", clip, question, 1); !strings.Contains(got["q-1"], `"error_kind":"bad-video"`) {
		t.Fatal(got)
	}
	if out := command(t, 0, "dlq", "list", "--data-dir", data); !strings.Contains(out, "bad-video") || !strings.Contains(out, "q-1") || !strings.Contains(out, "it is text") {
		t.Errorf("dlq list prints\n%s", out)
	}
	if out := command(t, 0, "dlq", "list", "--kind", "deadline", "--json", "--data-dir", data); out != "" {
		t.Errorf("of another kind:\n%s", out)
	}
	if out := command(t, 0, "dlq", "show", "q-1", "--data-dir", data); !strings.Contains(out, `"question": "what is it?"`) || !strings.Contains(out, `"topic": "vqa.questions.v1"`) {
		t.Errorf("dlq show prints\n%s", out)
	}
	right, err := os.ReadFile("../../testdata/clips/cfr.mp4")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, right, 0o600); err != nil {
		t.Fatal(err)
	}
	// One that there is not takes no other along.
	if out := command(t, failed, "dlq", "replay", "q-9", "q-1", "--data-dir", data); !strings.HasPrefix(out, "q-1: replayed\n") || !strings.Contains(out, "q-9") || !strings.Contains(out, "1 questions could not") {
		t.Errorf("dlq replay prints %q", out)
	}
	if got := await(t, address, "g-2", ingest.TopicAnswers); !strings.Contains(got, `"question_id":"q-1"`) {
		t.Errorf("after the replay came %s", got)
	}
	if out := command(t, 0, "dlq", "list", "--data-dir", data); out != "" {
		t.Errorf("dlq list still prints\n%s", out)
	}
	if out := command(t, failed, "dlq", "replay", "q-1", "--data-dir", data); !strings.Contains(out, "it is answered") {
		t.Errorf("replayed again:\n%s", out)
	}
	command(t, failed, "dlq", "show", "q-9", "--data-dir", data)
	for _, args := range [][]string{{"list", "--kind", "bad-vdeo"}, {"replay", "--all", "--kind", "bad-vdeo"}, {"explain", "bad-vdeo"}, {"explain", ""}} {
		out := command(t, misused, append([]string{"dlq"}, args...)...)
		if args[len(args)-1] != "" && (!strings.Contains(out, `"bad-vdeo" is not an error_kind`) || !strings.Contains(out, "bad-video")) {
			t.Errorf("%v: %s", args, out)
		}
	}
	command(t, misused, "dlq", "replay", "--data-dir", data)
	command(t, failed, "dlq", "list", "--data-dir", filepath.Join(data, "absent"))
}

// What no question came of is listed, shown and explained like the rest. A question
// that waits says why in the list of waiting questions.
func TestLettersWithoutAQuestionAndQuestionsThatWaitAreListed(t *testing.T) {
	folder, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	address, _ := serveOn(t, data, folder)
	client, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g-letters"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	publish := func(topic, value string) {
		if err := client.Publish(t.Context(), ingest.Message{Topic: topic, Key: []byte("dock-3"), Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	publish(ingest.TopicQuestions, "no event")
	publish(ingest.TopicQuestions, `{"question_id":"q-1","question":"a?","uri":"file:///etc/hostname"}`)
	publish(ingest.TopicQuestions, `{"question_id":"q-1","question":"b?","uri":"file:///etc/hostname"}`)
	publish(ingest.TopicQuestions, `{"question_id":"not an id","question":"b?","uri":"file:///etc/hostname"}`)
	publish(ingest.TopicQuestions, `{"question_id":"q-2","question":"a?","camera":"dock-3","start":"2026-09-01T10:00:00Z","end":"2026-09-01T10:00:05Z"}`)
	var list string
	for !strings.Contains(list, "bad-id") || !strings.Contains(list, "conflict") || !strings.Contains(list, "refused-uri") {
		if t.Context().Err() != nil {
			t.Fatal(list)
		}
		list = command(t, 0, "dlq", "list", "--data-dir", data)
	}
	var waiting string
	for !strings.Contains(waiting, "q-2") {
		waiting = command(t, 0, "waiting", "list", "--data-dir", data)
	}
	for _, want := range []string{"waits for footage", "up to when dock-3 was recorded", "videoqa.clip.closed.v1", "next attempt: 2", "deadline: 2", "failed attempts: 0"} {
		if !strings.Contains(waiting, want) {
			t.Errorf("%q is not in what waits:\n%s", want, waiting)
		}
	}
	if out := command(t, 0, "waiting", "list", "--json", "--for", "footage", "--data-dir", data); !strings.Contains(out, `{"question_id":"q-2","for":"footage","reason":"`) {
		t.Error(out)
	}
	if out := command(t, 0, "waiting", "list", "--for", "clip", "--data-dir", data); out != "" {
		t.Error(out)
	}
	command(t, misused, "waiting", "list", "--for", "godot", "--data-dir", data)
	var id string
	for _, line := range strings.Split(list, "\n") {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "bad-event" {
			id = fields[2]
		}
		if strings.Contains(line, "conflict ") && !strings.Contains(line, "(question q-1)") {
			t.Error(line)
		}
	}
	if !strings.HasPrefix(id, ingest.TopicQuestions+"/") {
		t.Fatalf("a record that is no event is %q in\n%s", id, list)
	}
	if out := command(t, 0, "dlq", "show", id, "--data-dir", data); !strings.Contains(out, `"error_kind": "bad-event"`) {
		t.Error(out)
	}
	if out := command(t, 0, "dlq", "show", "q-1", "--data-dir", data); !strings.Contains(out, `"error_kind": "refused-uri"`) || !strings.Contains(out, `"error_kind": "conflict"`) {
		t.Errorf("of a question that came twice, with another request, there are\n%s", out)
	}
	if out := command(t, 0, "dlq", "list", "--kind", "bad-id", "--json", "--data-dir", data); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"error_kind":"bad-id"`) {
		t.Error(out)
	}
	if out := command(t, failed, "dlq", "replay", id, "--data-dir", data); !strings.Contains(out, "not a question's outcome") {
		t.Error(out)
	}
	if out := command(t, 0, "dlq", "explain", "refused-uri"); !strings.Contains(out, "--media-roots") || !strings.HasPrefix(out, "refused-uri\n  cause:  ") {
		t.Error(out)
	}
	if out := command(t, 0, "dlq", "explain"); strings.Count(out, "remedy:") != len(fault.Names()) {
		t.Error(out)
	}
}

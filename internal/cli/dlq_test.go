package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/ingest"
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
	address, _ := serve(t, data, folder)
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
	command(t, misused, "dlq", "replay", "--data-dir", data)
	command(t, failed, "dlq", "list", "--data-dir", filepath.Join(data, "absent"))
}

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world has clips that the demonstration model was trained for.
const world = "../../testdata/world/demo/"

// questionsFile writes questions, one a line.
func questionsFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "questions.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecisionCheckSaysHowFarAnswersAreApart(t *testing.T) {
	asked := []string{"what is this?", "", "  which way does the train move?", "is there a dog?", "what colour is it?"}
	for len(asked) < 70 { // more than one call takes
		asked = append(asked, "how many things are there?")
	}
	file := questionsFile(t, asked...)
	status, out, errors := run(t, nil, "precision-check", "videoqa-small-world", world+"yard.mp4", world+"crossing.webm", "--questions", file, "--precision", "int8", "--json")
	var r struct {
		Model, Digest, Against, Precision string
		Clips, Questions, Same            int
		Agreement                         float64
		Moved                             struct{ Mean, Max float64 } `json:"score_moved"`
		Changed                           []struct {
			Clip, Question string
			Want, Got      struct {
				Answer string
				Score  float64
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &r); status != 0 || errors != "" || err != nil {
		t.Fatalf("status %d, %q, %q, %v", status, out, errors, err)
	}
	if r.Model != "videoqa-small-world" || r.Against != "fp32" || r.Precision != "int8" || r.Clips != 2 || r.Questions != 2*69 || r.Same+len(r.Changed) != r.Questions {
		t.Errorf("the report is %s", out)
	}
	if r.Agreement < 0.97 || r.Agreement != float64(r.Same)/float64(r.Questions) || !(0 < r.Moved.Mean && r.Moved.Mean <= r.Moved.Max && r.Moved.Max < 0.1) {
		t.Errorf("of a model trained for such clips, 8 bits change too much or nothing: %s", out)
	}
}

func TestPrecisionCheckPrintsATable(t *testing.T) {
	file := questionsFile(t, "what is this?", "is there a dog?")
	status, out, errors := run(t, nil, "precision-check", "videoqa-small-world", world+"yard.mp4", "--questions", file, "--precision", "fp32+int8", "--kind", "yesno")
	if status != 0 || errors != "" || !strings.Contains(out, "videoqa-small-world in fp32+int8, beside fp32\n") || !strings.Contains(out, "questions asked        2\n") {
		t.Errorf("status %d, %q, %q", status, out, errors)
	}
}

func TestPrecisionCheckFailsWhole(t *testing.T) {
	const model = "videoqa-small-world"
	good := questionsFile(t, "what is this?")
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no clip", []string{model, "--questions", good}, 2, "<clip>"},
		{"no questions", []string{model, clips + "cfr.mp4"}, 2, "--questions"},
		{"a file that is not there", []string{model, clips + "cfr.mp4", "--questions", good + "x"}, 1, "read questions"},
		{"a file of nothing", []string{model, clips + "cfr.mp4", "--questions", questionsFile(t, "", " ")}, 2, "holds no question"},
		{"a question that is too long", []string{model, clips + "cfr.mp4", "--questions", questionsFile(t, "what?", strings.Repeat("a", 2000))}, 2, "line 2"},
		{"a good clip before a bad one", []string{model, clips + "cfr.mp4", clips + "bad/text.mp4", "--questions", good}, 1, "text.mp4"},
		{"nothing to compare", []string{model, clips + "cfr.mp4", "--questions", good, "--precision", "fp32"}, 2, "--precision"},
		{"an unknown model", []string{"microsoft/git-base", clips + "cfr.mp4", "--questions", good}, 1, "videoqa pull"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errors := run(t, nil, append([]string{"precision-check"}, tc.args...)...)
			if status != tc.status || out != "" || !strings.Contains(errors, tc.says) {
				t.Errorf("status %d, output %q, errors %q; want %d, nothing, %q", status, out, errors, tc.status, tc.says)
			}
		})
	}
}

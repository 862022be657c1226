package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"videoqa/ingest"
)

const picture = "../../testdata/world/demo/harbour.jpg"

// A line is one of --json.
type line struct {
	File    string
	Stretch *struct{ Start, End float64 }
	ingest.Answer
}

func linesOf(t *testing.T, out string) (all []line) {
	t.Helper()
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func TestEachFileIsAskedEveryQuestionInOrder(t *testing.T) {
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	status, out, errors := run(t, data, "ask", clips+"cfr.mp4", "-", clips+"cfr.mp4", "-q", "what is it, then?", "--json", "--question=")
	lines := linesOf(t, out)
	if status != 0 || errors != "" || len(lines) != 6 {
		t.Fatalf("status %d, %d lines, %q", status, len(lines), errors)
	}
	for i, file := range []string{clips + "cfr.mp4", "-", clips + "cfr.mp4"} {
		for j, question := range []string{"what is it, then?", ""} {
			if l := lines[2*i+j]; l.File != file || l.Question != question || l.ID == "" || l.Stretch != nil {
				t.Errorf("line %d is about %q, %q; want %q, %q", 2*i+j, l.File, l.Question, file, question)
			}
		}
	}
	if lines[0].ID != lines[4].ID {
		t.Error("the same file has another answer the second time")
	}
}

// As with other programs, flags may stand anywhere.
func TestFlagsMayStandAmongTheArguments(t *testing.T) {
	for _, args := range [][]string{
		{"ask", "--json", picture, clips + "cfr.mp4", "-q", "what is it?"},
		{"ask", picture, "-qwhat is it?", clips + "cfr.mp4", "--json"},
		{"ask", "-q", "what is it?", picture, "--json", "--", clips + "cfr.mp4"},
		{"ask", picture, "--frames", "1", clips + "cfr.mp4", "--question=what is it?", "--json"},
	} {
		status, out, errors := run(t, nil, args...)
		if lines := linesOf(t, out); status != 0 || len(lines) != 2 || lines[0].File != picture || lines[1].Question != "what is it?" {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errors)
		}
	}
	for _, args := range [][]string{{"ask", picture, "--colour", "what?"}, {"ask", picture, "what?", "-x"}, {"ask", picture, "-q"}} {
		if status, out, errors := run(t, nil, args...); status != 2 || out != "" {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errors)
		}
	}
}

func TestAFileThatCannotBeReadLeavesTheOthersTheirAnswers(t *testing.T) {
	folder := t.TempDir()
	for _, tc := range []struct {
		name   string
		media  []string
		status int
		files  []string
		says   []string
	}{
		{"one is missing", []string{folder + "/none.mp4", picture}, 1, []string{picture}, []string{"none.mp4: there is no such file", "1 of 2 files have no answer"}},
		{"one is a folder, another is text", []string{picture, folder, clips + "bad/text.mp4"}, 1, []string{picture}, []string{"it is a folder", "text.mp4: ", "2 of 3 files have no answer"}},
		{"all are folders: the command line is wrong", []string{folder, folder}, 2, nil, []string{"2 of 2 files have no answer"}},
		{"- twice", []string{"-", "-"}, 2, nil, []string{"standard input can be read once"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errors := run(t, nil, append([]string{"ask", "-q", "what is it?", "--json"}, tc.media...)...)
			var files []string
			for _, l := range linesOf(t, out) {
				files = append(files, l.File)
			}
			if status != tc.status || strings.Join(files, " ") != strings.Join(tc.files, " ") {
				t.Errorf("status %d, answers about %q; want %d, %q", status, files, tc.status, tc.files)
			}
			for _, want := range tc.says {
				if !strings.Contains(errors, want) {
					t.Errorf("it says %q; want %q", errors, want)
				}
			}
		})
	}
}

// Who forgets -q is told, and not answered about the first file.
func TestWhatCanOnlyBeAMediumIsNoQuestion(t *testing.T) {
	folder := t.TempDir()
	for arg, says := range map[string]string{
		picture: "is a file", folder: "is a folder", "-": "is standard input", "https://example.com/a.mp4": "is an address",
		"misspelt.mp4": "there is none of that name", "clips/*.MOV": "there is none of that name",
	} {
		status, out, errors := run(t, nil, "ask", clips+"cfr.mp4", "what is it?", arg)
		if status != 2 || out != "" || !strings.Contains(errors, says) || !strings.Contains(errors, "stands where a question is expected") || !strings.Contains(errors, "-q") {
			t.Errorf("%q: status %d, %q, %q", arg, status, out, errors)
		}
	}
	if status, _, errors := run(t, nil, "ask", clips+"cfr.mp4", "-q", picture, "-q", "what is it?"); status != 2 || !strings.Contains(errors, "is a file") {
		t.Errorf("behind -q: status %d, %q", status, errors)
	}
	if status, _, errors := run(t, nil, "ask", "what is it?", picture); status != 2 || !strings.Contains(errors, "is a file") {
		t.Errorf("in the wrong order: status %d, %q", status, errors)
	}
	if status, _, errors := run(t, nil, "ask", picture); status != 2 || !strings.Contains(errors, "there is no question") {
		t.Errorf("without a question: status %d, %q", status, errors)
	}
	if status, _, errors := run(t, nil, "ask", picture, "is it called harbour.jpg?", "and cow.mp4 ?"); status != 0 {
		t.Errorf("questions that name files: status %d, %q", status, errors)
	}
}

func TestEveryStretchIsPrintedWithItsStartAndItsEnd(t *testing.T) {
	args := []string{"ask", clips + "one-gop.mkv", "-q", "what is it?", "--every", "600ms", "--from", "100ms"}
	_, out, _ := run(t, nil, append(args, "--json")...)
	want := []struct{ start, end float64 }{{0.1, 0.7}, {0.7, 1.3}, {1.3, 1.9}}
	for i, l := range linesOf(t, out) {
		if l.Stretch == nil || l.Stretch.Start != want[i].start || i < 2 && l.Stretch.End != want[i].end || l.Stretch.End > 2 {
			t.Errorf("line %d is about %+v; want %v", i, l.Stretch, want[i])
		}
	}
	_, text, _ := run(t, nil, args...)
	for _, want := range []string{"== 0:00.1 to 0:00.7\n", "\n== 0:00.7 to 0:01.3\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	_, several, _ := run(t, nil, append(args, clips+"cfr.mp4")...)
	if want := "== " + clips + "one-gop.mkv, 0:00.1 to 0:00.7\n"; !strings.Contains(several, want) {
		t.Errorf("%q is not in\n%s", want, several)
	}
}

func TestATableHasOneLineOfHeadingsAndOneAnswerARow(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "a \"b\", caf\xe9\n.jpg")
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(odd, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, errors := run(t, nil, "ask", odd, clips+"cfr.mp4", "-q", "what, \"it\"?", "--csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][0] != "file" || rows[1][3] != "what, \"it\"?" || !strings.HasSuffix(rows[1][0], `a "b", caf\xe9\n.jpg`) || rows[2][0] != clips+"cfr.mp4" {
		t.Fatalf("%q, %q, %v", out, errors, err)
	}
	_, out, _ = run(t, nil, "ask", clips+"one-gop.mkv", "-q", "what is it?", "--csv", "--every", "1s")
	if rows, err = csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) < 3 || rows[1][1] != "0" || rows[1][2] != "1" || rows[2][1] != "1" {
		t.Errorf("%q, %v", out, err)
	}
	if status, _, errors := run(t, nil, "ask", picture, "what?", "--csv", "--json"); status != 2 {
		t.Errorf("--csv and --json: status %d, %q", status, errors)
	}
}

func TestPrintedLinesFit80Columns(t *testing.T) {
	long := strings.Repeat("what is it that stands here, ", 5) + strings.Repeat("\u4ec0\u4e48\u4e1c\u897f", 20) + "?"
	_, out, errors := run(t, nil, "ask", clips+"cfr.mp4", picture, "-q", long, "-q", "what is it?", "-q", strings.Repeat("x", 300))
	for _, l := range strings.Split(out, "\n") {
		if runewidth.StringWidth(l) > 80 {
			t.Errorf("%d columns: %q (%s)", runewidth.StringWidth(l), l, errors)
		}
	}
	if !strings.Contains(out, "looked at one picture\n") || !strings.Contains(out, "ms: decode ") {
		t.Errorf("there is no receipt in\n%s", out)
	}
}

// What the model was not asked is not to be read after a high percentage.
func TestAQuestionOfUnknownWordsIsWarnedOfBeforeItsAnswer(t *testing.T) {
	_, out, _ := run(t, nil, "ask", picture, "which parliament ratified the zeppelin?")
	_, answer, warned := strings.Cut(out, "warning: the model does not know")
	if !warned || strings.Contains(answer, " %") || !strings.Contains(answer, "looked at") {
		t.Errorf("it prints\n%s", out)
	}
	if _, out, _ = run(t, nil, "ask", picture, "what is it?"); strings.Contains(out, "warning") || !strings.Contains(out, " %") {
		t.Errorf("of words that it knows it prints\n%s", out)
	}
}

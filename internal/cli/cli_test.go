package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"videoqa/ingest"
	"videoqa/internal/cli"
)

const clips = "../../testdata/clips/"

// run is the program, in this process, with a cache of its own.
func run(t *testing.T, in []byte, args ...string) (status int, out, errors string) {
	t.Helper()
	cache := t.TempDir()
	environ := []string{
		"VIDEOQA_ONNXRUNTIME=" + os.Getenv("VIDEOQA_ONNXRUNTIME"), "XDG_CACHE_HOME=" + cache, "HF_HOME=" + filepath.Join(cache, "hf"),
	}
	var stdout, stderr bytes.Buffer
	status = cli.Main("v0-test", args, bytes.NewReader(in), &stdout, &stderr, environ)
	return status, stdout.String(), stderr.String()
}

func TestAskPrintsOneAnswerObjectALine(t *testing.T) {
	status, out, errors := run(t, nil, "ask", "--json", clips+"cfr.mp4", "what is this?", "", "is there a dog?")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || errors != "" || len(lines) != 3 {
		t.Fatalf("status %d, %d lines, %q", status, len(lines), errors)
	}
	for i, kind := range []ingest.Kind{ingest.Open, ingest.Caption, ingest.Open} {
		var a ingest.Answer
		if err := json.Unmarshal([]byte(lines[i]), &a); err != nil || a.Kind != kind || len(a.Sampling.Frames) != 6 || a.Sampling.Notes == nil || a.Evidence == nil || !a.Model.Demonstration {
			t.Errorf("line %d is %s, %v", i, lines[i], err)
		}
	}
}

func TestAskReadsStandardInputAsItReadsThePath(t *testing.T) {
	data, err := os.ReadFile(clips + "cfr.mp4")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, name := range []string{"-", clips + "cfr.mp4"} {
		status, out, errors := run(t, data, "ask", "--json", name, "what is this?")
		var a ingest.Answer
		if err := json.Unmarshal([]byte(out), &a); status != 0 || err != nil {
			t.Fatalf("ask %s: status %d, %q, %v", name, status, errors, err)
		}
		ids[a.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the same bytes have the answer ids %v", ids)
	}
}

func TestEveryStretchGetsItsAnswer(t *testing.T) {
	status, out, errors := run(t, nil, "ask", "--json", "--every", "600ms", "--from", "100ms", clips+"one-gop.mkv", "what is this?")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != 3 {
		t.Fatalf("status %d, %d lines, %q", status, len(lines), errors)
	}
	last := -1.0
	for _, line := range lines {
		var a ingest.Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if first := float64(a.Sampling.Frames[0].PTS); first <= last {
			t.Errorf("a stretch begins at %v, after one that went on to %v", first, last)
		}
		last = float64(a.Sampling.Frames[len(a.Sampling.Frames)-1].PTS)
	}
}

func TestAStretchMayBeLongerThanAnyFile(t *testing.T) {
	status, out, errors := run(t, nil, "ask", "--csv", "--every", "2562047h47m16s", "--from", "900ms", clips+"one-gop.mkv", "what is this?")
	if lines := strings.Count(out, "\n"); status != 0 || lines != 2 || !strings.Contains(out, "one-gop.mkv,0.9,") {
		t.Errorf("status %d, %q, %q; want one answer", status, out, errors)
	}
}

// What is damaged has no answer, and takes none away from the rest.
func TestADamagedStretchLeavesTheOthersTheirAnswers(t *testing.T) {
	status, out, errors := run(t, nil, "ask", "--json", "--every", "300ms", clips+"damaged-middle.mp4", "what is this?")
	lines, told := strings.Count(out, "\n"), strings.Split(strings.TrimSpace(errors), "\n")
	if status != 1 || lines < 2 || len(told) < 2 || !strings.Contains(told[0], "from ") {
		t.Fatalf("status %d, %d answers, %q", status, lines, errors)
	}
	if want := fmt.Sprintf("%d of %d stretches", len(told)-1, lines+len(told)-1); !strings.Contains(told[len(told)-1], want) {
		t.Errorf("at the end it says %q; want %s", told[len(told)-1], want)
	}
	var seen []float64
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var a ingest.Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, float64(a.Sampling.Frames[0].PTS))
	}
	if from, to := seen[0], seen[len(seen)-1]; from > 0.3 || to < 1 {
		t.Errorf("the answers begin at %v and end at %v: not on both sides of the damage", from, to)
	}
}

func TestAStillPictureHasNoSpanOfTime(t *testing.T) {
	picture := "../../testdata/world/demo/harbour.jpg"
	for _, args := range [][]string{
		{"ask", picture, "what is this?", "--every", "1s"}, {"ask", picture, "what is this?", "--from", "1s"},
		{"frames", picture, "--to", "1s", "--out", t.TempDir()},
	} {
		if status, out, errors := run(t, nil, args...); status != 2 || out != "" || !strings.Contains(errors, "no span of time") {
			t.Errorf("%v: status %d, %q, %q", args, status, out, errors)
		}
	}
	for flag, want := range map[string]string{"3": `"requested":3,"notes":["fewer-frames"]`, "1": `"requested":1,"notes":[]`} {
		_, asked, _ := run(t, nil, "ask", picture, "what is this?", "--json", "--frames", flag)
		_, framed, _ := run(t, nil, "frames", picture, "--json", "--count", flag, "--out", t.TempDir())
		for _, out := range []string{asked, framed} {
			for _, part := range strings.Split(want, ",\"notes") {
				if !strings.Contains(out, part) {
					t.Errorf("%s frames of a picture: %s; want %s", flag, out, want)
				}
			}
		}
	}
}

func TestFramesOfAnotherRunAreNotMixedIn(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		count  string
		status int
	}{{"4", 0}, {"4", 0}, {"2", 2}, {"5", 0}} {
		if status, _, errors := run(t, nil, "frames", clips+"cfr.mp4", "--count", tc.count, "--out", dir); status != tc.status {
			t.Errorf("%s frames: status %d, %s", tc.count, status, errors)
		}
	}
}

func TestFramesWritesWhatTheModelSees(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "seen")
	status, out, errors := run(t, nil, "frames", clips+"rotated-90.mp4", "--count", "3", "--out", dir, "--size", "model", "--json")
	var l struct {
		Frames []struct {
			PTS           float64
			File          string
			Width, Height int
		}
		Sampling struct{ Notes []string }
	}
	if err := json.Unmarshal([]byte(out), &l); status != 0 || err != nil || len(l.Frames) != 3 || strings.Count(out, "\n") != 1 {
		t.Fatalf("status %d, %q, %q, %v", status, out, errors, err)
	}
	for i, f := range l.Frames {
		file, err := os.Open(f.File)
		if err != nil {
			t.Fatal(err)
		}
		im, err := png.DecodeConfig(file)
		if err != nil || im.Width != 96 || im.Height != 96 || f.Width != 96 || filepath.Dir(f.File) != dir {
			t.Errorf("frame %d, %+v, is %+v, %v", i, f, im, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnErrorIsOneSentenceAndNothingElse(t *testing.T) {
	folder := t.TempDir()
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no such file", []string{"ask", folder + "/none.mp4", "what?"}, 1, "no such file"},
		{"a folder", []string{"ask", folder, "what?"}, 2, "folder"},
		{"text", []string{"ask", clips + "bad/text.mp4", "what is this?"}, 1, "text"},
		{"no video", []string{"caption", clips + "bad/audio-only.mp4"}, 1, "none of them is video"},
		{"a good question before a bad one", []string{"ask", clips + "cfr.mp4", "what is this?", strings.Repeat("a", 2000)}, 2, "2000 characters"},
		{"a choice that the model cannot spell", []string{"ask", clips + "cfr.mp4", "which?", "--choices", "dog,zeppelin"}, 2, "zeppelin"},
		{"choices that name none", []string{"ask", clips + "cfr.mp4", "which?", "--choices", ""}, 2, "--choices names no answer"},
		{"more frames than the model has", []string{"ask", "--frames", "7", clips + "cfr.mp4", "what?"}, 2, "7 frames"},
		{"an unknown model", []string{"ask", "--model", "microsoft/git-base", clips + "cfr.mp4", "what?"}, 1, "videoqa pull microsoft/git-base"},
		{"a precision that is not built in", []string{"ask", "--precision", "int4", clips + "cfr.mp4", "what?"}, 2, "int4"},
		{"an unknown flag", []string{"ask", "--colour", clips + "cfr.mp4", "what?"}, 2, "--colour"},
		{"an unknown command", []string{"tell"}, 2, "tell"},
		{"http", []string{"ask", "http://127.0.0.1/a.mp4", "what?"}, 1, "https"},
		{"a private https address", []string{"ask", "https://127.0.0.1/a.mp4", "what?"}, 1, "127.0.0.1"},
		{"a span after the end", []string{"ask", "--from", "1h", clips + "cfr.mp4", "what?"}, 2, "after the end"},
		{"stretches after the end", []string{"ask", "--from", "1h", "--every", "1s", clips + "cfr.mp4", "what?"}, 2, "after the end"},
		{"frames of text", []string{"frames", clips + "bad/text.mp4", "--out", folder + "/f"}, 1, "text"},
		{"nothing on standard input", []string{"ask", "-", "what?"}, 1, "empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errors := run(t, nil, tc.args...)
			if status != tc.status || out != "" || !strings.Contains(errors, tc.says) {
				t.Errorf("%v: status %d, output %q, errors %q; want %d, nothing, %q", tc.args, status, out, errors, tc.status, tc.says)
			}
			if first, _, more := strings.Cut(strings.TrimSuffix(errors, "\n"), "\n"); more && !strings.Contains(errors, "--help") {
				t.Errorf("more than a sentence: %q and on", first)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"ask", "--help"}, {"version"}, {"--version"}, {"help"}, {"help", "ask"}, {"help", "config", "check"}} {
		status, out, errors := run(t, nil, args...)
		if status != 0 || out == "" || errors != "" {
			t.Errorf("%v: status %d, output %q, errors %q", args, status, out, errors)
		}
	}
}

// A name in Latin-1, as old archives have them: it is opened, written to, and told
// of in JSON that any parser reads.
func TestFileNamesThatAreNotUTF8AreTakenAsTheyAre(t *testing.T) {
	folder := t.TempDir()
	data, err := os.ReadFile(clips + "cfr.mp4")
	if err != nil {
		t.Fatal(err)
	}
	clip, out := filepath.Join(folder, "caf\xe9.mp4"), filepath.Join(folder, "gr\xfc\xdfe")
	if err := os.WriteFile(clip, data, 0o600); err != nil {
		t.Fatal(err)
	}
	status, listed, errors := run(t, nil, "frames", clip, "--count", "2", "--json", "--out", out)
	var l struct {
		Frames []struct {
			File   string
			Base64 []byte `json:"file_base64"`
		}
	}
	if err := json.Unmarshal([]byte(listed), &l); status != 0 || err != nil || len(l.Frames) != 2 || !utf8.ValidString(listed) {
		t.Fatalf("status %d, %q, %q, %v", status, listed, errors, err)
	}
	for _, f := range l.Frames {
		if _, err := os.Stat(string(f.Base64)); err != nil || filepath.Dir(string(f.Base64)) != out || !strings.Contains(f.File, `gr\xfc\xdfe`) {
			t.Errorf("a frame is told of as %q, %q: %v", f.File, f.Base64, err)
		}
	}
	if status, shown, errors := run(t, nil, "frames", clip, "--count", "2", "--out", out); status != 0 || !strings.Contains(shown, `gr\xfc\xdfe/001.png`) {
		t.Errorf("status %d, %q, %q", status, shown, errors)
	}
	if status, _, errors := run(t, nil, "caption", folder+"/\xe9\x1b[2J.mp4"); status != 1 || !strings.Contains(errors, `\xe9\x1b[2J.mp4: there is no such file`) {
		t.Errorf("status %d, %q", status, errors)
	}
	if status, _, errors := run(t, nil, "ask", clip, "is it a caf\xe9?"); status != 2 || !strings.Contains(errors, "UTF-8") {
		t.Errorf("a question that is not UTF-8: status %d, %q", status, errors)
	}
}

func TestWhatIsAskedForInOtherWordsIsTheSame(t *testing.T) {
	for _, same := range [][2][]string{{{"help"}, {"--help"}}, {{"help", "ask"}, {"ask", "--help"}}, {{"help", "config", "check"}, {"config", "check", "--help"}}} {
		_, one, _ := run(t, nil, same[0]...)
		_, other, _ := run(t, nil, same[1]...)
		if one != other || one == "" {
			t.Errorf("%q and %q print\n%s\nand\n%s", same[0], same[1], one, other)
		}
	}
	if status, out, _ := run(t, nil, "--version"); status != 0 || out != "videoqa v0-test\n" {
		t.Errorf("--version: status %d, %q", status, out)
	}
	if status, _, errors := run(t, nil, "help", "tell"); status != 2 || !strings.Contains(errors, "tell") {
		t.Errorf("help of a command that there is not: status %d, %q", status, errors)
	}
}

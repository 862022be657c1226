package cli

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// upload posts a form with media.
func (p *process) upload(path, name, description string, media []byte) (status int, body string) {
	p.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	err := w.WriteField(name, description)
	if err == nil {
		var part io.Writer
		if part, err = w.CreateFormFile("media", "clip.mp4"); err == nil {
			_, err = part.Write(media)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	status, text := reply(p.t)(http.Post("http://"+p.http+path, w.FormDataContentType(), &form))
	return status, string(text)
}

// What is too much for a question is not registered as a clip, and both say which limit it is.
func TestAnUploadsLimitsAreOne(t *testing.T) {
	video, err := os.ReadFile("../../testdata/clips/cfr.mp4")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		setting, says string
		status        int // of a clip and of a question
	}{
		{"--spool-max-duration=1s", "at most 1s", 413},
		{fmt.Sprintf("--spool-max-bytes=%d", len(video)-1), fmt.Sprintf("%d bytes at most (--spool-max-bytes)", len(video)-1), 413},
		{fmt.Sprintf("--spool-max-bytes=%d", len(video)), "", 0},
	} {
		p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), tc.setting)
		p.quiet()
		clip, question := 201, 200
		if tc.status != 0 {
			clip, question = tc.status, tc.status
		}
		if status, body := p.upload("/v1/clips", "clip", `{"clip_id":"c-1"}`, video); status != clip || !strings.Contains(body, tc.says) {
			t.Errorf("%s: a clip: %d %s; want %d and %q", tc.setting, status, body, clip, tc.says)
		}
		if status, body := p.upload("/v1/questions", "request", `{"questions":[{"question":"what is it?"}]}`, video); status != question || !strings.Contains(body, tc.says) {
			t.Errorf("%s: a question: %d %s; want %d and %q", tc.setting, status, body, question, tc.says)
		}
		p.stop()
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/ingest"
)

// uploadTo posts a form of JSON and a file, and returns the status and the reply.
func uploadTo(t *testing.T, url, as, description, path string) (int, []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + as + `"`}, "Content-Type": {"application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, description)
	part, err = form.CreateFormFile("media", filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	part.Write(data)
	form.Close()
	return reply(t)(http.Post(url, form.FormDataContentType(), &body))
}

func reply(t *testing.T) func(*http.Response, error) (int, []byte) {
	t.Helper()
	return func(r *http.Response, err error) (int, []byte) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, text
	}
}

// The whole of it over HTTP: a real clip is uploaded to serve, and the built-in
// model answers about it; then its frames are shown, and it is deleted.
func TestServeAnswersAboutAnUploadOverHTTP(t *testing.T) {
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"))
	p.quiet()
	base := "http://" + p.http
	clip := filepath.Join("..", "..", "testdata", "world", "demo", "yard.mp4")
	status, text := uploadTo(t, base+"/v1/clips", "clip", `{"clip_id":"c-1","camera":"yard","start":"2026-09-01T10:00:00.000Z","end":"2026-09-01T10:00:03.000Z"}`, clip)
	if status != http.StatusCreated || !strings.Contains(string(text), `"uri":"videoqa-media:`) {
		t.Fatalf("%d %s", status, text)
	}
	asking := `{"camera":"yard","start":"2026-09-01T10:00:01.000Z","end":"2026-09-01T10:00:03.000Z","questions":[{"question_id":"q-1","question":"what is it?"}]}`
	status, text = reply(t)(http.Post(base+"/v1/questions", "application/json", strings.NewReader(asking)))
	var got struct {
		Results []struct {
			Status string
			Answer ingest.Answer
		}
	}
	if err := json.Unmarshal(text, &got); status != http.StatusOK || err != nil || len(got.Results) != 1 {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	a := got.Results[0].Answer
	if a.Text != "the dog" || a.Sampling.Policy != "grid" || len(a.Sampling.Frames) != 6 || a.Camera != "yard" || a.Clips[0].ID != "c-1" {
		t.Errorf("%+v", a)
	}
	status, text = reply(t)(http.Get(base + "/v1/clips/c-1/frames/" + a.Sampling.Frames[2].PTS.String() + ".jpg"))
	if picture, err := jpeg.Decode(bytes.NewReader(text)); status != http.StatusOK || err != nil || picture.Bounds().Dx() < 64 {
		t.Errorf("a frame: %d, %v", status, err)
	}
	status, text = reply(t)(http.Get(base + "/v1/models"))
	if status != http.StatusOK || !strings.Contains(string(text), a.Model.Digest) || !strings.Contains(string(text), `"frames":6`) {
		t.Errorf("%d %s", status, text)
	}
	status, text = uploadTo(t, base+"/v1/questions", "request", `{"questions":[{"question_id":"q-2","question":"is there a dog?","kind":"yesno"}]}`, clip)
	if status != http.StatusOK || !strings.Contains(string(text), `"answer":"yes"`) {
		t.Errorf("%d %s", status, text)
	}
	request, err := http.NewRequest(http.MethodDelete, base+"/v1/clips/c-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, text = reply(t)(http.DefaultClient.Do(request)); status != http.StatusNoContent {
		t.Errorf("%d %s", status, text)
	}
	if status, text = reply(t)(http.Get(base + "/v1/questions/q-1")); status != http.StatusGone {
		t.Errorf("an answer from a deleted clip: %d %s", status, text)
	}
	if status := p.stop(); status != 0 {
		t.Errorf("serve exits with %d", status)
	}
}

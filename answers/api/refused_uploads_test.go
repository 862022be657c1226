package api_test

import (
	"errors"
	"testing"
)

// An upload that others would not see is refused with the remedy, and taken once they do.
func TestUploadsThatOthersWouldNotSeeAreRefused(t *testing.T) {
	h := newHouse(t)
	var apart error
	cfg := h.cfg
	cfg.RefuseUploads = func() error { return apart }
	h.url = h.serve(cfg)
	for path, part := range map[string]string{"/v1/clips": "clip", "/v1/questions": "request"} {
		text := `{"questions":[{"question":"what is it?"}]}`
		if part == "clip" {
			text = `{}`
		}
		body, kind := form(t, part, text, "a dog")
		apart = errors.New("another process does not see them: give all one --spool-url")
		c := h.want(&call{method: "POST", path: path, body: body, kind: kind}, 503, "/problems/uploads-refused", "--spool-url")
		if c.head.Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", path)
		}
		h.want(&call{method: "POST", path: "/v1/clips", body: object{"uri": h.file("a", "a dog")}}, 201) // which is no upload
		apart = nil
		if c := h.do(&call{method: "POST", path: path, body: body, kind: kind}); c.status >= 300 {
			t.Errorf("%s: %d %s", path, c.status, c.reply)
		}
	}
}

package media_test

import (
	"errors"
	"strings"
	"testing"

	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

func TestAURIThatNoProcessReadsIsRefused(t *testing.T) {
	for uri, says := range map[string]string{
		"file:///srv/a.mp4": "", "https://host/a.mp4": "", "http://host/a.mp4": "", "s3://bucket/a.mp4": "", "videoqa-media:0af": "", "HTTPS://host/a.mp4": "",
		"x": "no scheme", "/srv/a.mp4": "no scheme", "ftp://host/a.mp4": "ftp: is not read", "https://us er@host": "not a URI", "data:video/mp4;base64,AA": "data: is not read",
		"https:user:secret@host/a.mp4": "no host", "https://user:xxxxx@host/a.mp4": "give the password itself", "https://user:secret@host/a.mp4": "",
	} {
		err := media.Check(uri)
		if says == "" && err != nil || says != "" && (!errors.Is(err, fault.RefusedURI) || !strings.Contains(err.Error(), says)) {
			t.Errorf("check %s: %v; want %q", uri, err, says)
		} else if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("check %s shows the password: %v", uri, err)
		}
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	for uri, want := range map[string]string{
		"https://user:secret@host/a%20b.mp4?x=1": "https://user:xxxxx@host/a%20b.mp4?x=1",
		"https://user@host/a.mp4":                "https://user@host/a.mp4",
		"file:///srv/a:b@c.mp4":                  "file:///srv/a:b@c.mp4",
		"not a uri %zz":                          "not a uri %zz",
		"https://user:sec^ret@host/a.mp4":        "https:",
		"https:user:secret@host/a.mp4":           "https:",
	} {
		if got := media.WithoutPassword(uri); got != want {
			t.Errorf("%s is shown as %s, want %s", uri, got, want)
		}
	}
}

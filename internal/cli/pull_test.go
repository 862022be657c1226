package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Before anything answers, so that a network that hangs is no riddle.
func TestPullSaysWhatItIsTryingBeforeItTries(t *testing.T) {
	said := ""
	a, out, errs := app(t)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		said = errs.String()
		http.NotFound(w, nil)
	}))
	defer hub.Close()
	folder := t.TempDir()
	environ := []string{"HF_ENDPOINT=" + strings.Replace(hub.URL, "http://", "http://me:secret@", 1), "HF_HUB_CACHE=" + folder}
	a.Environ, a.Getenv = environ, lookup(environ)
	status := a.run(t.Context(), []string{"pull", "org/name@v1"})
	if want := "pulling org/name@v1 from " + hub.URL + " into " + folder + "\n"; said != want || status != failed || out.String() != "" || strings.Contains(errs.String(), "secret") {
		t.Errorf("status %d; first it says %q; want %q; in the end %q", status, said, want, errs)
	}
}

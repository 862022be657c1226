package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAClipWhoseURINoProcessReadsIsNotRegistered(t *testing.T) {
	h := newHouse(t)
	for _, uri := range []string{"x", "/srv/a.mp4", "ftp://host/a.mp4"} {
		h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": uri}}, 403, "refused-uri")
	}
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 404)
}

func TestAClipsPasswordIsNotShown(t *testing.T) {
	h := newHouse(t)
	h.want(&call{method: "POST", path: "/v1/clips", body: object{"clip_id": "c-1", "uri": "https://user:secret@host/a.mp4"}}, 201, "user:xxxxx@host")
	h.want(&call{method: "GET", path: "/v1/clips/c-1"}, 200, "user:xxxxx@host")
	h.want(&call{method: "GET", path: "/v1/clips"}, 200, "user:xxxxx@host")
}

func TestContentTypesThatDifferAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, tc := range []struct {
		types []string
		want  int
	}{{[]string{"application/json", "text/plain"}, 400}, {[]string{"application/json", "application/json"}, 201}} {
		r, err := http.NewRequest("POST", h.url+"/v1/clips", strings.NewReader(`{"clip_id":"c-1","uri":"https://host/a.mp4"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Content-Type"] = tc.types
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tc.want {
			t.Errorf("%q: %d, want %d", tc.types, response.StatusCode, tc.want)
		}
	}
}

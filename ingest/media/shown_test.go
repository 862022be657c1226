package media

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// What went wrong is told with the address as it was given, the rule, and the setting
// that has it.
func TestAnErrorNamesTheAddressTheRuleAndTheSetting(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "one")
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "out.mp4")); err != nil {
		t.Fatal(err)
	}
	folder, err := spool.Open(spool.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	none, rooted := fetcher(t, Config{}), fetcher(t, Config{Roots: []string{dir}, Spool: folder, HTTP: true, Timeout: 5 * time.Second})
	for _, tc := range []struct {
		f      *Fetcher
		uri    string
		kind   error
		absent bool
		want   []string
	}{
		{none, "file:///srv/clips/0917.mp4", fault.RefusedURI, false, []string{"file:///srv/clips/0917.mp4", "--media-roots is not set"}},
		{rooted, "file:///srv/clips/0917.mp4", fault.RefusedURI, false, []string{"file:///srv/clips/0917.mp4", "under no folder of --media-roots"}},
		{rooted, "file://" + dir + "/absent%20one.mp4", fault.UnreachableURI, true, []string{"file://" + dir + "/absent%20one.mp4", "no such file"}},
		{rooted, "file://" + dir + "/out.mp4", fault.RefusedURI, false, []string{dir + "/out.mp4", "a link", "--media-roots"}},
		{rooted, "file://" + dir, fault.RefusedURI, false, []string{dir, "it is a folder"}},
		{rooted, "file://nas/clips/a.mp4", fault.RefusedURI, false, []string{"file://nas/clips/a.mp4", "another machine"}},
		{rooted, "file:clips/a.mp4", fault.RefusedURI, false, []string{"file:clips/a.mp4", "absolute"}},
		{rooted, "file://" + dir + "/a.mp4?x#y", fault.RefusedURI, false, []string{dir + "/a.mp4: ", "%3F"}},
		{rooted, "/srv/clips/a.mp4", fault.RefusedURI, false, []string{"/srv/clips/a.mp4", "no scheme", "file:///"}},
		{rooted, "", fault.RefusedURI, false, []string{"no scheme"}},
		{rooted, "rtsp://cam-3/live", fault.RefusedURI, false, []string{"rtsp://cam-3", "rtsp: is not read"}},
		{rooted, "https://ho st/a b.mp4", fault.RefusedURI, false, []string{"https:", "not a URI"}},
		{none, "http://example.com/a.mp4", fault.RefusedURI, false, []string{"http://example.com: ", "--media-http"}},
		{rooted, "http://127.0.0.1:80/a.mp4", fault.RefusedURI, false, []string{"http://127.0.0.1:80: ", "--media-networks"}},
		{rooted, "http://127.0.0.1:8554/a.mp4", fault.RefusedURI, false, []string{"http://127.0.0.1:8554", "port 8554", "80 443", "--media-ports"}},
		{rooted, "https://nowhere.invalid:8443/a.mp4", fault.RefusedURI, false, []string{"https://nowhere.invalid:8443", "port 8443", "80 443", "--media-ports"}}, // judged before its name is looked up
		{rooted, "https://nowhere.invalid:99999/a.mp4", fault.RefusedURI, false, []string{"https://nowhere.invalid:99999", "99999 is not a port"}},
		{rooted, "http://user:hunter2@127.0.0.1/a.mp4?token=hunter2", fault.RefusedURI, false, []string{"http://127.0.0.1: ", "password"}},
		{rooted, "s3://footage/dock-3/a.mp4", fault.RefusedURI, false, []string{"s3://footage/dock-3/a.mp4", "--s3-endpoint"}},
		{rooted, spool.URI(digest("one")), fault.UnreachableURI, true, []string{spool.URI(digest("one")), "--spool-url"}},
		{rooted, "file:///" + strings.Repeat("ä", 1000), fault.RefusedURI, false, []string{"…"}},
	} {
		_, err := tc.f.Open(t.Context(), tc.uri, "")
		if !errors.Is(err, tc.kind) || errors.Is(err, ErrAbsent) != tc.absent || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "hostname") || len(err.Error()) > 500 {
			t.Errorf("Open(%.80q): %v, absent: %v; want %v, absent: %v", tc.uri, err, errors.Is(err, ErrAbsent), tc.kind, tc.absent)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Open(%.80q): %v; want %q in it", tc.uri, err, want)
			}
		}
	}
}

// What a server says will not change soon is told apart from what may.
func TestAServersLastWordIsAbsence(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
	}))
	defer server.Close()
	at := netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://"))
	f := fetcher(t, Config{HTTP: true, Ports: []uint16{at.Port()}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for status, want := range map[int]bool{404: true, 410: true, 403: true, 401: true, 408: false, 429: false, 500: false, 503: false} {
		if _, err := f.Open(t.Context(), fmt.Sprint(server.URL, "/", status), ""); errors.Is(err, ErrAbsent) != want || !strings.Contains(err.Error(), fmt.Sprint(status)) || !errors.Is(err, fault.UnreachableURI) {
			t.Errorf("%d: %v; absent: %v", status, err, want)
		}
	}
	server.Close()
	if _, err := f.Open(t.Context(), server.URL+"/200", ""); errors.Is(err, ErrAbsent) || !errors.Is(err, fault.UnreachableURI) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
}

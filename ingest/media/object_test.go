package media

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"videoqa/ingest/media/bucket"
	"videoqa/internal/fault"
)

func TestObjectsOfPermittedBucketsAreOpened(t *testing.T) {
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	defer server.Close()
	c, err := bucket.New(bucket.Config{Endpoint: server.URL, AccessKey: "id", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"footage", "secrets"} {
		if err := backend.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"dock-3/a.mp4", "dock-3/ä b.mp4", "dock-33/a.mp4", "large.mp4"} {
			text := "one"
			if key == "large.mp4" {
				text = strings.Repeat("x", 2000)
			}
			if err := c.Write(t.Context(), name, key, strings.NewReader(text), int64(len(text))); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := fetcher(t, Config{Bucket: c, Prefixes: []string{"footage/dock-3", "footage/large.mp4/"}, MaxBytes: 1000})
	wantFile(t, f, "s3://footage/dock-3/a.mp4", "one")
	wantFile(t, f, "s3://footage/dock-3/%C3%A4%20b.mp4", "one")
	for uri, want := range map[string]error{
		"s3://footage/dock-33/a.mp4": fault.RefusedURI, "s3://secrets/dock-3/a.mp4": fault.RefusedURI, "s3://footage/dock-3/../dock-33/a.mp4": fault.RefusedURI, "s3://footage/dock-3/%2e%2e/dock-33/a.mp4": fault.RefusedURI,
		"s3://footage": fault.RefusedURI, "s3:///dock-3/a.mp4": fault.RefusedURI, "s3://user@footage/dock-3/a.mp4": fault.RefusedURI, "s3://footage:9/dock-3/a.mp4": fault.RefusedURI, "s3://footage/dock-3/a.mp4?versionId=1": fault.RefusedURI,
		"s3://footage/dock-3/absent.mp4": fault.UnreachableURI,
	} {
		if _, err := f.Open(t.Context(), uri, ""); !errors.Is(err, want) || strings.Contains(err.Error(), "user@") || strings.Contains(err.Error(), "versionId") {
			t.Errorf("Open(%s): %v; want %v, and neither a user nor a query", uri, err, want)
		}
	}
	all := fetcher(t, Config{Bucket: c, Prefixes: []string{"footage"}, MaxBytes: 1000})
	if _, err := all.Open(t.Context(), "s3://footage/large.mp4", ""); !errors.Is(err, fault.TooLarge) {
		t.Errorf("an object over the limit: %v", err)
	}
	for _, endpoint := range []string{"", "host", "ftp://host", "https://user:pass@host", "https://host/path"} {
		if _, err := bucket.New(bucket.Config{Endpoint: endpoint}); !errors.Is(err, fault.BadRequest) || strings.Contains(err.Error(), "pass") {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
}

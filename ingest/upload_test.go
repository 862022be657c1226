package ingest_test

import (
	"strings"
	"testing"

	"videoqa/ingest"
)

func TestAnUploadIsNamedByItsDigest(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	uri := ingest.UploadURI(digest)
	if got, is := ingest.UploadDigest(uri); !is || got != digest || !strings.HasPrefix(uri, "videoqa-media:0123") {
		t.Errorf("%s names %s, %v; want %s", uri, got, is, digest)
	}
	for _, other := range []string{"https://example.org/" + uri, uri + "0", "videoqa-media:../x", "videoqa-media:"} {
		if _, is := ingest.UploadDigest(other); is {
			t.Errorf("%s is taken for an upload", other)
		}
	}
	if id := ingest.NamelessClip(digest); id != "clip-0123456789ab" {
		t.Errorf("its clip is %s", id)
	}
	if err := ingest.CheckID("clip_id", ingest.NamelessClip(digest)); err != nil {
		t.Error(err)
	}
}

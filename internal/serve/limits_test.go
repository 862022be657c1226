package serve

import (
	"strings"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/ingest"
)

func TestMediaHaveTheLimitsOfWhereTheyComeFrom(t *testing.T) {
	s := Settings{Spool: SpoolSettings{MaxBytes: 200 << 20, MaxDuration: 30 * time.Minute}, Media: MediaSettings{MaxBytes: 1 << 20, MaxDuration: time.Minute}}
	for uri, want := range map[string][3]int64{
		ingest.UploadURI("sha256:" + strings.Repeat("a", 64)): {200 << 20, int64(30 * time.Minute), 108_000},
		"https://example.org/a.mp4":                           {1 << 20, int64(time.Minute), 3600},
		"s3://bucket/a.mp4":                                   {1 << 20, int64(time.Minute), 3600},
		"file:///a.mp4":                                       {0, 0, int64(frames.Footage().Packets)},
	} {
		l := s.limits().of(ingest.Clip{URI: uri})
		if got := [3]int64{l.Bytes, int64(l.Duration), int64(l.Packets)}; got != want {
			t.Errorf("%.20s has the limits %v; want %v", uri, got, want)
		}
	}
	usual := Settings{Spool: SpoolSettings{MaxBytes: 64 << 20, MaxDuration: 10 * time.Minute}}
	if got := usual.limits().uploads; got != frames.Upload() {
		t.Errorf("by default, uploads have %+v; want %+v", got, frames.Upload())
	}
}

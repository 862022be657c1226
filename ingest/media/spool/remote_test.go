package spool_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"videoqa/ingest/media/bucket"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// objects is a store that speaks S3 in this process, with a bucket, media.
func objects(t *testing.T) (*bucket.Client, *httptest.Server) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("media"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	c, err := bucket.New(bucket.Config{Endpoint: server.URL, AccessKey: "id", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c, server
}

// remote is a spool in such a store.
func remote(t *testing.T, c *bucket.Client, maxBytes, quota int64) *spool.Remote {
	t.Helper()
	r, err := spool.NewRemote(spool.RemoteConfig{Client: c, Bucket: "media", Prefix: "spool", Dir: t.TempDir(), MaxBytes: maxBytes, Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A keeper is either spool.
type keeper interface {
	Put(ctx context.Context, r io.Reader, accept func(string) error) (digest string, size int64, err error)
	Get(ctx context.Context, digest string) (*os.File, error)
	Remove(ctx context.Context, digest string) error
	Sweep(ctx context.Context, before time.Time) (int, error)
}

func TestBothSpoolsKeepUploads(t *testing.T) {
	client, _ := objects(t)
	far := remote(t, client, 1<<20, 0)
	for name, s := range map[string]keeper{"folder": open(t, spool.Config{MaxBytes: 1 << 20}), "remote": far} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			for _, text := range []string{"a dog", strings.Repeat("x", 1<<20), "a dog"} {
				digest, size, err := s.Put(ctx, strings.NewReader(text), nil)
				if err != nil || digest != digestOf(text) || size != int64(len(text)) {
					t.Fatalf("Put of %d bytes: %s, %d, %v", len(text), digest, size, err)
				}
				file, err := s.Get(ctx, digest)
				if err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(text)+1)
				n, err := file.ReadAt(got, 0)
				if string(got[:n]) != text || err != io.EOF {
					t.Errorf("Get gives %d bytes of %d, %v", n, len(text), err)
				}
				file.Close()
			}
			if _, _, err := s.Put(ctx, strings.NewReader(strings.Repeat("x", 1<<20+1)), nil); !errors.Is(err, fault.TooLarge) {
				t.Errorf("one byte too many: %v", err)
			}
			if _, _, err := s.Put(ctx, strings.NewReader(""), nil); !errors.Is(err, fault.BadVideo) {
				t.Errorf("nothing at all: %v", err)
			}
			if err := s.Remove(ctx, digestOf("a dog")); err != nil {
				t.Error(err)
			}
			if _, err := s.Get(ctx, digestOf("a dog")); !errors.Is(err, fault.NotFound) {
				t.Errorf("after its removal: %v", err)
			}
			if err := s.Remove(ctx, digestOf("a dog")); err != nil {
				t.Errorf("removed twice: %v", err)
			}
			if _, err := s.Get(ctx, "sha256:../x"); !errors.Is(err, fault.BadRequest) {
				t.Errorf("a digest that is none: %v", err)
			}
			if n, err := s.Sweep(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
				t.Errorf("of what is fresh %d were swept away, %v", n, err)
			}
			if n, err := s.Sweep(ctx, time.Now().Add(time.Hour)); n != 1 || err != nil {
				t.Errorf("%d were swept away, %v; want the one that is left", n, err)
			}
		})
	}
}

func TestAStoreThatIsDownIsUnavailable(t *testing.T) {
	client, server := objects(t)
	far := remote(t, client, 1<<20, 0)
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // else its client tries for minutes
	defer cancel()
	if _, err := far.Get(ctx, digestOf("x")); !errors.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

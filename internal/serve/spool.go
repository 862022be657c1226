package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"videoqa/answers/api"
	"videoqa/answers/store"
	"videoqa/ingest/media"
	"videoqa/ingest/media/bucket"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// An uploads is a spool as its users want it.
type uploads interface {
	api.Spool
	media.Spool
	Sweep(ctx context.Context, before time.Time) (n int, err error)
}

// heldElsewhere is the uploads of a process that may not see all: what it does not see
// it does not call removed, so that a process that sees it removes it.
type heldElsewhere struct {
	uploads
	elsewhere func() bool
}

// Remove implements [upload.Spool].
func (h heldElsewhere) Remove(ctx context.Context, digest string) error {
	if h.elsewhere() {
		file, err := h.Get(ctx, digest)
		if err != nil {
			return fmt.Errorf("serve: remove an upload: another process may have it: %w", err)
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return h.uploads.Remove(ctx, digest)
}

// A place is where uploads are kept: a folder, or a bucket with a prefix.
type place struct{ dir, bucket, prefix string }

// spoolPlace reads --spool-url; without one it is a folder in the data folder.
func spoolPlace(spoolURL, dataDir string) (p place, err error) {
	if spoolURL == "" {
		return place{dir: filepath.Join(dataDir, "uploads")}, nil
	}
	u, err := url.Parse(spoolURL)
	switch {
	case err == nil && u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return place{dir: u.Path}, nil
	case err == nil && u.Scheme == "s3" && u.Host != "" && u.User == nil && u.RawQuery == "":
		if err := bucket.CheckName(u.Host); err != nil {
			return p, fmt.Errorf("--spool-url: %w", err)
		}
		return place{bucket: u.Host, prefix: strings.Trim(u.Path, "/")}, nil
	}
	return p, fmt.Errorf("--spool-url has to be a folder, as file:///srv/uploads, or s3://bucket/prefix: %w", fault.BadRequest)
}

// spooled opens the spool of uploads.
func (s *Settings) spooled() (uploads, error) {
	at, err := spoolPlace(s.Spool.URL, s.DataDir)
	if err != nil {
		return nil, err
	}
	if s.Spool.URL == "" { // the data folder is ours to make
		if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("serve: make the data folder: %w", err)
		}
	}
	if at.bucket == "" {
		return spool.Open(spool.Config{Dir: at.dir, MaxBytes: int64(s.Spool.MaxBytes), Quota: int64(s.Spool.Quota)})
	}
	client, err := s.bucket()
	if err != nil {
		return nil, err
	}
	return spool.NewRemote(spool.RemoteConfig{Client: client, Bucket: at.bucket, Prefix: at.prefix, Dir: filepath.Join(s.DataDir, "spool"), MaxBytes: int64(s.Spool.MaxBytes), Quota: int64(s.Spool.Quota)})
}

// spoolFolder is the folder of uploads, where they are kept in one.
func (s *Settings) spoolFolder() string {
	at, _ := spoolPlace(s.Spool.URL, s.DataDir) // checked when it was opened
	return at.dir
}

// sweep keeps uploads no longer than the clips that name them.
func (r *retention) sweep(ctx context.Context, kept uploads, log *slog.Logger) (stop func()) {
	return r.begin(ctx, sweeper{kept}, log)
}

// A sweeper forgets uploads as a store forgets outcomes.
type sweeper struct{ uploads }

// Prune implements [forgetter].
func (s sweeper) Prune(ctx context.Context, before time.Time) (store.Pruned, error) {
	n, err := s.Sweep(ctx, before)
	return store.Pruned{Uploads: n}, err
}

// keys reads the file of keys; nil: there is none.
func (s *Settings) keys() (*api.Keys, error) {
	if s.APIKeysFile == "" {
		return nil, nil
	}
	return api.OpenKeys(s.APIKeysFile)
}

package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"videoqa/ingest/media/bucket"
	"videoqa/internal/fault"
)

// RemoteConfig says where, and how much. Client, Bucket and Dir are needed.
type RemoteConfig struct {
	Client         *bucket.Client
	Bucket, Prefix string
	Dir            string // for what comes and goes
	MaxBytes       int64  // of one upload; 0: 1 GiB
}

// A Remote is a spool in an S3-like store, for processes on many machines. How
// much all uploads may take is the bucket's own matter.
type Remote struct{ cfg RemoteConfig }

// NewRemote returns a spool; it connects when it is first used.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	if cfg.Client == nil || cfg.Bucket == "" || cfg.Dir == "" || cfg.MaxBytes < 0 {
		return nil, errors.New("spool: check Client, Bucket, Dir, MaxBytes: one is missing or negative")
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: open: %w", err)
	}
	return &Remote{cfg}, nil
}

func (r *Remote) key(digest string) (string, error) {
	hexes := digestPattern.FindStringSubmatch(digest)
	if hexes == nil {
		return "", fmt.Errorf("spool: %.80q is not sha256: and 64 hex digits: %w", digest, fault.BadRequest)
	}
	return path.Join(r.cfg.Prefix, hexes[1]), nil
}

// nameless returns a file that is gone when it is closed.
func (r *Remote) nameless() (*os.File, error) {
	file, err := os.CreateTemp(r.cfg.Dir, "videoqa-spool-*")
	if err == nil {
		err = os.Remove(file.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("spool: %w: %w", err, fault.Unavailable)
	}
	return file, nil
}

// Put is [Folder.Put]; the bytes are in the store when it returns. Their name is
// their digest, so they pass through a file of ours first.
func (r *Remote) Put(ctx context.Context, in io.Reader) (digest string, size int64, err error) {
	file, err := r.nameless()
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, h), io.LimitReader(in, r.cfg.MaxBytes+1))
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("spool: put: %w", err)
	case size == 0:
		return "", 0, errEmpty
	case size > r.cfg.MaxBytes:
		return "", 0, fmt.Errorf("spool: put: more than %d bytes: %w", r.cfg.MaxBytes, fault.TooLarge)
	}
	digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	key, err := r.key(digest)
	if err == nil {
		err = r.cfg.Client.Write(ctx, r.cfg.Bucket, key, io.NewSectionReader(file, 0, size), size)
	}
	if err != nil {
		return "", 0, fmt.Errorf("spool: put: %w", ours(err))
	}
	return digest, size, nil
}

// ours says that it is the store that is down or wrongly set, and not the upload.
func ours(err error) error {
	if errors.Is(err, fault.UnreachableURI) || errors.Is(err, fault.RefusedURI) {
		return fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	return err
}

// Get is [Folder.Get].
func (r *Remote) Get(ctx context.Context, digest string) (*os.File, error) {
	key, err := r.key(digest)
	if err != nil {
		return nil, err
	}
	body, _, err := r.cfg.Client.Read(ctx, r.cfg.Bucket, key)
	if err != nil {
		return nil, fmt.Errorf("spool: get: %w", ours(err))
	}
	defer body.Close()
	file, err := r.nameless()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(file, body); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: get: %w: %w", err, fault.Unavailable), file.Close())
	}
	return file, nil
}

// Remove is [Folder.Remove].
func (r *Remote) Remove(ctx context.Context, digest string) error {
	key, err := r.key(digest)
	if err == nil {
		err = ours(r.cfg.Client.Remove(ctx, r.cfg.Bucket, key))
	}
	return err
}

// Sweep is [Folder.Sweep].
func (r *Remote) Sweep(ctx context.Context, before time.Time) (n int, err error) {
	err = r.cfg.Client.Each(ctx, r.cfg.Bucket, r.cfg.Prefix, func(key string, written time.Time) error {
		if !written.Before(before) {
			return nil
		}
		n++
		return r.cfg.Client.Remove(ctx, r.cfg.Bucket, key)
	})
	return n, ours(err)
}

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"videoqa/frames"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// A source is media that a command works on.
type source struct {
	name   string
	reader io.ReaderAt
	size   int64
	digest string
	limits frames.Limits
	close  func() error
}

// openSource opens a path, an https URL, or standard input for "-". A path is
// its user's own and may be of any length; the others have an upload's limits.
func (a *App) openSource(ctx context.Context, name string) (*source, error) {
	switch {
	case name == "":
		return nil, fmt.Errorf("open media: its name is empty: %w", fault.BadRequest)
	case name == "-":
		return a.spool(ctx)
	case strings.HasPrefix(name, "https://"):
		return a.fetch(ctx, name)
	case strings.Contains(name, "://"):
		return nil, fmt.Errorf("open %s: only paths, https URLs and - are read: %w", name, fault.RefusedURI)
	}
	return openPath(ctx, name)
}

func openPath(ctx context.Context, name string) (*source, error) {
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("open %s: there is no such file: %w", name, fault.NotFound)
	case err != nil:
		return nil, fmt.Errorf("open media: %w", err)
	case st.IsDir():
		return nil, fmt.Errorf("open %s: it is a folder; name the files in it, as %s: %w", name, filepath.Join(name, "*"), fault.BadRequest)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: it is not a regular file; pipe it into - instead: %w", name, fault.BadRequest)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open media: %w", err)
	}
	digest, err := digestOf(ctx, io.NewSectionReader(f, 0, st.Size()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), f.Close())
	}
	return &source{name, f, st.Size(), digest, frames.Footage(), f.Close}, nil
}

// spool copies standard input to a nameless file, because videos are not read
// from front to back.
func (a *App) spool(ctx context.Context) (*source, error) {
	f, err := os.CreateTemp("", "videoqa-")
	if err != nil {
		return nil, fmt.Errorf("spool standard input: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("spool standard input: %w", err), f.Close())
	}
	limits := frames.Upload()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(cancellable{ctx, a.In}, limits.Bytes+1))
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("read standard input: %w", err), f.Close())
	case n > limits.Bytes:
		return nil, errors.Join(fmt.Errorf("read standard input: over %d bytes; give a path instead: %w", limits.Bytes, fault.TooLarge), f.Close())
	}
	return &source{"standard input", f, n, "sha256:" + hex.EncodeToString(h.Sum(nil)), limits, f.Close}, nil
}

func (a *App) fetch(ctx context.Context, url string) (*source, error) {
	limits := frames.Upload()
	fetcher, err := media.New(media.Config{MaxBytes: limits.Bytes})
	if err != nil {
		return nil, err
	}
	f, err := fetcher.Open(ctx, url, "")
	if err != nil {
		return nil, errors.Join(err, fetcher.Close())
	}
	return &source{url, f, f.Size(), f.Digest(), limits, func() error { return errors.Join(f.Close(), fetcher.Close()) }}, nil
}

func digestOf(ctx context.Context, r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, cancellable{ctx, r}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// cancellable is a reader that ends with a context.
type cancellable struct {
	ctx context.Context // of the one copy that reads it
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

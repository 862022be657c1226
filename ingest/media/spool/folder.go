// Package spool keeps uploaded media until a worker has looked at them.
//
//	s, err := spool.Open(spool.Config{Dir: dir, MaxBytes: 1 << 30, Quota: 20 << 30})
//	digest, size, err := s.Put(ctx, upload)   // on the disk when it returns
//	file, err := s.Get(ctx, digest)           // "sha256:…", as Put gave it
//
// A file is named after its bytes, so uploading the same twice keeps one. What is
// being written lies aside until it is whole. A [Folder] serves the processes that
// see it, a [Remote] those of many machines; both pass the same tests. Events name spooled media as
// videoqa-media:<64 hex digits> ([URI]), never by a path.
package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"videoqa/internal/fault"
)

// Scheme is that of spooled media.
const Scheme = "videoqa-media"

var digestPattern = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)

// URI is how events name the media of a digest.
func URI(digest string) string { return Scheme + ":" + digest[len("sha256:"):] }

// Config says where, and how much. Dir is needed.
type Config struct {
	Dir      string
	MaxBytes int64 // of one upload; 0: 1 GiB
	Quota    int64 // of all; 0: 20 GiB
}

// A Folder is a spool in a folder, for all processes that see it. It may be used
// by many goroutines.
type Folder struct {
	cfg Config

	naming sync.Mutex // held while a file gets its name; before mu

	mu   sync.Mutex
	used int64 // of the files that are whole, and of those being written
}

// Open makes the folder if need be, and counts what is in it. What a process that
// ended was writing is removed.
func Open(cfg Config) (*Folder, error) {
	if cfg.MaxBytes < 0 || cfg.Quota < 0 {
		return nil, errors.New("spool: check MaxBytes, Quota: one is negative")
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	if cfg.Quota == 0 {
		cfg.Quota = 20 << 30
	}
	f := &Folder{cfg: cfg}
	if err := os.MkdirAll(f.parts(), 0o700); err != nil {
		return nil, fmt.Errorf("spool: open: %w", err)
	}
	err := f.each(func(path string, info fs.FileInfo) error {
		if filepath.Dir(path) == f.parts() {
			if time.Since(info.ModTime()) > staleAfter {
				return os.Remove(path)
			}
			return nil
		}
		f.used += info.Size()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spool: open: %w", err)
	}
	return f, nil
}

// staleAfter is how long after its last byte an upload is given up: another
// process may be writing it.
const staleAfter = 24 * time.Hour

func (f *Folder) parts() string { return filepath.Join(f.cfg.Dir, "parts") }

// path spreads the files over 256 folders.
func (f *Folder) path(digest string) (string, error) {
	hexes := digestPattern.FindStringSubmatch(digest)
	if hexes == nil {
		return "", fmt.Errorf("spool: %.80q is not sha256: and 64 hex digits: %w", digest, fault.BadRequest)
	}
	return filepath.Join(f.cfg.Dir, hexes[1][:2], hexes[1]), nil
}

func (f *Folder) each(do func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(f.cfg.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		return do(path, info)
	})
}

// Put writes r's bytes and returns their digest and number, once they are on the
// disk. Errors: [fault.BadVideo] if there are none, [fault.TooLarge] beyond MaxBytes, [fault.Overloaded] beyond the
// quota, r's own, ctx's, and [fault.Unavailable] if the disk fails.
func (f *Folder) Put(ctx context.Context, r io.Reader) (digest string, size int64, err error) {
	part, err := os.CreateTemp(f.parts(), "*")
	if err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	w := &writer{ctx: ctx, f: f, part: part}
	defer func() {
		err = errors.Join(err, part.Close())
		if err != nil {
			f.reserve(-w.size)
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
		return "", 0, fmt.Errorf("spool: put: after %d bytes: %w", w.size, err)
	}
	if w.size == 0 {
		return "", 0, errEmpty
	}
	if err := part.Sync(); err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	if err := f.keep(part.Name(), digest, w.size); err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	return digest, w.size, nil
}

var errEmpty = fmt.Errorf("spool: put: no bytes came: %w", fault.BadVideo)

// keep gives what was written its name, and makes the name last.
func (f *Folder) keep(part, digest string, size int64) error {
	path, err := f.path(digest)
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := f.rename(part, path, size); err != nil {
		return err
	}
	for _, dir := range []string{folder, f.cfg.Dir} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// rename puts a file in its place. If the same bytes are there, these take their
// place, and their age.
func (f *Folder) rename(part, path string, size int64) error {
	f.naming.Lock()
	defer f.naming.Unlock()
	_, err := os.Stat(path)
	if there := err == nil; there {
		defer f.reserve(-size)
	}
	return os.Rename(part, path)
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// A writer writes one upload, within the limits.
type writer struct {
	ctx  context.Context
	f    *Folder
	part *os.File
	size int64
}

func (w *writer) Write(p []byte) (int, error) {
	n := int64(len(p))
	switch {
	case w.ctx.Err() != nil:
		return 0, context.Cause(w.ctx)
	case w.size+n > w.f.cfg.MaxBytes:
		return 0, fmt.Errorf("more than %d bytes: %w", w.f.cfg.MaxBytes, fault.TooLarge)
	case !w.f.reserve(n):
		return 0, fmt.Errorf("all uploads together would be more than %d bytes: %w", w.f.cfg.Quota, fault.Overloaded)
	}
	w.size += n
	if _, err := w.part.Write(p); err != nil {
		return 0, fmt.Errorf("%w: %w", err, fault.Unavailable)
	}
	return len(p), nil
}

// reserve takes n bytes of the quota, or gives them back.
func (f *Folder) reserve(n int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n > 0 && f.used+n > f.cfg.Quota {
		return false
	}
	f.used += n
	return true
}

// Used is how many bytes of the quota are taken.
func (f *Folder) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used
}

// Get opens the media of a digest; the caller closes it. [fault.NotFound]: there
// is none.
func (f *Folder) Get(_ context.Context, digest string) (*os.File, error) {
	path, err := f.path(digest)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("spool: get: no upload has these bytes, or it was removed: %w", fault.NotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("spool: get: %w: %w", errors.Unwrap(err), fault.Unavailable)
	}
	return file, nil
}

// Remove forgets the media of a digest, if they are there.
func (f *Folder) Remove(_ context.Context, digest string) error {
	path, err := f.path(digest)
	if err != nil {
		return err
	}
	return f.remove(path)
}

func (f *Folder) remove(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("spool: remove: %w: %w", errors.Unwrap(err), fault.Unavailable)
	}
	f.reserve(-info.Size())
	return nil
}

// Sweep removes what was uploaded last before then, and returns how many files
// that were.
func (f *Folder) Sweep(ctx context.Context, before time.Time) (n int, err error) {
	err = f.each(func(path string, info fs.FileInfo) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if filepath.Dir(path) == f.parts() || !info.ModTime().Before(before) {
			return nil
		}
		n++
		return f.remove(path)
	})
	return n, err
}

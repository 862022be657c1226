// Package spool keeps uploaded media until a worker has looked at them.
//
//	s, err := spool.Open(spool.Config{Dir: dir, MaxBytes: 1 << 30, Quota: 20 << 30})
//	digest, size, err := s.Put(ctx, upload, nil) // on the disk when it returns
//	file, err := s.Get(ctx, digest)              // "sha256:…", as Put gave it
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
	"slices"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// Scheme is that of spooled media.
const Scheme = ingest.UploadScheme

var digestPattern = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)

// URI is how events name the media of a digest.
func URI(digest string) string { return ingest.UploadURI(digest) }

// Config says where, and how much. Dir is needed.
type Config struct {
	Dir      string
	MaxBytes int64 // of one upload; 0: 1 GiB
	Quota    int64 // of all; 0: 20 GiB
}

// A Folder is a spool in a folder, for all processes that see it. It may be used
// by many goroutines.
type Folder struct {
	cfg   Config
	tally tally
}

// Open makes the folder if need be, but none above it: where that is missing, a
// disk is not mounted or a name is wrong, and uploads would go elsewhere. What a
// process that ended was writing is removed.
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
	f.tally = tally{quota: cfg.Quota, most: cfg.MaxBytes, recent: time.Second, count: f.Used}
	for _, dir := range []string{cfg.Dir, f.parts()} {
		switch err := os.Mkdir(dir, 0o700); {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("spool: open: the folder %s is not there: make or mount it first: %w", filepath.Dir(dir), fault.BadRequest)
		case err != nil && !errors.Is(err, fs.ErrExist):
			return nil, fmt.Errorf("spool: open: %w", err)
		}
	}
	if _, err := f.Used(context.Background()); err != nil {
		return nil, fmt.Errorf("spool: open: %w", err)
	}
	return f, nil
}

// staleAfter is how long after its last byte an upload is given up: another
// process may be writing it.
const staleAfter = time.Hour

// Used lists how many bytes the uploads take that are whole, and those that any
// process is writing. The latter are listed first, so that one that becomes whole
// meanwhile is not missed, nor counted twice.
func (f *Folder) Used(ctx context.Context) (total int64, err error) {
	written, err := f.writing()
	for _, part := range written {
		total += part.Size()
	}
	if err == nil {
		err = f.each(func(_ string, info fs.FileInfo) error {
			if !slices.ContainsFunc(written, func(part fs.FileInfo) bool { return os.SameFile(part, info) }) {
				total += info.Size()
			}
			return ctx.Err()
		})
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("spool: list: %w: %w", err, fault.Unavailable)
	}
	return total, err
}

// writing lists the uploads that are being written. What nobody writes any more is
// removed.
func (f *Folder) writing() (list []fs.FileInfo, err error) {
	entries, err := os.ReadDir(f.parts())
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // whole by now, or given up
		case err != nil:
			return nil, err
		case time.Since(info.ModTime()) > staleAfter:
			if err := forget(filepath.Join(f.parts(), entry.Name())); err != nil {
				return nil, err
			}
		default:
			list = append(list, info)
		}
	}
	return list, err
}

// Admit reports whether an upload of so many bytes would be taken now, and why not as
// Put would.
func (f *Folder) Admit(ctx context.Context, size int64) error {
	if size > f.cfg.MaxBytes {
		return fmt.Errorf("spool: %w", tooLarge(f.cfg.MaxBytes))
	}
	return f.tally.admits(ctx, size)
}

func (f *Folder) parts() string { return filepath.Join(f.cfg.Dir, "parts") }

// path spreads the files over 256 folders.
func (f *Folder) path(digest string) (string, error) {
	hexes := digestPattern.FindStringSubmatch(digest)
	if hexes == nil {
		return "", fmt.Errorf("spool: %.80q is not sha256: and 64 hex digits: %w", digest, fault.BadRequest)
	}
	return filepath.Join(f.cfg.Dir, hexes[1][:2], hexes[1]), nil
}

// each shows do every upload that is whole.
func (f *Folder) each(do func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(f.cfg.Dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path == f.parts():
			return fs.SkipDir
		case path == f.identity():
			return nil
		case entry.IsDir():
			return nil
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
// disk. accept, if it is not nil, is told the digest when all bytes are there and
// have no name yet; its error comes back as it is, and they are forgotten. Errors: [fault.BadVideo] if there are none, [fault.TooLarge] beyond MaxBytes, [fault.Overloaded] beyond the
// quota, r's own, ctx's, and [fault.Unavailable] if the disk fails.
func (f *Folder) Put(ctx context.Context, r io.Reader, accept func(digest string) error) (digest string, size int64, err error) {
	part, err := os.CreateTemp(f.parts(), "*")
	if err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	w := &writer{ctx: ctx, f: f, part: part}
	defer func() {
		err = errors.Join(err, part.Close())
		if err != nil {
			err = errors.Join(err, forget(part.Name()))
		}
	}()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, h), r); err != nil {
		return "", 0, fmt.Errorf("spool: put: after %d bytes: %w", w.size, err)
	}
	if w.size == 0 {
		return "", 0, errEmpty
	}
	if err := errors.Join(part.Truncate(w.size), part.Sync()); err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	if accept != nil {
		if err := accept(digest); err != nil {
			return "", 0, err
		}
	}
	if err := f.keep(part.Name(), digest); err != nil {
		return "", 0, fmt.Errorf("spool: put: %w: %w", err, fault.Unavailable)
	}
	return digest, w.size, nil
}

var errEmpty = fmt.Errorf("spool: put: no bytes came: %w", fault.BadVideo)

// keep gives what was written its name, and makes the name last. If the same bytes
// are there, these take their place, and their age.
func (f *Folder) keep(part, digest string) error {
	path, err := f.path(digest)
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	for _, dir := range []string{folder, f.cfg.Dir} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// A writer writes one upload, within the limits. Its file is made longer before
// bytes come, which is how other processes see what it is going to take.
type writer struct {
	ctx      context.Context
	f        *Folder
	part     *os.File
	size     int64 // written
	reserved int64 // length of the file
}

// reserveStep is how much is reserved at a time, where there is room for it.
const reserveStep = 8 << 20

func (w *writer) Write(p []byte) (int, error) {
	to := w.size + int64(len(p))
	switch {
	case w.ctx.Err() != nil:
		return 0, context.Cause(w.ctx)
	case to > w.f.cfg.MaxBytes:
		return 0, tooLarge(w.f.cfg.MaxBytes)
	}
	if to > w.reserved {
		if err := w.reserve(to); err != nil {
			return 0, err
		}
	}
	w.size = to
	if _, err := w.part.Write(p); err != nil {
		return 0, fmt.Errorf("%w: %w", err, fault.Unavailable)
	}
	return len(p), nil
}

// reserve makes room for a file of needed bytes, and for some more if it can.
func (w *writer) reserve(needed int64) error {
	err := w.extend(max(needed, min(w.reserved+reserveStep, w.f.cfg.MaxBytes)))
	if errors.Is(err, fault.Overloaded) {
		err = w.extend(needed)
	}
	return err
}

func (w *writer) extend(to int64) error {
	if err := w.part.Truncate(to); err != nil {
		return fmt.Errorf("%w: %w", err, fault.Unavailable)
	}
	if err := w.f.tally.fits(w.ctx, to-w.reserved); err != nil {
		return errors.Join(err, w.part.Truncate(w.reserved))
	}
	w.reserved = to
	return nil
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
	return forget(path)
}

// forget removes a file, if it is there.
func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: remove: %w: %w", errors.Unwrap(err), fault.Unavailable)
	}
	return nil
}

// Sweep removes what was uploaded last before then, and returns how many files
// that were.
func (f *Folder) Sweep(ctx context.Context, before time.Time) (n int, err error) {
	err = f.each(func(path string, info fs.FileInfo) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !info.ModTime().Before(before) {
			return nil
		}
		n++
		return forget(path)
	})
	return n, err
}

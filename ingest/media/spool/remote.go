package spool

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
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
	Quota          int64  // of all beneath Prefix; 0: 20 GiB
}

// A Remote is a spool in an S3-like store, for processes on many machines. What
// an upload is going to take is announced by a small object beside the others,
// .pending/<64 hex digits>-<bytes>-<random>.
type Remote struct {
	cfg   RemoteConfig
	tally tally
}

// NewRemote returns a spool; it connects when it is first used.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	if cfg.Client == nil || cfg.Bucket == "" || cfg.Dir == "" || cfg.MaxBytes < 0 || cfg.Quota < 0 {
		return nil, errors.New("spool: check Client, Bucket, Dir, MaxBytes, Quota: one is missing or negative")
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	if cfg.Quota == 0 {
		cfg.Quota = 20 << 30
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: open: %w", err)
	}
	r := &Remote{cfg: cfg}
	r.tally = tally{quota: cfg.Quota, most: cfg.MaxBytes, recent: 5 * time.Second, count: r.Used}
	return r, nil
}

// Used is [Folder.Used]. Announcements are listed first, so that an upload that
// becomes whole meanwhile is not missed.
func (r *Remote) Used(ctx context.Context) (total int64, err error) {
	announced := map[string]int64{}
	err = r.each(ctx, func(o bucket.Object, a announcement) error {
		counted, twice := announced[a.hexes]
		switch {
		case !a.pending && !twice:
			total += o.Size
		case a.pending && time.Since(o.Written) < staleAfter:
			announced[a.hexes] = a.size
			total += a.size - counted
		}
		return nil
	})
	return total, err
}

// Admit is [Folder.Admit].
func (r *Remote) Admit(ctx context.Context, size int64) error {
	if size > r.cfg.MaxBytes {
		return fmt.Errorf("spool: %w", tooLarge(r.cfg.MaxBytes))
	}
	return r.tally.admits(ctx, size)
}

// An announcement is what an object's key says.
type announcement struct {
	hexes   string // of the upload's digest
	pending bool   // it is not there yet
	size    int64  // that it will have then
}

// The name of an announcement sorts before those of uploads: a dot before digits.
var pendingPattern = regexp.MustCompile(`^\.pending/([0-9a-f]{64})-([0-9]{1,18})-[A-Z0-9]+$`)

// each shows do every object that is ours. Others whose keys only begin like ours
// are nobody's business here.
func (r *Remote) each(ctx context.Context, do func(bucket.Object, announcement) error) error {
	prefix := r.cfg.Prefix
	if prefix != "" {
		prefix += "/"
	}
	err := r.cfg.Client.Each(ctx, r.cfg.Bucket, prefix, func(o bucket.Object) error {
		name := strings.TrimPrefix(o.Key, prefix)
		if digestPattern.MatchString("sha256:" + name) {
			return do(o, announcement{hexes: name})
		}
		if parts := pendingPattern.FindStringSubmatch(name); parts != nil {
			n, _ := strconv.ParseInt(parts[2], 10, 64) // digits, few enough
			return do(o, announcement{parts[1], true, n})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("spool: list: %w", ours(err))
	}
	return nil
}

// announce lets every process count size bytes, until done is called.
func (r *Remote) announce(ctx context.Context, digest string, size int64) (done func() error, err error) {
	key := path.Join(r.cfg.Prefix, ".pending", fmt.Sprintf("%s-%d-%s", digest[len("sha256:"):], size, rand.Text()))
	if err := r.cfg.Client.Write(ctx, r.cfg.Bucket, key, strings.NewReader("."), 1); err != nil { // some stores refuse empty ones
		return nil, ours(err)
	}
	done = func() error { return ours(r.cfg.Client.Remove(context.WithoutCancel(ctx), r.cfg.Bucket, key)) }
	if err := r.tally.fits(ctx, size); err != nil {
		return nil, errors.Join(err, done())
	}
	return done, nil
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
func (r *Remote) Put(ctx context.Context, in io.Reader, accept func(digest string) error) (digest string, size int64, err error) {
	if err := r.Admit(ctx, 0); err != nil { // before it is all read
		return "", 0, err
	}
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
		return "", 0, fmt.Errorf("spool: put: %w", tooLarge(r.cfg.MaxBytes))
	}
	digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	if accept != nil {
		if err := accept(digest); err != nil {
			return "", 0, err
		}
	}
	if err := r.keep(ctx, file, digest, size); err != nil {
		return "", 0, fmt.Errorf("spool: put: %w", err)
	}
	return digest, size, nil
}

// keep writes a file's bytes into the store, if they have room there.
func (r *Remote) keep(ctx context.Context, file io.ReaderAt, digest string, size int64) (err error) {
	key, err := r.key(digest)
	if err != nil {
		return err
	}
	done, err := r.announce(ctx, digest, size)
	if err != nil {
		return err
	}
	defer func() { done() }() // one that stays counts for an hour, and is swept away
	return ours(r.cfg.Client.Write(ctx, r.cfg.Bucket, key, io.NewSectionReader(file, 0, size), size))
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

// Sweep is [Folder.Sweep]. Announcements that a process left behind go too.
func (r *Remote) Sweep(ctx context.Context, before time.Time) (n int, err error) {
	err = r.each(ctx, func(o bucket.Object, a announcement) error {
		old := o.Written.Before(before)
		stale := a.pending && time.Since(o.Written) > staleAfter
		if !old && !stale {
			return nil
		}
		if !a.pending {
			n++
		}
		return r.cfg.Client.Remove(ctx, r.cfg.Bucket, o.Key)
	})
	return n, err
}

// Package media turns a URI into bytes. Every rule about what may be read, and
// every connection that an event can cause, is here.
//
//	m, err := media.New(media.Config{Roots: []string{"/media"}, SpoolDir: spool})
//	file, err := m.Open(ctx, "file:///media/dock-3/0917.mp4", "sha256:…") // or https://…
//	defer file.Close()
//
// A file: URI names a regular file under one of the roots; a link that leads out
// of them is refused. https, and http where it is permitted, goes to public
// addresses only and to networks that the operator names, on ports 80 and 443 if no
// others are: every connection's final address is checked, that of a redirect too,
// and no proxy is taken from the environment. An error names the address as the asker
// gave it, but of one on the network only scheme and host, because the rest may be a
// secret; the rule that it breaks; and the setting of serve that has the rule.
package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"time"

	"videoqa/ingest/media/bucket"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// Config says what may be opened. The zero value allows public https.
type Config struct {
	Roots    []string       // folders that a file: URI may name; none: none
	SpoolDir string         // for what is fetched; "": the system's folder for temporary files
	MaxBytes int64          // of what is fetched; 0: 1 GiB
	Timeout  time.Duration  // of one fetch; 0: 2 min
	HTTP     bool           // http: is fetched too, from the same addresses
	Ports    []uint16       // that may be connected to; none: 80 and 443
	Networks []netip.Prefix // of yours that may be connected to, beside the public internet
	Bucket   *bucket.Client // that s3: URIs are read from; nil: none
	Prefixes []string       // of buckets that they may name, as footage/dock-3/; none: none
	Spool    Spool          // of uploads, which videoqa-media: names; nil: there is none
}

// A Spool keeps uploads by the digest of their bytes; [spool.Folder] and [spool.Remote] are.
type Spool interface {
	Get(ctx context.Context, digest string) (*os.File, error)
}

// A Fetcher opens media. It may be used by many goroutines.
type Fetcher struct {
	cfg     Config
	roots   []root
	web     *web
	digests digests
}

// New returns a fetcher, or an error that names the root that cannot be opened.
func New(cfg Config) (*Fetcher, error) {
	if cfg.MaxBytes < 0 || cfg.Timeout < 0 {
		return nil, errors.New("media: check MaxBytes, Timeout: one is negative")
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Minute
	}
	f := &Fetcher{cfg: cfg, web: newWeb(cfg.HTTP, cfg.allowed)}
	f.web.port, f.web.why = cfg.portAllowed, cfg.whyNot
	for _, dir := range cfg.Roots {
		r, err := openRoot(dir)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("media: open root %s: %w", dir, err), f.Close())
		}
		f.roots = append(f.roots, r)
	}
	return f, nil
}

// Close lets the roots and idle connections go; files that are open stay so.
func (f *Fetcher) Close() error {
	var errs []error
	for _, r := range f.roots {
		errs = append(errs, r.Close())
	}
	f.web.client.CloseIdleConnections()
	return errors.Join(errs...)
}

// Open opens what uri names and compares its bytes with digest, if that is not
// empty. The caller closes the file. It returns [fault.RefusedURI],
// [fault.UnreachableURI], [fault.TooLarge] or [fault.DigestMismatch]; of what is said
// not to be there, [ErrAbsent] too.
func (f *Fetcher) Open(ctx context.Context, uri, digest string) (*File, error) {
	u, err := parse(uri)
	if err != nil {
		return nil, fmt.Errorf("media: open %w", err)
	}
	file, err := opener(u.Scheme)(f, ctx, u)
	if err != nil {
		return nil, fmt.Errorf("media: open %s: %w", shown(u), err)
	}
	if err := file.expect(digest); err != nil {
		return nil, errors.Join(fmt.Errorf("media: open %s: %w", shown(u), err), file.Close())
	}
	return file, nil
}

// opener returns how URIs of a scheme are opened; nil: they are not read.
func opener(scheme string) func(*Fetcher, context.Context, *url.URL) (*File, error) {
	switch scheme {
	case "file":
		return (*Fetcher).openFile
	case "https", "http":
		return (*Fetcher).fetch
	case spool.Scheme:
		return (*Fetcher).openSpooled
	case "s3":
		return (*Fetcher).openObject
	}
	return nil
}

// openSpooled opens an upload. Its name is its digest, so bytes that rotted are
// found out.
func (f *Fetcher) openSpooled(ctx context.Context, u *url.URL) (*File, error) {
	if f.cfg.Spool == nil {
		return nil, fmt.Errorf("there is no spool of uploads: %w", fault.RefusedURI)
	}
	digest := "sha256:" + u.Opaque
	file, err := f.cfg.Spool.Get(ctx, digest)
	switch {
	case errors.Is(err, fault.BadRequest):
		return nil, fmt.Errorf("%w: %w", err, fault.RefusedURI)
	case errors.Is(err, fault.NotFound):
		return nil, absent{fmt.Errorf("no upload with these bytes is where this process keeps uploads, or it was removed; if another process took it, give both one --spool-url: %w", fault.UnreachableURI)}
	case err != nil:
		return nil, err
	}
	opened, err := f.known(ctx, file)
	if err == nil {
		err = opened.expect(digest)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return opened, nil
}

// spool returns a nameless file for what is fetched.
func (f *Fetcher) spool() (*os.File, error) {
	file, err := os.CreateTemp(f.cfg.SpoolDir, "videoqa-media-*")
	if err != nil {
		return nil, fmt.Errorf("spool: %w: %w", err, fault.Unavailable)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w: %w", err, fault.Unavailable), file.Close())
	}
	return file, nil
}

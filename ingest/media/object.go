package media

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// openObject copies an object of the permitted buckets into a spool file.
func (f *Fetcher) openObject(ctx context.Context, u *url.URL) (*File, error) {
	key := strings.TrimPrefix(u.Path, "/")
	switch {
	case f.cfg.Bucket == nil:
		return nil, fmt.Errorf("no store of objects is configured (--s3-endpoint): %w", fault.RefusedURI)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" || u.Port() != "" || key == "":
		return nil, fmt.Errorf("it is not s3://bucket/key and nothing else: %w", fault.RefusedURI)
	case !f.permitted(u.Host + "/" + key):
		return nil, fmt.Errorf("it is under no prefix of --s3-prefixes: %w", fault.RefusedURI)
	}
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	body, size, err := f.cfg.Bucket.Read(ctx, u.Host, key)
	if errors.Is(err, fault.NotFound) { // it may come
		err = absent{fmt.Errorf("the store has no such object: %w", fault.UnreachableURI)}
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if size > f.cfg.MaxBytes {
		return nil, f.tooLarge()
	}
	spool, err := f.spool()
	if err != nil {
		return nil, err
	}
	file, err := f.save(spool, body)
	if err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return file, nil
}

// permitted reports whether a bucket and a key stand under a prefix. Prefixes end
// where a folder does: footage/a does not permit footage/ab.
func (f *Fetcher) permitted(name string) bool {
	if slices.Contains(strings.Split(name, "/"), "..") {
		return false
	}
	return slices.ContainsFunc(f.cfg.Prefixes, func(prefix string) bool {
		return strings.HasPrefix(name, strings.TrimSuffix(prefix, "/")+"/")
	})
}

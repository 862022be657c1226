package media

import (
	"fmt"
	"net/url"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// Check returns [fault.RefusedURI] for a URI that no process reads, whatever its
// settings: text that is no URI, and schemes other than those of [Fetcher.Open].
func Check(uri string) error {
	if _, err := parse(uri); err != nil {
		return fmt.Errorf("media: check %w", err)
	}
	return nil
}

// parse returns the parts of a URI whose scheme is read. An error begins with the URI, as
// far as it may be shown.
func parse(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("%s: it is not a URI; spaces and other special characters of a path are written as %%20 and the like: %w", shownText(uri), fault.RefusedURI)
	}
	switch u.Scheme {
	case "file", "https", "http", "s3", spool.Scheme:
		return u, nil
	case "":
		return nil, fmt.Errorf("%s: it has no scheme; a path is written as file:///srv/clips/a.mp4: %w", shown(u), fault.RefusedURI)
	}
	return nil, fmt.Errorf("%s: %s: is not read; file:, https:, s3: and uploads are, and http: with --media-http: %w", shown(u), u.Scheme, fault.RefusedURI)
}

// WithoutPassword returns a URI as it may be shown: with xxxxx in place of a password.
func WithoutPassword(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.User == nil {
		return uri
	}
	if _, set := u.User.Password(); !set {
		return uri
	}
	return u.Redacted()
}

package media

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// Check returns [fault.RefusedURI] for a URI that no process reads, whatever its
// settings: text that is no URI, schemes other than those of [Fetcher.Open], addresses
// without a host, and the placeholder that [WithoutPassword] shows.
func Check(uri string) error {
	u, err := parse(uri)
	if err != nil {
		return fmt.Errorf("media: check %w", err)
	}
	if password, _ := u.User.Password(); password == placeholder {
		return fmt.Errorf("media: check %s: its password is %s, which replies show in place of one: give the password itself: %w", shown(u), placeholder, fault.RefusedURI)
	}
	if slices.Contains([]string{"http", "https", "s3"}, u.Scheme) && u.Host == "" {
		return fmt.Errorf("media: check %s: it has no host; it is written as %s://host/a.mp4: %w", shown(u), u.Scheme, fault.RefusedURI)
	}
	return nil
}

// placeholder stands for a password in [url.URL.Redacted].
const placeholder = "xxxxx"

// parse returns the parts of a URI whose scheme is read. An error begins with the URI, as
// far as it may be shown.
func parse(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("%s: it is not a URI; spaces and other special characters of a path are written as %%20 and the like: %w", shownText(uri), fault.RefusedURI)
	}
	switch {
	case opener(u.Scheme) != nil:
		return u, nil
	case u.Scheme == "":
		return nil, fmt.Errorf("%s: it has no scheme; a path is written as file:///srv/clips/a.mp4: %w", shown(u), fault.RefusedURI)
	}
	return nil, fmt.Errorf("%s: %s: is not read; file:, https:, s3: and uploads are, and http: with --media-http: %w", shown(u), u.Scheme, fault.RefusedURI)
}

// WithoutPassword returns a URI as it may be shown: with xxxxx in place of a password. Of
// text that is no URI, and so may hide one anywhere, only the beginning may be left.
func WithoutPassword(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Opaque != "" && strings.Contains(u.Opaque, "@") {
		return shownText(uri)
	}
	if u.User == nil {
		return uri
	}
	if _, set := u.User.Password(); !set {
		return uri
	}
	return u.Redacted()
}

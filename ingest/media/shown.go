package media

import (
	"net/url"
	"strings"

	"videoqa/ingest/media/spool"
	"videoqa/internal/strictjson"
)

const mostShown = 250 // characters of an address in an error

// shown is what may be told of an address, as the asker gave it: the path of a file,
// the bucket and key of an object, and of the network scheme and host only, because
// the path of a link is often a secret. User names, passwords and what stands behind
// ? and # are never told.
func shown(u *url.URL) string {
	switch {
	case (u.Scheme == "file" || u.Scheme == "s3") && u.Opaque == "":
		return cut(u.Scheme + "://" + u.Host + u.EscapedPath())
	case u.Scheme == "file":
		return cut("file:" + u.Opaque)
	case u.Scheme == spool.Scheme:
		return cut(u.Scheme + ":" + u.Opaque)
	case u.Scheme == "" && u.EscapedPath() == "":
		return "a URI without scheme and path"
	case u.Scheme == "":
		return cut(u.EscapedPath())
	case u.Host == "":
		return cut(u.Scheme + ":")
	}
	return cut(u.Scheme + "://" + u.Host)
}

// shownText is what may be told of an address that cannot be read as one.
func shownText(uri string) string {
	scheme, rest, found := strings.Cut(uri, ":")
	switch {
	case !found:
		return cut(uri)
	case scheme == "file" && !strings.ContainsAny(rest, "@?#"):
		return cut(uri)
	}
	return cut(scheme + ":")
}

// cut shortens a text.
func cut(text string) string {
	return strictjson.Shorten(strings.ToValidUTF8(text, "\uFFFD"), mostShown)
}

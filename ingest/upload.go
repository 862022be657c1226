package ingest

import (
	"regexp"
	"strings"
)

// UploadScheme is that of the URIs by which events name uploaded media: it and the
// 64 hex digits of their digest.
const UploadScheme = "videoqa-media"

const digestAlgorithm = "sha256:"

// UploadURI is how events name the upload of a digest, as sha256:….
func UploadURI(digest string) string {
	return UploadScheme + ":" + strings.TrimPrefix(digest, digestAlgorithm)
}

var uploadPattern = regexp.MustCompile("^" + UploadScheme + ":([0-9a-f]{64})$")

// UploadDigest is what [UploadURI] made a URI of; false: it names no upload.
func UploadDigest(uri string) (digest string, is bool) {
	parts := uploadPattern.FindStringSubmatch(uri)
	if parts == nil {
		return "", false
	}
	return digestAlgorithm + parts[1], true
}

// NamelessClip is the clip_id of media that were asked about without one: it is in
// the answer, and whoever deletes it deletes the answer.
func NamelessClip(digest string) string {
	hexes := strings.TrimPrefix(digest, digestAlgorithm)
	return "clip-" + hexes[:min(12, len(hexes))]
}

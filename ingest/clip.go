package ingest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"videoqa/internal/fault"
)

// A Clip announces recorded media: the data of videoqa.clip.created.v1, whose
// video is fetched from URI and never travels in an event.
type Clip struct {
	ID     string `json:"clip_id"`
	URI    string `json:"uri" strict:"required"`
	Camera string `json:"camera,omitempty"`
	Start  *Time  `json:"start,omitempty"`                 // wall-clock time of the first shown picture, if known
	End    *Time  `json:"end,omitempty"`                   // and of the end of the last one
	Digest string `json:"digest,omitempty" strict:"empty"` // "sha256:…", compared with that of the bytes that we read
}

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Validate returns [fault.BadID] or [fault.BadEvent], naming the field.
func (c Clip) Validate() error {
	if err := CheckID("clip_id", c.ID); err != nil {
		return err
	}
	if err := checkSource(c.URI, c.Camera); err != nil {
		return err
	}
	if c.URI == "" {
		return c.bad("uri is missing")
	}
	if c.Start != nil && c.End != nil && !c.End.After(c.Start.Time) {
		return c.bad("end %s is not after start %s", c.End, c.Start)
	}
	if c.Digest != "" && !digestPattern.MatchString(c.Digest) {
		return c.bad("digest %q is not sha256: and 64 hex digits", shorten(c.Digest, 80))
	}
	return nil
}

func (c Clip) bad(format string, args ...any) error {
	return &FieldError{Of: "clip " + c.ID, What: fmt.Sprintf(format, args...), Kind: fault.BadEvent}
}

func checkSource(uri, camera string) error {
	if camera != "" {
		if err := CheckID("camera", camera); err != nil {
			return err
		}
	}
	if n := utf8.RuneCountInString(uri); n > MaxURILength {
		return fmt.Errorf("ingest: check uri: %d characters, at most %d: %w", n, MaxURILength, fault.BadEvent)
	}
	if !utf8.ValidString(uri) || strings.ContainsFunc(uri, unicode.IsControl) { // no URI, and PostgreSQL has no text with NUL
		return fmt.Errorf("ingest: check uri: %q holds control characters or is not UTF-8: %w", shorten(uri, 80), fault.BadEvent)
	}
	return nil
}

// A ClosedClip says that a camera's recording is complete up to End: the data of
// videoqa.clip.closed.v1.
type ClosedClip struct {
	ID     string `json:"clip_id"`
	Camera string `json:"camera,omitempty"`
	End    *Time  `json:"end,omitempty"`
}

// Validate returns [fault.BadID], naming the field.
func (c ClosedClip) Validate() error {
	if err := CheckID("clip_id", c.ID); err != nil {
		return err
	}
	return checkSource("", c.Camera)
}

// A DeletedClip erases a clip for good: the data of videoqa.clip.deleted.v1.
// Older events about the same clip cannot bring it back.
type DeletedClip struct {
	ID     string `json:"clip_id"`
	Camera string `json:"camera,omitempty"`
}

// Validate returns [fault.BadID], naming the field.
func (c DeletedClip) Validate() error {
	if err := CheckID("clip_id", c.ID); err != nil {
		return err
	}
	return checkSource("", c.Camera)
}

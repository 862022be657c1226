package ingest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Time is a wall-clock time that is written as RFC 3339 in UTC with exactly
// three digits of fraction, and read with any number of them.
type Time struct{ time.Time }

// NewTime returns t as it will be written: in UTC, cut to the millisecond.
func NewTime(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// String is t's text on every wire.
func (t Time) String() string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// UnmarshalText implements [encoding.TextUnmarshaler], as [ParseTime] does.
func (t *Time) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTime(string(text))
	return err
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ParseTime reads a time as RFC 3339 and JSON Schema's date-time have it: T and Z may be
// small letters, and a leap second at the end of a UTC day is the first second of the next.
// The error, "… is not a time …", is of no kind.
func ParseTime(text string) (Time, error) {
	upper := strings.ToUpper(text)
	parts := rfc3339.FindStringSubmatch(upper)
	if parts == nil {
		return Time{}, notATime(text)
	}
	leap := parts[2] == "60"
	if leap {
		upper = upper[:len("2006-01-02T15:04:")] + "59" + upper[len("2006-01-02T15:04:05"):]
	}
	t, err := time.Parse(time.RFC3339Nano, upper)
	if err != nil { // the 30th of February
		return Time{}, notATime(text)
	}
	if leap {
		if hour, minute, _ := t.UTC().Clock(); hour != 23 || minute != 59 {
			return Time{}, notATime(text)
		}
		t = t.Add(time.Second)
	}
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		return Time{}, fmt.Errorf("%q is not a time from the year 0 to 9999 in UTC", shorten(text, 40))
	}
	return Time{t}, nil
}

func notATime(text string) error {
	return fmt.Errorf("%q is not a time of RFC 3339, as 2026-09-01T10:00:00Z", shorten(text, 40))
}

package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"videoqa/internal/fault"
)

// mediaPart is the name of a form's part that is an upload.
const mediaPart = "media"

// A form is read part by part: one that is JSON and one that is an upload, in either order
// and no other. Each has to be read to its end before the next one is asked for.
type form struct {
	in    *incoming
	parts *multipart.Reader
	json  string   // name of the part that is JSON
	seen  []string // names of the parts so far
}

func newForm(body io.Reader, boundary, json string) (*form, error) {
	if boundary == "" {
		return nil, fmt.Errorf("api: read body: the Content-Type multipart/form-data names no boundary: %w", fault.BadRequest)
	}
	in := &incoming{r: body}
	return &form{in: in, parts: multipart.NewReader(in, boundary), json: json}, nil
}

var ordinals = []string{"first", "second", "third"}

// next returns a part that was not there yet. last says that no other may follow the one
// before: then the end of the form is what is wanted.
func (f *form) next(last bool) (part *multipart.Part, name string, err error) {
	part, err = f.parts.NextRawPart()
	place := ordinals[min(len(f.seen), 2)]
	switch {
	case err == io.EOF && last:
		return nil, "", nil
	case err == io.EOF:
		return nil, "", f.wrong("it has no part %s", f.missing())
	case err != nil && (slow(f.in.err) || errors.As(f.in.err, new(bodyError))): // err may be about the line that it cut
		return nil, "", brokenOff(f.in.err)
	case err != nil:
		return nil, "", f.wrong("its %s part cannot be read: it breaks off there, or the boundary of the Content-Type is not the form's", place)
	}
	name = part.FormName()
	switch {
	case slices.Contains(f.seen, name):
		return nil, "", f.wrong("its %s part is %q, which is given twice", place, name)
	case last:
		return nil, "", f.wrong("it has a %s part, %.80q; this takes %s and %s only", place, name, f.json, mediaPart)
	case name != f.json && name != mediaPart:
		return nil, "", f.wrong("its %s part is called %.80q; it has to be called %s", place, name, f.missing())
	}
	f.seen = append(f.seen, name)
	return part, name, unencoded(part, name)
}

// missing are the names of parts that were not there yet.
func (f *form) missing() string {
	names := slices.DeleteFunc([]string{f.json, mediaPart}, func(name string) bool { return slices.Contains(f.seen, name) })
	return strings.Join(names, " or ")
}

func (f *form) wrong(format string, args ...any) error {
	return fmt.Errorf("api: read form: %s: %w", fmt.Sprintf(format, args...), fault.BadRequest)
}

// end wants that no part follows, and reads to the end of the body: there it shows
// whether a Content-Encoding is true. What stands behind a form means nothing (RFC 2046, 5.1.1).
func (f *form) end() error {
	if _, _, err := f.next(true); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(f.in, formHeads+1))
	switch {
	case err != nil:
		return brokenOff(f.in.err)
	case n > formHeads:
		return f.wrong("more than %d bytes stand behind it", formHeads)
	}
	return nil
}

// unencoded refuses parts whose bytes are not what they stand for.
func unencoded(part *multipart.Part, name string) error {
	for header, plain := range map[string][]string{"Content-Encoding": {"identity"}, "Content-Transfer-Encoding": {"7bit", "8bit", "binary"}} {
		given := strings.ToLower(strings.TrimSpace(part.Header.Get(header)))
		if given != "" && !slices.Contains(plain, given) {
			return refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: the form's part %s has %s %.80q; send its bytes as they are", name, header, given)}
		}
	}
	return nil
}

// slow reports whether it was the body's slowness that ended it.
func slow(err error) bool { return errors.As(err, new(refusal)) }

// jsonPartTypes are the content types of a form's part that may be JSON: its own, and those
// that clients give to any text and to any file. The part's name says what it is. What a web
// page sends is refused by its origin.
var jsonPartTypes = []string{jsonType, "text/plain", "application/octet-stream"}

// isJSON refuses a part whose content type says that it is something else than JSON in UTF-8.
// ascii says that its bytes have to be ASCII, which its charset and UTF-8 have in common.
func isJSON(part *multipart.Part, name string) (ascii bool, err error) {
	given := part.Header.Get("Content-Type")
	if given == "" {
		return false, nil
	}
	kind, params, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(jsonPartTypes, kind) {
		return false, refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: the form's part %s has content type %.80q; send it as %s, or without a type; with curl, write ;type=%s after it", name, given, jsonType, jsonType)}
	}
	if charset := strings.ToLower(params["charset"]); kind != jsonType && slices.Contains([]string{"iso-8859-1", "windows-1252"}, charset) {
		return true, nil // what Java's clients say of any text
	}
	return false, inUTF8(params)
}

// isASCII refuses JSON of another charset, if that makes a difference.
func isASCII(text []byte, name string) error {
	if slices.ContainsFunc(text, func(b byte) bool { return b > unicode.MaxASCII }) {
		return refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: the form's part %s is in another charset than UTF-8, by its content type; send it as %s in UTF-8", name, jsonType)}
	}
	return nil
}

// inUTF8 refuses JSON that is said to be in another encoding.
func inUTF8(params map[string]string) error {
	charset, given := params["charset"]
	if given && !slices.Contains([]string{"utf-8", "utf8", "us-ascii"}, strings.ToLower(charset)) {
		return refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: JSON in charset %.40q; it has to be UTF-8", charset)}
	}
	return nil
}

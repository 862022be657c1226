package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
)

// A body is a request's: its JSON, and the upload that came with it.
type body struct {
	json    []byte
	upload  string // digest; "": none
	uri     string // the upload's, as events name it
	release func() // says that this request needs the upload no more
}

// digest identifies the whole body, so that a request that comes twice is known.
func (b body) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:", len(b.json))
	h.Write(b.json)
	io.WriteString(h, b.upload)
	return hex.EncodeToString(h.Sum(nil))
}

// A reading says what a request's body has to be.
type reading struct {
	part   string                                // the form's part that is JSON
	check  func(text []byte, uploads bool) error // called with the JSON, before its media are read
	accept func(b body) error                    // called with all of it, before an upload is kept
}

// anyDigest stands for that of media that are not read yet.
var anyDigest = "sha256:" + strings.Repeat("0", 64)

// read reads a request's body: JSON, or a form of two parts in either order, of which one
// is JSON and the other, media, is spooled as it comes. What is wrong with the request is
// found before the media are read, if the JSON comes first, or else before they are kept.
// The caller that gets the body releases it.
func (a *API) read(r *http.Request, want reading) (b body, err error) {
	b.release = func() {}
	kind, params, err := content(r, jsonType, formType)
	if err != nil {
		return b, err
	}
	text, err := plain(r)
	if err != nil {
		return b, err
	}
	leave, err := a.bodies.enter(clientOf(r))
	if err != nil {
		return b, err
	}
	defer leave()
	if kind == formType {
		f, err := newForm(text, params["boundary"], want.part)
		if err != nil {
			return b, err
		}
		return a.readForm(r, f, want)
	}
	if err := inUTF8(params); err != nil {
		return b, err
	}
	if r.ContentLength > a.cfg.maxBody {
		return b, a.tooMuchJSON()
	}
	if b.json, err = a.readJSON(text); err != nil {
		return b, err
	}
	if err := want.check(b.json, false); err != nil {
		return b, err
	}
	return b, want.accept(b)
}

func (a *API) readJSON(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, a.cfg.maxBody+1))
	switch {
	case err != nil:
		return nil, brokenOff(err)
	case int64(len(text)) > a.cfg.maxBody:
		return nil, a.tooMuchJSON()
	}
	return text, nil
}

// brokenOff is what is said of a body, or a part of one, that cannot be read to its end.
func brokenOff(err error) error {
	var own bodyError
	switch {
	case slow(err):
		return err
	case errors.As(err, &own):
		return fmt.Errorf("api: read body: %w: %w", own, fault.BadRequest)
	}
	return fmt.Errorf("api: read body: it breaks off: %w", fault.BadRequest)
}

// A bodyError is our own word on why a body cannot be read, through all that reads it.
type bodyError string

// Error implements [error].
func (e bodyError) Error() string { return string(e) }

func (a *API) tooMuchJSON() error {
	return fmt.Errorf("api: read body: more than %d bytes of JSON: %w", a.cfg.maxBody, fault.TooLarge)
}

// formHeads is more than the heads of a form's parts and its boundaries take.
const formHeads = 64 << 10

func (a *API) readForm(r *http.Request, f *form, want reading) (b body, err error) {
	b.release = func() {}
	if a.keeper == nil {
		return b, fmt.Errorf("api: read body: uploads are not taken here: %w", fault.BadRequest)
	}
	if err := a.cfg.RefuseUploads(); err != nil {
		return b, refusal{http.StatusServiceUnavailable, uploadsRefused, busyFor, fmt.Errorf("api: read upload: %w", err)}
	}
	if err := a.cfg.Spool.Admit(r.Context(), max(0, r.ContentLength-a.cfg.maxBody-formHeads)); err != nil {
		return b, fmt.Errorf("api: read upload: %w", err)
	}
	part, name, err := f.next(false)
	if err != nil {
		return b, err
	}
	if name == mediaPart { // its JSON is judged when the upload is there, and has no name yet
		return a.take(r, part, b, func(b body) (body, error) { return a.rest(f, b, want) })
	}
	if b.json, err = a.readPart(part, name, want); err != nil {
		return b, err
	}
	if part, _, err = f.next(false); err != nil {
		return b, err
	}
	if err := a.admitRest(r); err != nil {
		return b, err
	}
	return a.take(r, part, b, func(b body) (body, error) {
		if err := f.end(); err != nil {
			return b, err
		}
		return b, want.accept(b)
	})
}

// admitRest refuses media that follow if their length tells that they are too large.
func (a *API) admitRest(r *http.Request) error {
	h, ok := r.Body.(*limitedBody)
	if !ok || r.Header.Get("Content-Encoding") != "" {
		return nil
	}
	const tail = 256 // more than a boundary takes
	if err := a.cfg.Spool.Admit(r.Context(), max(0, r.ContentLength-h.read-tail)); err != nil {
		return fmt.Errorf("api: read upload: %w", err)
	}
	return nil
}

// readPart reads the part of a form that is JSON, and judges it.
func (a *API) readPart(part *multipart.Part, name string, want reading) (text []byte, err error) {
	ascii, err := isJSON(part, name)
	if err != nil {
		return nil, err
	}
	if text, err = a.readJSON(part); err != nil {
		return nil, err
	}
	if ascii {
		if err := isASCII(text, name); err != nil {
			return nil, err
		}
	}
	return text, want.check(text, true)
}

// rest reads what follows an upload that came first.
func (a *API) rest(f *form, b body, want reading) (body, error) {
	part, name, err := f.next(false)
	if err != nil {
		return b, err
	}
	if b.json, err = a.readPart(part, name, want); err != nil {
		return b, err
	}
	if err := f.end(); err != nil {
		return b, err
	}
	return b, want.accept(b)
}

// take keeps the media of a form, if they are accepted, which may add to the body.
func (a *API) take(r *http.Request, media io.Reader, b body, accept func(body) (body, error)) (body, error) {
	f := &flow{
		ctx: r.Context(), r: media, places: a.uploads, client: clientOf(r),
		rate: a.cfg.BodyRate, pause: a.cfg.BodyGrace / 15, grace: a.cfg.BodyGrace,
	}
	defer f.giveBack()
	in := &incoming{r: f}
	var refused error
	u, err := a.keeper.Take(r.Context(), in, func(digest string) error {
		b.upload, b.uri = digest, ingest.UploadURI(digest)
		f.giveBack() // what follows the media may come slowly, too
		if b, refused = accept(b); refused == nil {
			refused = f.regain()
		}
		return refused
	})
	switch {
	case refused != nil:
		return b, refused
	case in.err != nil:
		return b, brokenOff(in.err)
	case err != nil:
		return b, fmt.Errorf("api: read upload: %w", err)
	}
	b.release = sync.OnceFunc(func() { a.keeper.Release(r.Context(), u) })
	return b, nil
}

// incoming remembers that it was the asker who broke off.
type incoming struct {
	r   io.Reader
	err error
}

func (i *incoming) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// decode reads JSON into a struct whose fields are all that may be there.
func decode(text []byte, into any) error {
	unknown, err := strictjson.Read(text, into)
	if len(unknown) > 0 {
		return fmt.Errorf("api: read body: %s: %w", unknownFields(unknown), fault.BadRequest)
	}
	if err != nil {
		return fmt.Errorf("api: read body: %w", ingest.Malformed(err, fault.BadRequest))
	}
	return nil
}

// mostUnknown is how many unknown fields an error names.
const mostUnknown = 8

// unknownFields says which fields of a body there are not, and what they may be meant for.
func unknownFields(unknown []strictjson.Unknown) string {
	var names []string
	for _, u := range unknown[:min(len(unknown), mostUnknown)] {
		text := fmt.Sprintf("unknown field %.120q", u.Pointer)
		if u.Meant != "" {
			text += fmt.Sprintf(" (did you mean %s?)", u.Meant)
		}
		names = append(names, text)
	}
	return strings.Join(names, ", ")
}

// enter takes a token of a bounded number; a caller that finds none has to come again.
func (a *API) enter(tokens chan struct{}, what string) (leave func(), err error) {
	select {
	case tokens <- struct{}{}:
		return func() { <-tokens }, nil
	default:
		return nil, refusal{http.StatusTooManyRequests, tooMany, 1, fmt.Errorf("api: %d %s are under way", cap(tokens), what)}
	}
}

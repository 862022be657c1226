package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
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
	check  func(text []byte, uploads bool) error // told the JSON, before the media are read that it goes with
	accept func(b body) error                    // told all of it, before an upload is kept
}

// anyDigest stands for that of media that are not read yet.
var anyDigest = "sha256:" + strings.Repeat("0", 64)

// read reads a request's body: JSON, or a form of two parts, of which the first is
// JSON and the second, media, is spooled as it comes. What is wrong with the
// request is found before the media are read, or else before they are kept. Whoever
// gets the body releases it.
func (a *API) read(r *http.Request, want reading) (b body, err error) {
	b.release = func() {}
	kind, params, err := content(r, jsonType, formType)
	if err != nil {
		return b, err
	}
	if kind == formType {
		return a.readForm(r, multipart.NewReader(r.Body, params["boundary"]), want)
	}
	if r.ContentLength > a.cfg.maxBody {
		return b, a.tooMuchJSON()
	}
	if b.json, err = a.readWhole(r.Body); err != nil {
		return b, err
	}
	if err := want.check(b.json, false); err != nil {
		return b, err
	}
	return b, want.accept(b)
}

// readWhole reads a body that is all JSON.
func (a *API) readWhole(r io.Reader) ([]byte, error) {
	leave, err := a.enter(a.bodies, "bodies")
	if err != nil {
		return nil, err
	}
	defer leave()
	return a.readJSON(r)
}

func (a *API) readJSON(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, a.cfg.maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("api: read body: %w: %w", err, fault.BadRequest)
	case int64(len(text)) > a.cfg.maxBody:
		return nil, a.tooMuchJSON()
	}
	return text, nil
}

func (a *API) tooMuchJSON() error {
	return fmt.Errorf("api: read body: more than %d bytes of JSON: %w", a.cfg.maxBody, fault.TooLarge)
}

// formHeads is more than the heads of a form's parts and its boundaries take.
const formHeads = 64 << 10

func (a *API) readForm(r *http.Request, form *multipart.Reader, want reading) (b body, err error) {
	b.release = func() {}
	if a.keeper == nil {
		return b, fmt.Errorf("api: read body: uploads are not taken here: %w", fault.BadRequest)
	}
	leave, err := a.enter(a.uploads, "uploads")
	if err != nil {
		return b, err
	}
	defer leave()
	if err := a.cfg.Spool.Admit(r.Context(), max(0, r.ContentLength-a.cfg.maxBody-formHeads)); err != nil {
		return b, fmt.Errorf("api: read upload: %w", err)
	}
	part, err := form.NextPart()
	if slow(err) {
		return b, err
	}
	if err != nil || part.FormName() != want.part {
		return b, fmt.Errorf("api: read body: the form's first part has to be %s, in JSON: %w", want.part, fault.BadRequest)
	}
	if err := isJSON(part); err != nil {
		return b, err
	}
	if b.json, err = a.readJSON(part); err != nil {
		return b, err
	}
	if err := want.check(b.json, true); err != nil {
		return b, err
	}
	part, err = form.NextPart()
	if slow(err) {
		return b, err
	}
	if err != nil || part.FormName() != "media" {
		return b, fmt.Errorf("api: read body: the form's second part has to be media: %w", fault.BadRequest)
	}
	return a.take(r, part, b, want.accept)
}

// slow tells whether it was the body's slowness that ended it.
func slow(err error) bool { return errors.As(err, new(refusal)) }

// isJSON refuses a part that a form in a web page could have sent.
func isJSON(part *multipart.Part) error {
	given := part.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(given); err != nil || kind != jsonType {
		return refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: the form's part %s has content type %.80q; it has to be %s", part.FormName(), given, jsonType)}
	}
	return nil
}

// take keeps the media of a form, if they are accepted.
func (a *API) take(r *http.Request, media io.Reader, b body, accept func(body) error) (body, error) {
	in := &incoming{r: media}
	var refused error
	u, err := a.keeper.Take(r.Context(), in, func(digest string) error {
		b.upload, b.uri = digest, ingest.UploadURI(digest)
		refused = accept(b)
		return refused
	})
	switch {
	case refused != nil:
		return b, refused
	case in.err != nil:
		return b, fmt.Errorf("api: read upload: %w: %w", in.err, fault.BadRequest)
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
		hint := ""
		if meant := unknown[0].Meant; meant != "" {
			hint = fmt.Sprintf(" (is %s meant?)", meant)
		}
		return fmt.Errorf("api: read body: %.120q is no field that this takes%s: %w", unknown[0].Pointer, hint, fault.BadRequest)
	}
	if err != nil {
		return fmt.Errorf("api: read body: %w", ingest.Malformed(err, fault.BadRequest))
	}
	return nil
}

// enter takes a token of a bounded number; whoever finds none is to come again.
func (a *API) enter(tokens chan struct{}, what string) (leave func(), err error) {
	select {
	case tokens <- struct{}{}:
		return func() { <-tokens }, nil
	default:
		return nil, refusal{http.StatusTooManyRequests, tooMany, 1, fmt.Errorf("api: %d %s are under way", cap(tokens), what)}
	}
}

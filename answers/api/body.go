package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"sync"

	"videoqa/internal/fault"
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

// read reads a request's body: JSON, or a form of two parts, of which the first,
// named as, is JSON and the second, media, is spooled as it comes. Whoever gets it
// releases it.
func (a *API) read(r *http.Request, as string) (b body, err error) {
	b.release = func() {}
	kind, params, err := content(r, jsonType, formType)
	if err != nil {
		return b, err
	}
	if kind == jsonType {
		b.json, err = a.readJSON(r.Body)
		return b, err
	}
	return a.readForm(r, multipart.NewReader(r.Body, params["boundary"]), as)
}

func (a *API) readJSON(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, a.cfg.maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("api: read body: %w: %w", err, fault.BadRequest)
	case int64(len(text)) > a.cfg.maxBody:
		return nil, fmt.Errorf("api: read body: more than %d bytes of JSON: %w", a.cfg.maxBody, fault.TooLarge)
	}
	return text, nil
}

func (a *API) readForm(r *http.Request, form *multipart.Reader, as string) (b body, err error) {
	b.release = func() {}
	if a.keeper == nil {
		return b, fmt.Errorf("api: read body: uploads are not taken here: %w", fault.BadRequest)
	}
	leave, err := a.enter(a.uploads, "uploads")
	if err != nil {
		return b, err
	}
	defer leave()
	part, err := form.NextPart()
	if err != nil || part.FormName() != as {
		return b, fmt.Errorf("api: read body: the form's first part has to be %s, in JSON: %w", as, fault.BadRequest)
	}
	if b.json, err = a.readJSON(part); err != nil {
		return b, err
	}
	if part, err = form.NextPart(); err != nil || part.FormName() != "media" {
		return b, fmt.Errorf("api: read body: the form's second part has to be media: %w", fault.BadRequest)
	}
	in := &incoming{r: part}
	u, err := a.keeper.Take(r.Context(), in, nil)
	if err != nil {
		if in.err != nil {
			return b, fmt.Errorf("api: read upload: %w: %w", in.err, fault.BadRequest)
		}
		return b, fmt.Errorf("api: read upload: %w", err)
	}
	b.upload, b.uri = u.Digest, u.URI
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
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("api: read body: %w: %w", err, fault.BadRequest)
	}
	if d.More() {
		return fmt.Errorf("api: read body: there is more than one object: %w", fault.BadRequest)
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

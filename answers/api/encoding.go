package api

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// plain returns a request's body without its Content-Encoding, which may be gzip. The
// limits hold for what comes out of it.
func plain(r *http.Request) (io.Reader, error) {
	var codings []string
	for _, coding := range strings.Split(strings.Join(r.Header.Values("Content-Encoding"), ","), ",") {
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
			codings = append(codings, coding)
		}
	}
	switch {
	case len(codings) == 0:
		return r.Body, nil
	case len(codings) > 1 || codings[0] != "gzip" && codings[0] != "x-gzip":
		return nil, refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: Content-Encoding %.80q; this takes gzip, or none", strings.Join(codings, ", "))}
	}
	return &gunzip{in: &cause{r: r.Body}}, nil
}

// A cause remembers why there are no more bytes, which a decompressor does not tell.
type cause struct {
	r   io.Reader
	err error
}

func (c *cause) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil {
		c.err = err
	}
	return n, err
}

// A gunzip begins when it is first read: then a slow body is found to be slow.
type gunzip struct {
	in  *cause
	out *gzip.Reader
	err error // that it ended with
}

func (g *gunzip) Read(p []byte) (n int, err error) {
	if g.err != nil {
		return 0, g.err
	}
	if g.out == nil {
		g.out, err = gzip.NewReader(bufio.NewReader(g.in))
	}
	if err == nil {
		n, err = g.out.Read(p)
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && n >= 0 && g.out != nil:
		g.err = io.EOF
	case g.in.err != nil && !errors.Is(g.in.err, io.EOF): // the body's own trouble
		g.err = g.in.err
	default:
		g.err = bodyError("the Content-Encoding says gzip, and the body is not")
	}
	return n, g.err
}

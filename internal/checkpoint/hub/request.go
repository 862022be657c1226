package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"videoqa/internal/fault"
	"videoqa/internal/sleep"
)

// attempts is how often a request is made before its failure is believed.
const attempts = 5

// send makes a request until it succeeds, fails for good, or has been made often
// enough. The caller closes the body. header may be nil.
func (h Hub) send(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	var last error
	for attempt := range attempts {
		if attempt > 0 {
			if err := h.rest(ctx, attempt, last); err != nil {
				return nil, err
			}
		}
		resp, err := h.once(ctx, method, address, header)
		if err == nil {
			return resp, nil
		}
		if last = err; !passing(ctx, err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("gave up after %d attempts: %w", attempts, last)
}

// rest says what failed, and waits before the next attempt.
func (h Hub) rest(ctx context.Context, attempt int, failed error) error {
	pause := h.backoff(attempt, failed)
	h.progress.Failed(failed, attempt, attempts, pause)
	return sleep.For(ctx, pause)
}

// backoff returns how long to wait before an attempt: twice as long each time, or
// as long as the Hub asks for, up to a minute.
func (h Hub) backoff(attempt int, last error) time.Duration {
	first := h.pause
	if first == 0 {
		first = time.Second
	}
	wait := first << (attempt - 1)
	var s *statusError
	if errors.As(last, &s) && s.after > wait {
		wait = s.after
	}
	return min(wait, time.Minute)
}

// passing reports whether the same request may succeed later.
func passing(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var s *statusError
	if errors.As(err, &s) {
		return s.code >= 500 || s.code == http.StatusTooManyRequests || s.code == http.StatusRequestTimeout
	}
	return errors.Is(err, fault.UnreachableURI)
}

// once makes one request and turns every answer but a success or, for HEAD, a
// redirect into an error.
func (h Hub) once(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make request for %s: %w: %w", address, err, fault.BadRequest)
	}
	for key, values := range header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", "videoqa")
	req.Header.Set("Accept-Encoding", "identity") // sizes and ranges are those of the file itself
	if h.Token != "" && origin(req.URL) == h.origin() {
		req.Header.Set("Authorization", "Bearer "+h.Token)
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return nil, failure(ctx, err)
	}
	if resp.StatusCode < 300 || method == http.MethodHead && resp.StatusCode < 400 {
		return resp, nil
	}
	resp.Body.Close()
	return nil, statusOf(resp)
}

var errDowngrade = errors.New("redirected from https to plain http")

// failure gives the error of a request or of reading its body a kind: that of ctx
// if it is what ended it.
func failure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errDowngrade):
		return fmt.Errorf("%w: %w", err, fault.RefusedURI)
	}
	var u *url.Error
	if errors.As(err, &u) { // its address may be signed: a reader of the log could fetch the file
		host := "the Hub"
		if p, perr := url.Parse(u.URL); perr == nil {
			host = p.Host
		}
		err = u.Err
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // without the address once more
		}
		err = fmt.Errorf("ask %s: %w", host, err)
	}
	return fmt.Errorf("%w: %w", err, fault.UnreachableURI)
}

// client returns the HTTP client with our rules for redirects. A HEAD follows
// none, because the answer that redirects names the blob.
func (h Hub) client() *http.Client {
	var c http.Client
	if h.Client != nil {
		c = *h.Client
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone() // proxies from the environment, as Python's
		t.ResponseHeaderTimeout = stalled
		c.Transport = t
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if via[0].Method == http.MethodHead {
			return http.ErrUseLastResponse
		}
		if len(via) >= 10 {
			return errors.New("too many redirects")
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errDowngrade
		}
		if origin(req.URL) != h.origin() { // net/http alone would still send it to a subdomain
			req.Header.Del("Authorization")
		}
		return nil
	}
	return &c
}

// origin is what a token belongs to: scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func (h Hub) origin() string {
	u, err := url.Parse(h.endpoint())
	if err != nil {
		return ""
	}
	return origin(u)
}

// A statusError is an answer of the Hub that is not a success.
type statusError struct {
	code  int
	text  string        // X-Error-Code, or X-Error-Message, or the status
	error string        // X-Error-Code alone
	after time.Duration // Retry-After
}

func (e *statusError) Error() string { return fmt.Sprintf("the Hub says %d %s", e.code, e.text) }

// Unwrap gives the kind.
func (e *statusError) Unwrap() error {
	switch {
	case e.code == http.StatusForbidden, e.error == "GatedRepo":
		return fault.RefusedURI
	case e.code == http.StatusUnauthorized, e.code == http.StatusNotFound:
		return fault.NotFound
	}
	return fault.UnreachableURI
}

func statusOf(resp *http.Response) *statusError {
	e := &statusError{code: resp.StatusCode, error: resp.Header.Get("X-Error-Code"), text: http.StatusText(resp.StatusCode)}
	for _, header := range []string{"X-Error-Message", "X-Error-Code"} {
		if v := resp.Header.Get(header); v != "" {
			e.text = v
		}
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.after = time.Duration(min(s, 60)) * time.Second
	}
	return e
}

// advise adds to a refusal what the user can do about it.
func (h Hub) advise(err error, repo Repo) error {
	var s *statusError
	if !errors.As(err, &s) {
		return err
	}
	token := "set HF_TOKEN to a token of an account that may read it"
	if h.Token != "" {
		token = "the token that was sent may not read it"
	}
	switch {
	case s.error == "GatedRepo":
		return fmt.Errorf("it is gated: accept its conditions at %s/%s; %s: %w", h.endpoint(), repo.Name, token, err)
	case s.error == "RevisionNotFound":
		return fmt.Errorf("it has no revision %s: %w", repo.Revision, err)
	case s.error == "EntryNotFound":
		return err
	case s.code == http.StatusUnauthorized, s.code == http.StatusNotFound, s.code == http.StatusForbidden:
		return fmt.Errorf("there is no such repository, or it is private: check the name; if it is private, %s: %w", token, err)
	}
	return err
}

// disk names a full disk, which is not the Hub's fault, and leaves other errors
// of the file system as they are.
func disk(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk is full: %w: %w", err, fault.Unavailable)
	}
	return err
}

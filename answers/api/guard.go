package api

import (
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"videoqa/internal/fault"
)

// guard lets requests in: those with a key, or, where nobody has one, those that
// come from this machine and that no web page could have sent. It echoes the trace
// that a request is part of.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if parent := r.Header.Get("traceparent"); traceparent.MatchString(parent) {
			w.Header().Set("traceparent", parent)
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		name, err := a.admit(r)
		if err != nil {
			if problem, _ := problemOf(err); problem.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="videoqa"`)
			}
			a.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(withCaller(r.Context(), name)))
	})
}

var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

// traceID is that of the trace that r is part of, if any.
func traceID(r *http.Request) string {
	if parts := traceparent.FindStringSubmatch(r.Header.Get("traceparent")); parts != nil {
		return parts[1]
	}
	return ""
}

// admit returns the name of the key that a request carries, "" where none is needed.
func (a *API) admit(r *http.Request) (name string, err error) {
	if a.cfg.Keys == nil {
		return "", local(r)
	}
	given := r.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(given, " ")
	token = strings.TrimSpace(token)
	why := ""
	switch {
	case given == "":
		why = "a key is needed, and none came"
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		why = "a key is needed, and what came is none"
	default:
		name, ok := a.cfg.Keys.Find(token)
		if ok {
			return name, nil
		}
		why = "the key is wrong: it is none of those that may ask"
	}
	return "", refusal{http.StatusUnauthorized, unauthorized, 0, fmt.Errorf("api: %s: Authorization: Bearer KEY", why)}
}

// local refuses what did not come from this machine's own programs. A page in a
// browser can send requests to loopback: it then names its own host, having had
// its name point here, or its origin, or it cannot set a content type.
func local(r *http.Request) error {
	refuse := func(why string, args ...any) error {
		return refusal{http.StatusForbidden, forbidden, 0, fmt.Errorf("api: without keys only this machine's programs are served: "+why, args...)}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if !loopback(host) {
		return refuse("the request is for host %.80q", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return refuse("the request comes from the page of another origin")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse("the request comes from the page of another site")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// content returns a request's content type, one of those wanted.
func content(r *http.Request, wanted ...string) (string, map[string]string, error) {
	given := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(given)
	unfit := func(format string, args ...any) error {
		return refusal{http.StatusUnsupportedMediaType, unsupported, 0, fmt.Errorf("api: "+format+"; this takes %s", append(args, strings.Join(wanted, " or "))...)}
	}
	switch {
	case slices.ContainsFunc(r.Header.Values("Content-Type"), func(other string) bool { return other != given }):
		return "", nil, fmt.Errorf("api: read body: the request has several Content-Type headers, which differ: %.80q: %w", r.Header.Values("Content-Type"), fault.BadRequest)
	case given == "" && r.ContentLength == 0:
		return "", nil, fmt.Errorf("api: read body: the request has none; this takes %s: %w", strings.Join(wanted, " or "), fault.BadRequest)
	case given == "":
		return "", nil, unfit("the request has no Content-Type")
	case err == nil && slices.Contains(wanted, kind):
		return kind, params, nil
	case kind == "application/x-www-form-urlencoded": // curl -d says so of anything
		return "", nil, unfit("content type %.80q (with curl, give -H 'content-type: application/json')", given)
	}
	return "", nil, unfit("content type %.80q", given)
}

const (
	jsonType = "application/json"
	formType = "multipart/form-data"
)

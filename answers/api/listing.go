package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A listing is what the parameters of a list say: which of it, and which page.
type listing struct {
	camera, cursor string
	from, to       time.Time
	limit          int
}

// listingOf reads the parameters of a request that lists something; more are those
// that only this list has.
func listingOf(r *http.Request, what string, more ...string) (l listing, err error) {
	v, err := parametersOf(r, append([]string{"camera", "cursor", "from", "to", "limit"}, more...)...)
	if err != nil {
		return l, fmt.Errorf("api: %s: %w", what, err)
	}
	l.camera, l.cursor = v.Get("camera"), v.Get("cursor")
	if l.camera != "" {
		if err := ingest.CheckID("camera", l.camera); err != nil {
			return l, err
		}
	}
	for name, into := range map[string]*time.Time{"from": &l.from, "to": &l.to} {
		if text := v.Get(name); text != "" {
			t, err := ingest.ParseTime(text)
			if err != nil {
				return l, fmt.Errorf("api: %s: %s %w: %w", what, name, err, fault.BadRequest)
			}
			*into = t.Time
		}
	}
	if !l.from.IsZero() && !l.to.IsZero() && !l.from.Before(l.to) {
		return l, fmt.Errorf("api: %s: from %s is not before to %s: %w", what, v.Get("from"), v.Get("to"), fault.BadRequest)
	}
	if text := v.Get("limit"); text != "" {
		if l.limit, err = strconv.Atoi(text); err != nil || l.limit < 1 || l.limit > store.MostOnPage {
			return l, fmt.Errorf("api: %s: limit %.40q is not from 1 to %d: %w", what, text, store.MostOnPage, fault.BadRequest)
		}
	}
	return l, nil
}

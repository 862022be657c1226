package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A naming gives what a request makes its ids: random ones, or, with an
// Idempotency-Key, always the same, so that a request that comes again finds what
// the first one made.
type naming struct {
	base string
	at   time.Time // of the first of them
}

// name claims a request's Idempotency-Key, in the name of its API key and route,
// for its body. Another body under the same key is a 422.
func (a *API) name(r *http.Request, b body) (naming, error) {
	given, now := r.Header.Get("Idempotency-Key"), time.Now()
	switch {
	case given == "":
		return naming{strings.ToLower(rand.Text()), now}, nil
	case len(given) > 255:
		return naming{}, fmt.Errorf("api: Idempotency-Key has %d bytes, at most 255: %w", len(given), fault.BadRequest)
	}
	sum := sha256.Sum256([]byte(caller(r.Context()) + "\x00" + r.Pattern + "\x00" + given))
	base := hex.EncodeToString(sum[:16])
	stored, err := a.cfg.Store.Claim(r.Context(), "request "+base, b.digest()+" "+ingest.NewTime(now).String())
	if err != nil {
		return naming{}, err
	}
	digest, first, _ := strings.Cut(stored, " ")
	if digest != b.digest() {
		return naming{}, refusal{http.StatusUnprocessableEntity, keyReused, 0, errors.New("api: this Idempotency-Key was used with another request")}
	}
	if now, err = time.Parse(time.RFC3339Nano, first); err != nil {
		return naming{}, fmt.Errorf("api: read the claim of an Idempotency-Key: %w", err)
	}
	return naming{base, now}, nil
}

func (n naming) question(i int) string { return fmt.Sprintf("q-%s-%d", n.base, i) }
func (n naming) clip() string          { return "c-" + n.base }

// accepted remembers a question before its event is on the broker, and until a
// worker has stored something of it.
func (a *API) accepted(ctx context.Context, questionID string) error {
	_, err := a.cfg.Store.Claim(ctx, "question "+questionID, ingest.NewTime(time.Now()).String())
	return err
}

// refused forgets questions whose events could not be put on the broker. Should one
// be there after all, its outcome is found as soon as there is one.
func (a *API) refused(ctx context.Context, questions []ingest.Question) error {
	var errs []error
	for _, q := range questions {
		errs = append(errs, a.cfg.Store.Unclaim(ctx, "question "+q.ID))
	}
	return errors.Join(errs...)
}

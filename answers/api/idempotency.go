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

	"videoqa/internal/fault"
)

// A naming gives what a request makes its ids: random ones, or, with an
// Idempotency-Key, always the same, so that a request that comes again finds what
// the first one made.
type naming struct{ base string }

// name claims a request's Idempotency-Key, in the name of its API key and route,
// for its body. Another body under the same key is a 422.
func (a *API) name(r *http.Request, b body) (naming, error) {
	given := r.Header.Get("Idempotency-Key")
	switch {
	case given == "":
		return naming{strings.ToLower(rand.Text())}, nil
	case len(given) > 255:
		return naming{}, fmt.Errorf("api: Idempotency-Key has %d bytes, at most 255: %w", len(given), fault.BadRequest)
	}
	sum := sha256.Sum256([]byte(caller(r.Context()) + "\x00" + r.Pattern + "\x00" + given))
	base := hex.EncodeToString(sum[:16])
	stored, err := a.cfg.Store.Claim(r.Context(), "request "+base, b.digest())
	if err != nil {
		return naming{}, err
	}
	if stored != b.digest() {
		return naming{}, refusal{http.StatusUnprocessableEntity, keyReused, 0, errors.New("api: this Idempotency-Key was used with another request")}
	}
	return naming{base}, nil
}

func (n naming) question(i int) string { return fmt.Sprintf("q-%s-%d", n.base, i) }
func (n naming) clip() string          { return "c-" + n.base }

// accepted remembers a question before its event is on the broker, and until a
// worker has stored something of it.
func (a *API) accepted(ctx context.Context, questionID string) error {
	_, err := a.cfg.Store.Claim(ctx, "question "+questionID, "")
	return err
}

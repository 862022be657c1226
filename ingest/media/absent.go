package media

import (
	"errors"
	"net/http"
)

// ErrAbsent is found in the error of an address about which the responsible server or file system said
// that nothing is there, or that it is not for us: another attempt soon may find it,
// one much later will say the same.
var ErrAbsent = errors.New("absent")

// absent is an error with [ErrAbsent] in its chain and not in its text.
type absent struct{ error }

func (a absent) Unwrap() error        { return a.error }
func (a absent) Is(target error) bool { return target == ErrAbsent }

// saysAbsent reports whether a status is a server's last word: one that asks to come
// again later is not.
func saysAbsent(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

package fault

import "errors"

// final is an error of its kind that no further attempt will mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Final returns err, judged by its kind, but never to be tried again.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return final{err}
}

func isFinal(err error) bool { return errors.As(err, new(final)) }

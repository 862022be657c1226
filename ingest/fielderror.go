package ingest

// A FieldError says what is wrong with a clip or a question whose JSON could be read.
type FieldError struct {
	Of   string // "question q-17"
	What string // "frames is 65; it has to be from 1 to 64": names the field
	Kind error  // of package fault
}

// Error implements [error].
func (e *FieldError) Error() string {
	return "ingest: check " + e.Of + ": " + e.What + ": " + e.Kind.Error()
}

// Unwrap is for [errors.Is].
func (e *FieldError) Unwrap() error { return e.Kind }

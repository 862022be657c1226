package store

import "context"

// Health tells what is wrong with the whole of a store, beyond what its rows tell.
type Health interface {
	// Health returns what an operator has to know, in words ("": nothing), and
	// [fault.Damaged] if part of what is stored can neither be read nor put right.
	// What is on that part is an error for each read of it; all else is as it was
	// written.
	Health(ctx context.Context) (advice string, err error)
}

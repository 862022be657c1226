package store

import (
	"context"
	"time"
)

// A Process is one that serves from the store.
type Process struct {
	ID       string    // its own, another at each start
	Settings string    // what it serves with, as text that its kind of process can read
	Seen     time.Time // when it was noted last, by the store's clock; read back only
}

// Processes tells those that share a store of each other, so that settings that have
// to be alike can be compared.
type Processes interface {
	// Beat notes that p serves now. It returns the others that were noted within the
	// time before now, by ID, and what the store's clock shows: that of a server, or,
	// where the store is a file, this machine's.
	Beat(ctx context.Context, p Process, within time.Duration) (others []Process, now time.Time, err error)
	// Serving returns all that were noted within the time before now, and notes nothing.
	Serving(ctx context.Context, within time.Duration) (all []Process, now time.Time, err error)
	// End forgets a process that ends.
	End(ctx context.Context, id string) error
}

// ForgetProcesses is how long after its last sign of life a process is forgotten.
const ForgetProcesses = 24 * time.Hour

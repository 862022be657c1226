package store

import "context"

// Properties are what a store knows of itself, by name.
type Properties interface {
	// Property returns what is noted under a name; false: nothing.
	Property(ctx context.Context, name string) (value string, found bool, err error)
	// SetProperty notes value under a name, in place of what was noted.
	SetProperty(ctx context.Context, name, value string) error
}

// Properties that are noted when a store is made.
const (
	// Identity is the store's own name, which no other store has.
	Identity = "identity"
	// Grown is noted of a store that was in use before stores had an identity.
	Grown = "grown"
)

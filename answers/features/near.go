package features

import (
	"context"
	"errors"
)

// Near puts a store of this process before one that is far away: what was read or
// written once need not travel again.
type Near struct {
	near, far Store
}

// NewNear returns far behind near. It is a [Locker] if far is.
func NewNear(near, far Store) Store {
	if locker, ok := far.(Locker); ok {
		return lockingNear{Near{near, far}, locker}
	}
	return Near{near, far}
}

type lockingNear struct {
	Near
	Locker
}

// Get implements [Store].
func (n Near) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values, err := n.near.Get(ctx, keys)
	if err != nil || len(values) != len(keys) {
		values = make([][]byte, len(keys))
	}
	var places []int
	for i, v := range values {
		if v == nil {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return values, nil
	}
	names := pick(keys, places)
	far, err := n.far.Get(ctx, names)
	var found []string
	var kept [][]byte
	for k, v := range far {
		if v != nil {
			values[places[k]] = v
			found, kept = append(found, names[k]), append(kept, v)
		}
	}
	if len(found) > 0 {
		n.near.Set(ctx, found, kept) // one that lies is found out, computed again and overwritten
	}
	return values, err
}

// Set implements [Store].
func (n Near) Set(ctx context.Context, keys []string, values [][]byte) error {
	n.near.Set(ctx, keys, values) // near is memory: it does not fail
	return n.far.Set(ctx, keys, values)
}

// Note implements [Store].
func (n Near) Note(ctx context.Context, owner string, keys []string) error {
	n.near.Note(ctx, owner, keys) // near is memory
	return n.far.Note(ctx, owner, keys)
}

// Forget implements [Store].
func (n Near) Forget(ctx context.Context, owner string) error {
	return errors.Join(n.near.Forget(ctx, owner), n.far.Forget(ctx, owner))
}

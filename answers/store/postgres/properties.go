package postgres

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// Property implements [store.Properties].
func (s *Store) Property(ctx context.Context, name string) (value string, found bool, err error) {
	switch err := s.pool.QueryRow(ctx, "SELECT value FROM videoqa_properties WHERE name = $1", name).Scan(&value); {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, down("read a property", err)
	}
	return value, true, nil
}

const setProperty = "INSERT INTO videoqa_properties (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

// SetProperty implements [store.Properties].
func (s *Store) SetProperty(ctx context.Context, name, value string) error {
	return s.do(ctx, "note a property", setProperty, name, value)
}

// identify gives the tables their identity; grown says that they were in use before.
func identify(ctx context.Context, tx pgx.Tx, grown bool) error {
	if grown {
		if _, err := tx.Exec(ctx, setProperty, store.Grown, "yes"); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, setProperty, store.Identity, rand.Text())
	return err
}

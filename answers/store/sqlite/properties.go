package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"videoqa/answers/store"
)

// Property implements [store.Properties].
func (s *Store) Property(ctx context.Context, name string) (value string, found bool, err error) {
	switch err := s.db.QueryRowContext(ctx, "SELECT value FROM properties WHERE name = ?", name).Scan(&value); {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, down("read a property", err)
	}
	return value, true, nil
}

// SetProperty implements [store.Properties].
func (s *Store) SetProperty(ctx context.Context, name, value string) error {
	return s.change(ctx, "note a property", func(tx *sql.Tx) error { return setProperty(tx, name, value) })
}

func setProperty(tx *sql.Tx, name, value string) error {
	_, err := tx.Exec("INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value)
	return err
}

// identify gives a file its identity; grown says that it was in use before.
func identify(tx *sql.Tx, grown bool) error {
	if grown {
		if err := setProperty(tx, store.Grown, "yes"); err != nil {
			return err
		}
	}
	return setProperty(tx, store.Identity, rand.Text())
}

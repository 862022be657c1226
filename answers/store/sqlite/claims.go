package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Claim implements [store.Claims].
func (s *Store) Claim(ctx context.Context, name, content string) (stored string, err error) {
	err = s.change(ctx, "claim", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO claims (name, content, claimed_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", name, content, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		return tx.QueryRow("SELECT content FROM claims WHERE name = ?", name).Scan(&stored)
	})
	return stored, err
}

// Unclaim implements [store.Claims].
func (s *Store) Unclaim(ctx context.Context, name string) error {
	return s.change(ctx, "unclaim", func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM claims WHERE name = ?", name)
		return err
	})
}

// Claimed implements [store.Claims].
func (s *Store) Claimed(ctx context.Context, name string) (content string, found bool, err error) {
	switch err := s.db.QueryRowContext(ctx, "SELECT content FROM claims WHERE name = ?", name).Scan(&content); {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, down("read claim", err)
	}
	return content, true, nil
}

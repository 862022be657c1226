package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// Claim implements [store.Claims].
func (s *Store) Claim(ctx context.Context, name, content string) (stored string, err error) {
	err = s.change(ctx, "claim", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO claims (name, content, claimed_ms, checksum) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", name, content, time.Now().UnixMilli(), (&store.ClaimRow{Name: name, Content: content}).Checksum())
		if err != nil {
			return err
		}
		stored, err = scanClaim(tx.QueryRow(claimByName, name))
		return err
	})
	return stored, err
}

const claimByName = "SELECT " + store.ClaimColumns + " FROM claims WHERE name = ?"

// scanClaim reads a row and checks it.
func scanClaim(row scanner) (content string, err error) {
	var c store.ClaimRow
	if err := row.Scan(c.Into()...); err != nil {
		return "", err
	}
	return c.Content, c.Check()
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
	content, err = scanClaim(s.db.QueryRowContext(ctx, claimByName, name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", errors.Is(err, fault.Damaged), down("read claim", err)
	}
	return content, true, nil
}

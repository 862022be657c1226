package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// Claim implements [store.Claims].
func (s *Store) Claim(ctx context.Context, name, content string) (stored string, err error) {
	err = s.change(ctx, "claim", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO videoqa_claims (name, content, claimed_ms, checksum) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			name, content, time.Now().UnixMilli(), (&store.ClaimRow{Name: name, Content: content}).Checksum())
		if err != nil {
			return err
		}
		stored, err = scanClaim(tx.QueryRow(ctx, claimByName, name))
		return err
	})
	return stored, err
}

const claimByName = "SELECT " + store.ClaimColumns + " FROM videoqa_claims WHERE name = $1"

// scanClaim reads a row and checks it.
func scanClaim(row pgx.Row) (content string, err error) {
	var c store.ClaimRow
	if err := row.Scan(c.Into()...); err != nil {
		return "", err
	}
	return c.Content, c.Check()
}

// Unclaim implements [store.Claims].
func (s *Store) Unclaim(ctx context.Context, name string) error {
	return s.do(ctx, "unclaim", "DELETE FROM videoqa_claims WHERE name = $1", name)
}

// Claimed implements [store.Claims].
func (s *Store) Claimed(ctx context.Context, name string) (content string, found bool, err error) {
	content, err = scanClaim(s.pool.QueryRow(ctx, claimByName, name))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", errors.Is(err, fault.Damaged), down("read claim", err)
	}
	return content, true, nil
}

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Claim implements [store.Claims].
func (s *Store) Claim(ctx context.Context, name, content string) (stored string, err error) {
	err = s.change(ctx, "claim", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO videoqa_claims (name, content, claimed_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", name, content, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT content FROM videoqa_claims WHERE name = $1", name).Scan(&stored)
	})
	return stored, err
}

// Unclaim implements [store.Claims].
func (s *Store) Unclaim(ctx context.Context, name string) error {
	return s.do(ctx, "unclaim", "DELETE FROM videoqa_claims WHERE name = $1", name)
}

// Claimed implements [store.Claims].
func (s *Store) Claimed(ctx context.Context, name string) (content string, found bool, err error) {
	switch err := s.pool.QueryRow(ctx, "SELECT content FROM videoqa_claims WHERE name = $1", name).Scan(&content); {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, down("read claim", err)
	}
	return content, true, nil
}

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// KeepLetter implements [store.Letters].
func (s *Store) KeepLetter(ctx context.Context, l store.Letter) error {
	return s.do(ctx, "keep a dead letter", `INSERT INTO videoqa_letters (letter_id, message, stored_ms) VALUES ($1, $2, $3)
		ON CONFLICT (letter_id) DO UPDATE SET message = excluded.message, stored_ms = excluded.stored_ms`, l.ID, l.Message, time.Now().UnixMilli())
}

// Letter implements [store.Letters].
func (s *Store) Letter(ctx context.Context, id string) (l store.Letter, found bool, err error) {
	switch err := s.pool.QueryRow(ctx, "SELECT letter_id, message FROM videoqa_letters WHERE letter_id = $1", id).Scan(&l.ID, &l.Message); {
	case errors.Is(err, pgx.ErrNoRows):
		return l, false, nil
	case err != nil:
		return l, false, down("read a dead letter", err)
	}
	return l, true, nil
}

// Letters implements [store.Letters].
func (s *Store) Letters(ctx context.Context, cursor string, limit int) (page []store.Letter, next string, err error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = store.PageSize(limit)
	rows, err := s.pool.Query(ctx, "SELECT letter_id, message, stored_ms FROM videoqa_letters WHERE (stored_ms, letter_id) > ($1, $2) ORDER BY stored_ms, letter_id LIMIT $3", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list dead letters", err)
	}
	defer rows.Close()
	if page, next, err = store.ReadLetters(rows, limit); err != nil {
		return nil, "", down("list dead letters", err)
	}
	return page, next, nil
}

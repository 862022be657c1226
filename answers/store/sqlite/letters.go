package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
)

// KeepLetter implements [store.Letters].
func (s *Store) KeepLetter(ctx context.Context, l store.Letter) error {
	return s.change(ctx, "keep a dead letter", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO letters (letter_id, message, stored_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET message = excluded.message, stored_ms = excluded.stored_ms",
			l.ID, l.Message, time.Now().UnixMilli())
		return err
	})
}

// Letter implements [store.Letters].
func (s *Store) Letter(ctx context.Context, id string) (l store.Letter, found bool, err error) {
	switch err := s.db.QueryRowContext(ctx, "SELECT letter_id, message FROM letters WHERE letter_id = ?", id).Scan(&l.ID, &l.Message); {
	case errors.Is(err, sql.ErrNoRows):
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
	rows, err := s.db.QueryContext(ctx, "SELECT letter_id, message, stored_ms FROM letters WHERE (stored_ms, letter_id) > (?, ?) ORDER BY stored_ms, letter_id LIMIT ?", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list dead letters", err)
	}
	defer rows.Close()
	if page, next, err = store.ReadLetters(rows, limit); err != nil {
		return nil, "", down("list dead letters", err)
	}
	return page, next, nil
}

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
		row := store.LetterRow{ID: l.ID, Message: l.Message, Stored: time.Now().UnixMilli()}
		_, err := tx.Exec("INSERT INTO letters ("+store.LetterColumns+") VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET message = excluded.message, stored_ms = excluded.stored_ms, checksum = excluded.checksum",
			row.Values()...)
		return err
	})
}

// Letter implements [store.Letters].
func (s *Store) Letter(ctx context.Context, id string) (store.Letter, bool, error) {
	var row store.LetterRow
	switch err := s.db.QueryRowContext(ctx, "SELECT "+store.LetterColumns+" FROM letters WHERE letter_id = ?", id).Scan(row.Into()...); {
	case errors.Is(err, sql.ErrNoRows):
		return store.Letter{}, false, nil
	case err != nil:
		return store.Letter{}, false, down("read a dead letter", err)
	}
	l := row.Letter()
	return l, true, l.Damage
}

// Letters implements [store.Letters].
func (s *Store) Letters(ctx context.Context, cursor string, limit int) (page []store.Letter, next string, err error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = store.PageSize(limit)
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.LetterColumns+" FROM letters WHERE (stored_ms, letter_id) > (?, ?) ORDER BY stored_ms, letter_id LIMIT ?", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list dead letters", err)
	}
	defer rows.Close()
	if page, next, err = store.ReadLetters(rows, limit); err != nil {
		return nil, "", down("list dead letters", err)
	}
	return page, next, nil
}

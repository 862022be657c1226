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
	row := store.LetterRow{ID: l.ID, Message: l.Message, Stored: time.Now().UnixMilli()}
	return s.do(ctx, "keep a dead letter", "INSERT INTO videoqa_letters ("+store.LetterColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT (letter_id) DO UPDATE SET message = excluded.message, stored_ms = excluded.stored_ms, checksum = excluded.checksum`, row.Values()...)
}

// Letter implements [store.Letters].
func (s *Store) Letter(ctx context.Context, id string) (store.Letter, bool, error) {
	var row store.LetterRow
	switch err := s.pool.QueryRow(ctx, "SELECT "+store.LetterColumns+" FROM videoqa_letters WHERE letter_id = $1", id).Scan(row.Into()...); {
	case errors.Is(err, pgx.ErrNoRows):
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
	rows, err := s.pool.Query(ctx, "SELECT "+store.LetterColumns+" FROM videoqa_letters WHERE (stored_ms, letter_id) > ($1, $2) ORDER BY stored_ms, letter_id LIMIT $3", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list dead letters", err)
	}
	defer rows.Close()
	if page, next, err = store.ReadLetters(rows, limit); err != nil {
		return nil, "", down("list dead letters", err)
	}
	return page, next, nil
}

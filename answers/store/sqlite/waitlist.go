package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
)

// WaitingFor implements [store.WaitList].
func (s *Store) WaitingFor(ctx context.Context, id string) (store.WaitingQuestion, bool, error) {
	q, err := scanWaiting(s.db.QueryRowContext(ctx, "SELECT "+store.WaitingColumns+", lease_ms FROM waiting WHERE question_id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return q, false, nil
	case err != nil:
		return q, false, down("read a waiting question", err)
	}
	return q, true, nil
}

// WaitingList implements [store.WaitList].
func (s *Store) WaitingList(ctx context.Context, cursor string, limit int) (page []store.WaitingQuestion, next string, err error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = store.PageSize(limit)
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.WaitingColumns+", lease_ms FROM waiting WHERE (seen_ms, question_id) > (?, ?) ORDER BY seen_ms, question_id LIMIT ?", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list waiting questions", err)
	}
	defer rows.Close()
	for rows.Next() {
		q, err := scanWaiting(rows)
		if err != nil {
			return nil, "", down("list waiting questions", err)
		}
		page = append(page, q)
	}
	if err := rows.Err(); err != nil {
		return nil, "", down("list waiting questions", err)
	}
	page, next = store.WaitingPage(page, limit)
	return page, next, nil
}

func scanWaiting(row scanner) (q store.WaitingQuestion, err error) {
	var lease int64
	q.Row, err = scanRow(row, &lease)
	if lease != 0 {
		q.TakenUntil = time.UnixMilli(lease)
	}
	return q, err
}

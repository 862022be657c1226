package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// WaitingFor implements [store.WaitList].
func (s *Store) WaitingFor(ctx context.Context, id string) (store.WaitingQuestion, bool, error) {
	q, err := scanWaiting(s.pool.QueryRow(ctx, "SELECT "+store.WaitingColumns+", lease_ms FROM videoqa_waiting WHERE question_id = $1", id))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
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
	rows, err := s.pool.Query(ctx, "SELECT "+store.WaitingColumns+", lease_ms FROM videoqa_waiting WHERE (seen_ms, question_id) > ($1, $2) ORDER BY seen_ms, question_id LIMIT $3", from.Millis, from.QuestionID, limit+1)
	if err != nil {
		return nil, "", down("list waiting questions", err)
	}
	page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.WaitingQuestion, error) { return scanWaiting(row) })
	if err != nil {
		return nil, "", down("list waiting questions", err)
	}
	page, next = store.WaitingPage(page, limit)
	return page, next, nil
}

func scanWaiting(row pgx.Row) (q store.WaitingQuestion, err error) {
	var lease int64
	q.Row, err = scanRow(row, &lease)
	if lease != 0 {
		q.TakenUntil = time.UnixMilli(lease)
	}
	return q, err
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
)

const outcomeByID = "SELECT question_id, request, state, message FROM outcomes WHERE question_id = ?"

// Outcome implements [store.Outcomes].
func (s *Store) Outcome(ctx context.Context, id string) (store.Outcome, bool, error) {
	o, found, err := scanOutcome(s.db.QueryRowContext(ctx, outcomeByID, id))
	if err != nil {
		return o, false, down("read outcome", err)
	}
	return o, found, nil
}

func scanOutcome(row *sql.Row) (o store.Outcome, found bool, err error) {
	err = row.Scan(&o.QuestionID, &o.Request, &o.State, &o.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return o, false, nil
	}
	return o, err == nil, err
}

// Settle implements [store.Outcomes].
func (s *Store) Settle(ctx context.Context, o store.Outcome) (stored store.Outcome, fresh bool, err error) {
	err = s.change(ctx, "settle question", func(tx *sql.Tx) error {
		result, err := tx.Exec(`INSERT INTO outcomes (question_id, request, state, message, settled_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET state = excluded.state, message = excluded.message, settled_ms = excluded.settled_ms
			WHERE state = 'waiting' AND request = excluded.request`,
			o.QuestionID, o.Request, o.State, o.Message, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		stored, fresh, err = readBack(tx, result, o.QuestionID)
		return err
	})
	return stored, fresh, err
}

func readBack(tx *sql.Tx, result sql.Result, id string) (o store.Outcome, fresh bool, err error) {
	n, err := result.RowsAffected()
	if err != nil {
		return o, false, err
	}
	o, _, err = scanOutcome(tx.QueryRow(outcomeByID, id))
	return o, n > 0, err
}

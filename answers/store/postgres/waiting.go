package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// Wait implements [store.WaitingRoom].
func (s *Store) Wait(ctx context.Context, row store.Row) (stored store.Outcome, fresh bool, err error) {
	err = s.change(ctx, "let question wait", func(ctx context.Context, tx pgx.Tx) error {
		if err := hold(ctx, tx, row.For); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "INSERT INTO videoqa_outcomes (question_id, request, state) VALUES ($1, $2, 'waiting') ON CONFLICT DO NOTHING", row.QuestionID, row.Request)
		if err != nil {
			return err
		}
		fresh = tag.RowsAffected() > 0
		if stored, _, err = scanOutcome(tx.QueryRow(ctx, outcomeByID, row.QuestionID)); err != nil || !fresh {
			return err
		}
		fresh, err = enter(ctx, tx, row)
		return err
	})
	return stored, fresh && err == nil, err
}

// enter stores a row, unless there is one.
func enter(ctx context.Context, tx pgx.Tx, row store.Row) (fresh bool, err error) {
	record, err := json.Marshal(row.Record)
	if err != nil {
		panic(err) // strings, bytes and a time always marshal
	}
	tag, err := tx.Exec(ctx, `INSERT INTO videoqa_waiting (question_id, request, record, awaits, due_ms, until_ms, attempts, seen_ms, replaces)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		row.QuestionID, row.Request, record, row.For, row.Due.UnixMilli(), orZero(row.Until), row.Attempts, row.FirstSeen.UnixMilli(), row.Replaces)
	return tag.RowsAffected() > 0, err
}

// Replay implements [store.WaitingRoom].
func (s *Store) Replay(ctx context.Context, row store.Row) (stored store.Outcome, ok bool, err error) {
	err = s.change(ctx, "replay question", func(ctx context.Context, tx pgx.Tx) error {
		var found bool
		stored, found, err = scanOutcome(tx.QueryRow(ctx, outcomeByID+" FOR UPDATE", row.QuestionID))
		if err != nil || !found || stored.State != store.Dead || !stored.Yields(store.Outcome{Request: row.Request, Replaces: row.Replaces}) {
			return err
		}
		ok, err = enter(ctx, tx, row)
		return err
	})
	return stored, ok && err == nil, err
}

// Take implements [store.WaitingRoom].
func (s *Store) Take(ctx context.Context, now, lease time.Time, n int) (taken []store.Row, err error) {
	err = s.change(ctx, "take waiting questions", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE videoqa_waiting SET lease_ms = $1 WHERE question_id IN (
				SELECT question_id FROM videoqa_waiting WHERE due_ms <= $2 AND lease_ms <= $2 ORDER BY due_ms, seen_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
			RETURNING question_id, request, record, awaits, due_ms, until_ms, attempts, seen_ms, replaces`, lease.UnixMilli(), now.UnixMilli(), n)
		if err != nil {
			return err
		}
		taken, err = pgx.CollectRows(rows, scanRow)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(taken, func(a, b store.Row) int { return cmp.Or(a.Due.Compare(b.Due), a.FirstSeen.Compare(b.FirstSeen)) })
	return taken, nil
}

func scanRow(from pgx.CollectableRow) (row store.Row, err error) {
	var record []byte
	var due, until, seen int64
	if err := from.Scan(&row.QuestionID, &row.Request, &record, &row.For, &due, &until, &row.Attempts, &seen, &row.Replaces); err != nil {
		return row, err
	}
	row.Due, row.FirstSeen = time.UnixMilli(due), time.UnixMilli(seen)
	if until != 0 {
		row.Until = time.UnixMilli(until)
	}
	return row, json.Unmarshal(record, &row.Record)
}

// Extend implements [store.WaitingRoom].
func (s *Store) Extend(ctx context.Context, questionIDs []string, lease time.Time) error {
	return s.do(ctx, "keep waiting questions", "UPDATE videoqa_waiting SET lease_ms = $1 WHERE question_id = ANY($2)", lease.UnixMilli(), questionIDs)
}

// do runs one statement.
func (s *Store) do(ctx context.Context, what, statement string, values ...any) error {
	return s.change(ctx, what, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, values...)
		return err
	})
}

// Again implements [store.WaitingRoom].
func (s *Store) Again(ctx context.Context, row store.Row) error {
	return s.change(ctx, "let question wait again", func(ctx context.Context, tx pgx.Tx) error {
		if err := hold(ctx, tx, row.For); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE videoqa_waiting SET awaits = $2, due_ms = $3, until_ms = $4, attempts = $5, lease_ms = 0 WHERE question_id = $1",
			row.QuestionID, row.For, row.Due.UnixMilli(), orZero(row.Until), row.Attempts)
		return err
	})
}

// Wake implements [store.WaitingRoom].
func (s *Store) Wake(ctx context.Context, questionID string) error {
	return s.do(ctx, "wake question", "UPDATE videoqa_waiting SET due_ms = 0 WHERE question_id = $1", questionID)
}

// Leave implements [store.WaitingRoom].
func (s *Store) Leave(ctx context.Context, questionID string) error {
	return s.do(ctx, "let question leave", "DELETE FROM videoqa_waiting WHERE question_id = $1", questionID)
}

// NextDue implements [store.WaitingRoom].
func (s *Store) NextDue(ctx context.Context) (time.Time, bool, error) {
	var due *int64
	if err := s.pool.QueryRow(ctx, "SELECT min(greatest(due_ms, lease_ms)) FROM videoqa_waiting").Scan(&due); err != nil {
		return time.Time{}, false, down("look for the next question", err)
	}
	if due == nil {
		return time.Time{}, false, nil
	}
	return time.UnixMilli(*due), true, nil
}

// Waiting implements [store.WaitingRoom].
func (s *Store) Waiting(ctx context.Context) (n int, err error) {
	if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM videoqa_waiting").Scan(&n); err != nil {
		return 0, down("count the waiting questions", err)
	}
	return n, nil
}

func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// Wait implements [store.WaitingRoom].
func (s *Store) Wait(ctx context.Context, row store.Row) (stored store.Outcome, fresh bool, err error) {
	all, err := s.WaitAll(ctx, []store.Row{row})
	if err != nil {
		return stored, false, err
	}
	return all[0].Outcome, all[0].Fresh, all[0].Damage
}

// WaitAll implements [store.WaitingRoom].
func (s *Store) WaitAll(ctx context.Context, rows []store.Row) (stored []store.Stored, err error) {
	err = s.change(ctx, "let questions wait", func(tx *sql.Tx) error {
		for _, row := range rows {
			one, err := wait(tx, row)
			if err != nil {
				return err
			}
			stored = append(stored, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func wait(tx *sql.Tx, row store.Row) (stored store.Stored, err error) {
	result, err := tx.Exec("INSERT INTO outcomes ("+store.OutcomeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		store.WaitingOutcome(row.QuestionID, row.Request).Values()...)
	if err != nil {
		return stored, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return stored, err
	}
	before, _, err := scanOutcome(tx.QueryRow(outcomeByID, row.QuestionID))
	if errors.Is(err, fault.Damaged) {
		return store.Stored{Damage: err}, nil
	}
	if stored.Outcome = before.Outcome; err != nil || n == 0 {
		return stored, err
	}
	stored.Fresh, err = enter(tx, row)
	return stored, err
}

// enter stores a row, unless there is one.
func enter(tx *sql.Tx, row store.Row) (fresh bool, err error) {
	result, err := tx.Exec("INSERT INTO waiting ("+store.WaitingColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", store.WaitingRowOf(row).Values()...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Replay implements [store.WaitingRoom].
func (s *Store) Replay(ctx context.Context, row store.Row) (stored store.Outcome, ok bool, err error) {
	err = s.change(ctx, "replay question", func(tx *sql.Tx) error {
		before, found, err := scanOutcome(tx.QueryRow(outcomeByID, row.QuestionID))
		stored = before.Outcome
		if err != nil || !found || stored.State != store.Dead || !stored.Yields(store.Outcome{Request: row.Request, Replaces: row.Replaces}) {
			return err
		}
		ok, err = enter(tx, row)
		return err
	})
	return stored, ok && err == nil, err
}

// Take implements [store.WaitingRoom].
func (s *Store) Take(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "awaits <> 'turn' AND due_ms <= ?1", now, lease, n)
}

// TakeTurns implements [store.WaitingRoom].
func (s *Store) TakeTurns(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "awaits = 'turn'", now, lease, n)
}

func (s *Store) take(ctx context.Context, where string, now, lease time.Time, n int) (taken []store.Row, err error) {
	err = s.change(ctx, "take waiting questions", func(tx *sql.Tx) error {
		rows, err := tx.Query("SELECT "+store.WaitingColumns+" FROM waiting WHERE "+where+" AND lease_ms <= ?1 ORDER BY due_ms, seen_ms LIMIT ?2",
			now.UnixMilli(), n)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var row store.WaitingRow
			if err := rows.Scan(row.Into()...); err != nil {
				return err
			}
			taken = append(taken, row.Row())
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return extend(tx, ids(taken), lease)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// scanRow reads [store.WaitingColumns], and what stands behind them into more.
func scanRow(from scanner, more ...any) (store.Row, error) {
	var row store.WaitingRow
	err := from.Scan(append(row.Into(), more...)...)
	return row.Row(), err
}

func ids(rows []store.Row) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row.QuestionID
	}
	return list
}

// Extend implements [store.WaitingRoom].
func (s *Store) Extend(ctx context.Context, questionIDs []string, lease time.Time) error {
	return s.change(ctx, "keep waiting questions", func(tx *sql.Tx) error { return extend(tx, questionIDs, lease) })
}

func extend(tx *sql.Tx, questionIDs []string, lease time.Time) error {
	for _, id := range questionIDs {
		if _, err := tx.Exec("UPDATE waiting SET lease_ms = ? WHERE question_id = ?", lease.UnixMilli(), id); err != nil {
			return err
		}
	}
	return nil
}

// Again implements [store.WaitingRoom].
func (s *Store) Again(ctx context.Context, row store.Row) error {
	return s.change(ctx, "let question wait again", func(tx *sql.Tx) error {
		var stored store.WaitingRow
		err := tx.QueryRow("SELECT "+store.WaitingColumns+" FROM waiting WHERE question_id = ?", row.QuestionID).Scan(stored.Into()...)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = stored.Check()
		}
		if err != nil {
			return err
		}
		stored.Change(row)
		_, err = tx.Exec("UPDATE waiting SET awaits = ?, due_ms = ?, until_ms = ?, attempts = ?, reason = ?, checksum = ?, lease_ms = 0 WHERE question_id = ?",
			stored.For, stored.Due, stored.Until, stored.Attempts, stored.Reason, stored.Checksum(), row.QuestionID)
		return err
	})
}

// Wake implements [store.WaitingRoom].
func (s *Store) Wake(ctx context.Context, questionID string) error {
	return s.change(ctx, "wake question", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE waiting SET due_ms = 0 WHERE question_id = ?", questionID)
		return err
	})
}

// Leave implements [store.WaitingRoom].
func (s *Store) Leave(ctx context.Context, questionIDs ...string) error {
	return s.change(ctx, "let questions leave", func(tx *sql.Tx) error {
		for _, id := range questionIDs {
			if _, err := tx.Exec("DELETE FROM waiting WHERE question_id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// NextDue implements [store.WaitingRoom].
func (s *Store) NextDue(ctx context.Context) (time.Time, bool, error) {
	var due sql.NullInt64
	if err := s.db.QueryRowContext(ctx, "SELECT min(max(due_ms, lease_ms)) FROM waiting WHERE awaits <> 'turn'").Scan(&due); err != nil {
		return time.Time{}, false, down("look for the next question", err)
	}
	return time.UnixMilli(due.Int64), due.Valid, nil
}

// Waiting implements [store.WaitingRoom].
func (s *Store) Waiting(ctx context.Context) (n int, err error) {
	if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM waiting").Scan(&n); err != nil {
		return 0, down("count the waiting questions", err)
	}
	return n, nil
}

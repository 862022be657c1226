package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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
	err = s.change(ctx, "let questions wait", func(ctx context.Context, tx pgx.Tx) error {
		for _, awaited := range awaitedBy(rows) {
			if err := hold(ctx, tx, awaited); err != nil {
				return err
			}
		}
		fresh, err := begin(ctx, tx, rows)
		if err != nil {
			return err
		}
		if stored, err = whatIsStored(ctx, tx, rows, fresh); err != nil {
			return err
		}
		return enterFresh(ctx, tx, rows, stored)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// awaitedBy lists what brings something that rows wait for, in the order in which
// all take hold of it.
func awaitedBy(rows []store.Row) (list []string) {
	for _, row := range rows {
		if row.For != store.ForTurn {
			list = append(list, row.For)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// begin stores a waiting outcome for each question that has none, and tells which.
func begin(ctx context.Context, tx pgx.Tx, rows []store.Row) (fresh map[string]bool, err error) {
	ids, requests, sums := make([]string, len(rows)), make([]string, len(rows)), make([][]byte, len(rows))
	for i, row := range rows {
		ids[i], requests[i], sums[i] = row.QuestionID, row.Request, store.WaitingOutcome(row.QuestionID, row.Request).Checksum()
	}
	// In the order of their ids, lest two that come at once wait for each other.
	found, err := tx.Query(ctx, `INSERT INTO videoqa_outcomes (question_id, request, state, checksum)
		SELECT id, request, 'waiting', checksum FROM unnest($1::text[], $2::text[], $3::bytea[]) AS r (id, request, checksum) ORDER BY id ON CONFLICT DO NOTHING RETURNING question_id`, ids, requests, sums)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	fresh = map[string]bool{}
	for _, id := range list {
		fresh[id] = true
	}
	return fresh, err
}

// whatIsStored returns the outcome of each row's question.
func whatIsStored(ctx context.Context, tx pgx.Tx, rows []store.Row, fresh map[string]bool) ([]store.Stored, error) {
	stored := make([]store.Stored, len(rows))
	for i, row := range rows {
		stored[i] = store.Stored{Outcome: store.Outcome{QuestionID: row.QuestionID, Request: row.Request, State: store.Waiting}, Fresh: true}
		if fresh[row.QuestionID] {
			continue
		}
		before, _, err := scanOutcome(tx.QueryRow(ctx, outcomeByID, row.QuestionID))
		switch {
		case errors.Is(err, fault.Damaged):
			stored[i] = store.Stored{Damage: err}
		case err != nil:
			return nil, err
		default:
			stored[i] = store.Stored{Outcome: before.Outcome}
		}
	}
	return stored, nil
}

// enterFresh stores the rows of questions that begin to wait.
func enterFresh(ctx context.Context, tx pgx.Tx, rows []store.Row, stored []store.Stored) error {
	var batch pgx.Batch
	for i, row := range rows {
		if stored[i].Fresh {
			batch.Queue(insertRow, store.WaitingRowOf(row).Values()...)
		}
	}
	return tx.SendBatch(ctx, &batch).Close()
}

const insertRow = "INSERT INTO videoqa_waiting (" + store.WaitingColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"

// Replay implements [store.WaitingRoom].
func (s *Store) Replay(ctx context.Context, row store.Row) (stored store.Outcome, ok bool, err error) {
	err = s.change(ctx, "replay question", func(ctx context.Context, tx pgx.Tx) error {
		before, found, err := scanOutcome(tx.QueryRow(ctx, outcomeByID+" FOR UPDATE", row.QuestionID))
		stored = before.Outcome
		if err != nil || !found || stored.State != store.Dead || !stored.Yields(store.Outcome{Request: row.Request, Replaces: row.Replaces}) {
			return err
		}
		tag, err := tx.Exec(ctx, insertRow, store.WaitingRowOf(row).Values()...)
		ok = tag.RowsAffected() > 0
		return err
	})
	return stored, ok && err == nil, err
}

// Take implements [store.WaitingRoom].
func (s *Store) Take(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "awaits <> 'turn' AND due_ms <= $2", now, lease, n)
}

// TakeTurns implements [store.WaitingRoom].
func (s *Store) TakeTurns(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "awaits = 'turn'", now, lease, n)
}

func (s *Store) take(ctx context.Context, where string, now, lease time.Time, n int) (taken []store.Row, err error) {
	err = s.change(ctx, "take waiting questions", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE videoqa_waiting SET lease_ms = $1 WHERE question_id IN (
				SELECT question_id FROM videoqa_waiting WHERE `+where+` AND lease_ms <= $2 ORDER BY due_ms, seen_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
			RETURNING `+store.WaitingColumns, lease.UnixMilli(), now.UnixMilli(), n)
		if err != nil {
			return err
		}
		taken, err = pgx.CollectRows(rows, func(from pgx.CollectableRow) (store.Row, error) { return scanRow(from) })
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(taken, func(a, b store.Row) int { return cmp.Or(a.Due.Compare(b.Due), a.FirstSeen.Compare(b.FirstSeen)) })
	return taken, nil
}

// scanRow reads [store.WaitingColumns], and what stands behind them into more.
func scanRow(from pgx.Row, more ...any) (store.Row, error) {
	var row store.WaitingRow
	err := from.Scan(append(row.Into(), more...)...)
	return row.Row(), err
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
		var stored store.WaitingRow
		err := tx.QueryRow(ctx, "SELECT "+store.WaitingColumns+" FROM videoqa_waiting WHERE question_id = $1 FOR UPDATE", row.QuestionID).Scan(stored.Into()...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = stored.Check()
		}
		if err != nil {
			return err
		}
		stored.Change(row)
		_, err = tx.Exec(ctx, "UPDATE videoqa_waiting SET awaits = $2, due_ms = $3, until_ms = $4, attempts = $5, reason = $6, checksum = $7, lease_ms = 0 WHERE question_id = $1",
			row.QuestionID, stored.For, stored.Due, stored.Until, stored.Attempts, stored.Reason, stored.Checksum())
		return err
	})
}

// Wake implements [store.WaitingRoom].
func (s *Store) Wake(ctx context.Context, questionID string) error {
	return s.do(ctx, "wake question", "UPDATE videoqa_waiting SET due_ms = 0 WHERE question_id = $1", questionID)
}

// Leave implements [store.WaitingRoom].
func (s *Store) Leave(ctx context.Context, questionIDs ...string) error {
	return s.do(ctx, "let questions leave", "DELETE FROM videoqa_waiting WHERE question_id = ANY($1)", questionIDs)
}

// NextDue implements [store.WaitingRoom].
func (s *Store) NextDue(ctx context.Context) (time.Time, bool, error) {
	var due *int64
	if err := s.pool.QueryRow(ctx, "SELECT min(greatest(due_ms, lease_ms)) FROM videoqa_waiting WHERE awaits <> 'turn'").Scan(&due); err != nil {
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

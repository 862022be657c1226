package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

const outcomeByID = "SELECT " + store.OutcomeColumns + " FROM outcomes WHERE question_id = ?"

// Outcome implements [store.Outcomes].
func (s *Store) Outcome(ctx context.Context, id string) (store.Outcome, bool, error) {
	read := func() (store.OutcomeRow, bool, error) { return scanOutcome(s.db.QueryRowContext(ctx, outcomeByID, id)) }
	row, found, err := read()
	if err == nil && !found {
		if trace := lost(s.db.QueryRowContext(ctx, traceOfOutcome, id)); trace != nil {
			// It may have been stored between the two looks: then it is there now.
			if row, found, err = read(); err == nil && !found {
				err = trace
			}
		}
	}
	if err != nil {
		return store.Outcome{}, false, down("read outcome", err)
	}
	return row.Outcome, found, nil
}

// traceOfOutcome finds, by the index of another table, that a question has an outcome. Both are
// written and deleted together.
const traceOfOutcome = "SELECT count(*) FROM outcome_clips WHERE question_id = ?"

// lost returns an error if an outcome that is not found was there: a row whose key is damaged is
// not found under its question's id, and no checksum tells.
func lost(trace scanner) error {
	var n int
	if err := trace.Scan(&n); err != nil || n == 0 {
		return err
	}
	return fmt.Errorf("store: find outcome: it was stored and is not found under its question_id any more: %w", fault.Damaged)
}

// Answer implements [store.Outcomes].
func (s *Store) Answer(ctx context.Context, answerID string) (store.Outcome, bool, error) {
	row, found, err := scanOutcome(s.db.QueryRowContext(ctx, "SELECT "+store.OutcomeColumns+" FROM outcomes WHERE answer_id = ? AND answer_id <> '' ORDER BY settled_ms LIMIT 1", answerID))
	if err != nil {
		return store.Outcome{}, false, down("read answer", err)
	}
	return row.Outcome, found, nil
}

// scanOutcome reads a row and checks it.
func scanOutcome(row scanner) (r store.OutcomeRow, found bool, err error) {
	err = row.Scan(r.Into()...)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err == nil {
		err = r.Check()
	}
	return r, err == nil, err
}

// Settle implements [store.Outcomes].
func (s *Store) Settle(ctx context.Context, o store.Outcome) (stored store.Outcome, fresh bool, err error) {
	all, err := s.SettleAll(ctx, []store.Outcome{o})
	if err != nil {
		return stored, false, err
	}
	return all[0].Outcome, all[0].Fresh, all[0].Damage
}

// SettleAll implements [store.Outcomes].
func (s *Store) SettleAll(ctx context.Context, all []store.Outcome) (stored []store.Stored, err error) {
	err = s.change(ctx, "settle questions", func(tx *sql.Tx) error {
		for _, o := range all {
			one, err := settleOne(tx, o)
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

func settleOne(tx *sql.Tx, o store.Outcome) (stored store.Stored, err error) {
	before, found, err := scanOutcome(tx.QueryRow(outcomeByID, o.QuestionID))
	if err == nil && !found {
		err = lost(tx.QueryRow(traceOfOutcome, o.QuestionID))
	}
	switch {
	case errors.Is(err, fault.Damaged):
		return store.Stored{Damage: err}, nil
	case err != nil || found && !before.Yields(o):
		return store.Stored{Outcome: before.Outcome}, err
	}
	gone, err := anyDeleted(tx, o)
	if err != nil {
		return stored, err
	}
	if gone {
		return store.Stored{Outcome: store.Outcome{State: store.Erased}}, nil
	}
	return store.Stored{Outcome: store.Outcome{QuestionID: o.QuestionID, Request: o.Request, State: o.State, Message: o.Message}, Fresh: true}, settle(tx, o)
}

// anyDeleted reports whether o is an answer about a clip that is deleted.
func anyDeleted(tx *sql.Tx, o store.Outcome) (bool, error) {
	for _, id := range o.About.ClipIDs {
		var gone bool
		err := tx.QueryRow("SELECT gone_ms IS NOT NULL AND NOT ("+live+") FROM clips WHERE clip_id = ?", id).Scan(&gone)
		if err != nil && !errors.Is(err, sql.ErrNoRows) || gone {
			return gone && o.State == store.Answered, err
		}
	}
	return false, nil
}

func settle(tx *sql.Tx, o store.Outcome) error {
	row := store.SettledOutcome(o, time.Now().UnixMilli())
	_, err := tx.Exec("INSERT INTO outcomes ("+store.OutcomeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET state = excluded.state, message = excluded.message, settled_ms = excluded.settled_ms, answer_id = excluded.answer_id,
			camera = excluded.camera, start_ms = excluded.start_ms, end_ms = excluded.end_ms, checksum = excluded.checksum`, row.Values()...)
	if err != nil {
		return err
	}
	for _, clip := range o.About.ClipIDs {
		if _, err := tx.Exec("INSERT INTO outcome_clips (clip_id, question_id) VALUES (?, ?) ON CONFLICT DO NOTHING", clip, o.QuestionID); err != nil {
			return err
		}
	}
	return nil
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Answers implements [store.Outcomes].
func (s *Store) Answers(ctx context.Context, q store.AnswerQuery) (store.Page, error) {
	const forever = 1 << 62
	from, to := int64(-forever), int64(forever)
	if !q.From.IsZero() {
		from = q.From.UnixMilli()
	}
	if !q.To.IsZero() {
		to = q.To.UnixMilli()
	}
	timeless := q.From.IsZero() && q.To.IsZero() // then answers without a wall clock are among them
	return s.page(ctx, q.Cursor, q.Limit, store.Answered, "(? = '' OR camera = ?) AND (? OR start_ms < ? AND end_ms > ?)", q.Camera, q.Camera, timeless, to, from)
}

// Dead implements [store.Outcomes].
func (s *Store) Dead(ctx context.Context, cursor string, limit int) (store.Page, error) {
	return s.page(ctx, cursor, limit, store.Dead, "TRUE")
}

// page lists outcomes by when they were stored.
func (s *Store) page(ctx context.Context, cursor string, limit int, state store.State, where string, values ...any) (store.Page, error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return store.Page{}, err
	}
	page, err := s.pageAtOnce(ctx, from, store.PageSize(limit), "state = '"+string(state)+"' AND "+where, values)
	if !errors.Is(err, fault.Damaged) {
		return page, err
	}
	page = store.Page{}
	page.Next, err = s.oneByOne(ctx, "SELECT settled_ms, question_id FROM outcomes INDEXED BY outcomes_by_state WHERE state = '"+string(state)+
		"' AND (settled_ms, question_id) > (?, ?) ORDER BY settled_ms, question_id LIMIT ?", from, store.PageSize(limit),
		func(id string) (bool, error) {
			row, found, err := scanOutcome(s.db.QueryRowContext(ctx, "SELECT "+store.OutcomeColumns+" FROM outcomes WHERE "+where+" AND question_id = ?", append(slices.Clone(values), id)...))
			if err == nil && found {
				page.Outcomes = append(page.Outcomes, row.Outcome)
			}
			return found, err
		}, func(id string) { page.Damaged = append(page.Damaged, id) })
	return page, err
}

// pageAtOnce lists them where no page of the file is damaged that has to be read.
func (s *Store) pageAtOnce(ctx context.Context, from store.Cursor, limit int, where string, values []any) (store.Page, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.OutcomeColumns+" FROM outcomes WHERE "+where+
		" AND (settled_ms, question_id) > (?, ?) ORDER BY settled_ms, question_id LIMIT ?", append(slices.Clone(values), from.Millis, from.QuestionID, limit+1)...)
	if err != nil {
		return store.Page{}, down("list outcomes", err)
	}
	defer rows.Close()
	page, err := store.ReadPage(rows, limit)
	if err != nil {
		return store.Page{}, down("list outcomes", err)
	}
	return page, nil
}

// Prune implements [store.Outcomes].
func (s *Store) Prune(ctx context.Context, before time.Time) (pruned store.Pruned, err error) {
	for _, kind := range []struct {
		count  *int
		old    string // selects ids
		forget []string
	}{
		{&pruned.Outcomes, "SELECT question_id FROM outcomes WHERE settled_ms < ? AND question_id NOT IN (SELECT question_id FROM waiting) LIMIT ?",
			[]string{"DELETE FROM outcomes WHERE question_id = ?", "DELETE FROM outcome_clips WHERE question_id = ?"}},
		{&pruned.Letters, "SELECT letter_id FROM letters WHERE stored_ms < ? LIMIT ?", []string{"DELETE FROM letters WHERE letter_id = ?"}},
		{&pruned.Clips, "SELECT clip_id FROM clips WHERE touched_ms < ? LIMIT ?", []string{"DELETE FROM clips WHERE clip_id = ?"}},
		{&pruned.Claims, "SELECT name FROM claims WHERE claimed_ms < ? LIMIT ?", []string{"DELETE FROM claims WHERE name = ?"}},
	} {
		for n := pruneBatch; n == pruneBatch; *kind.count += n {
			if n, err = s.pruneSome(ctx, kind.old, before, kind.forget); err != nil {
				return pruned, err
			}
		}
	}
	return pruned, s.change(ctx, "forget what used uploads", func(tx *sql.Tx) error {
		return unuse(tx, "since_ms < ?", before.UnixMilli())
	})
}

// pruneBatch is how many rows are deleted in one transaction, which others wait for.
const pruneBatch = 500

func (s *Store) pruneSome(ctx context.Context, old string, before time.Time, forget []string) (n int, err error) {
	err = s.change(ctx, "forget what is old", func(tx *sql.Tx) error {
		ids, err := column(tx.Query(old, before.UnixMilli(), pruneBatch))
		if err != nil {
			return err
		}
		n = len(ids)
		for _, id := range ids {
			for _, change := range forget {
				if _, err := tx.Exec(change, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

// column reads rows of one text each.
func column(rows *sql.Rows, err error) (values []string, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}

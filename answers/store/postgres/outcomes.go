package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

const (
	selectOutcome = "SELECT question_id, request, state, message"
	outcomeByID   = selectOutcome + " FROM videoqa_outcomes WHERE question_id = $1"
)

// Outcome implements [store.Outcomes].
func (s *Store) Outcome(ctx context.Context, id string) (store.Outcome, bool, error) {
	return s.outcome(ctx, "read outcome", outcomeByID, id)
}

// Answer implements [store.Outcomes].
func (s *Store) Answer(ctx context.Context, answerID string) (store.Outcome, bool, error) {
	return s.outcome(ctx, "read answer", selectOutcome+" FROM videoqa_outcomes WHERE answer_id = $1 AND answer_id <> '' ORDER BY settled_ms LIMIT 1", answerID)
}

func (s *Store) outcome(ctx context.Context, what, query, id string) (store.Outcome, bool, error) {
	o, found, err := scanOutcome(s.pool.QueryRow(ctx, query, id))
	if err != nil {
		return o, false, down(what, err)
	}
	return o, found, nil
}

func scanOutcome(row pgx.Row) (o store.Outcome, found bool, err error) {
	err = row.Scan(&o.QuestionID, &o.Request, &o.State, &o.Message)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, false, nil
	}
	return o, err == nil, err
}

// Settle implements [store.Outcomes]. The clips are locked before the outcome, as
// DeleteClip does it: so either it sees the answer, or the answer sees it.
func (s *Store) Settle(ctx context.Context, o store.Outcome) (stored store.Outcome, fresh bool, err error) {
	err = s.change(ctx, "settle question", func(ctx context.Context, tx pgx.Tx) error {
		fresh = false
		gone, err := anyDeleted(ctx, tx, o)
		if err != nil {
			return err
		}
		found := false
		if stored, found, err = lockOutcome(ctx, tx, o); err != nil || found && !stored.Yields(o) {
			return err
		}
		if gone {
			stored = store.Outcome{State: store.Erased}
			return deleteEmpty(ctx, tx, o.QuestionID)
		}
		fresh = true
		stored = store.Outcome{QuestionID: o.QuestionID, Request: o.Request, State: o.State, Message: o.Message}
		return settle(ctx, tx, o)
	})
	return stored, fresh && err == nil, err
}

// unsettled is the state of an outcome between its first lines, within one transaction.
const unsettled = "unsettled"

// lockOutcome returns what is stored of a question and keeps others from changing
// it. A question that nothing was stored of gets a row that only this transaction
// sees; found is false then.
func lockOutcome(ctx context.Context, tx pgx.Tx, o store.Outcome) (stored store.Outcome, found bool, err error) {
	tag, err := tx.Exec(ctx, "INSERT INTO videoqa_outcomes (question_id, request, state) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", o.QuestionID, o.Request, unsettled)
	if err != nil || tag.RowsAffected() > 0 {
		return stored, false, err
	}
	return scanOutcome(tx.QueryRow(ctx, outcomeByID+" FOR UPDATE", o.QuestionID))
}

// deleteEmpty takes back what lockOutcome inserted, if it did.
func deleteEmpty(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := tx.Exec(ctx, "DELETE FROM videoqa_outcomes WHERE question_id = $1 AND state = $2", id, unsettled)
	return err
}

// anyDeleted tells whether o is an answer about a clip that is deleted, and keeps
// the others from being deleted until the transaction ends.
func anyDeleted(ctx context.Context, tx pgx.Tx, o store.Outcome) (bool, error) {
	if o.State != store.Answered || len(o.About.ClipIDs) == 0 {
		return false, nil
	}
	rows, err := tx.Query(ctx, "SELECT c.gone_ms IS NOT NULL AND NOT "+live+" FROM videoqa_clips c WHERE c.clip_id = ANY($1) ORDER BY c.clip_id FOR SHARE", o.About.ClipIDs)
	if err != nil {
		return false, err
	}
	gone, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	for _, g := range gone {
		if g {
			return true, err
		}
	}
	return false, err
}

func settle(ctx context.Context, tx pgx.Tx, o store.Outcome) error {
	about := o.About
	_, err := tx.Exec(ctx, `UPDATE videoqa_outcomes SET state = $2, message = $3, settled_ms = $4, answer_id = $5, camera = $6, start_ms = $7, end_ms = $8 WHERE question_id = $1`,
		o.QuestionID, o.State, o.Message, time.Now().UnixMilli(), about.AnswerID, about.Camera, orNull(about.Start), orNull(about.End))
	if err != nil || len(about.ClipIDs) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO videoqa_outcome_clips (clip_id, question_id) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING", about.ClipIDs, o.QuestionID)
	return err
}

func orNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// Answers implements [store.Outcomes].
func (s *Store) Answers(ctx context.Context, q store.AnswerQuery) ([]store.Outcome, string, error) {
	return s.page(ctx, q.Cursor, q.Limit, `state = 'answered' AND ($4 = '' OR camera = $4)
		AND ($5::bigint IS NULL OR end_ms > $5) AND ($6::bigint IS NULL OR start_ms < $6)`, q.Camera, orNull(q.From), orNull(q.To))
}

// Dead implements [store.Outcomes].
func (s *Store) Dead(ctx context.Context, cursor string, limit int) ([]store.Outcome, string, error) {
	return s.page(ctx, cursor, limit, "state = 'dead'")
}

// page lists outcomes by when they were stored; the values of where begin with $4.
func (s *Store) page(ctx context.Context, cursor string, limit int, where string, values ...any) (page []store.Outcome, next string, err error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = store.PageSize(limit)
	rows, err := s.pool.Query(ctx, selectOutcome+", settled_ms FROM videoqa_outcomes WHERE "+where+
		" AND (settled_ms, question_id) > ($1, $2) ORDER BY settled_ms, question_id LIMIT $3", append([]any{from.Millis, from.QuestionID, limit + 1}, values...)...)
	if err != nil {
		return nil, "", down("list outcomes", err)
	}
	defer rows.Close()
	if page, next, err = store.ReadPage(rows, limit); err != nil {
		return nil, "", down("list outcomes", err)
	}
	return page, next, nil
}

// pruneBatch is how many rows are deleted in one transaction.
const pruneBatch = 500

// Prune implements [store.Outcomes].
func (s *Store) Prune(ctx context.Context, before time.Time) (pruned store.Pruned, err error) {
	for _, table := range []struct {
		count *int
		do    string
	}{
		{&pruned.Outcomes, `DELETE FROM videoqa_outcomes WHERE question_id IN (SELECT question_id FROM videoqa_outcomes o WHERE settled_ms < $1
			AND NOT EXISTS (SELECT FROM videoqa_waiting w WHERE w.question_id = o.question_id) LIMIT $2 FOR UPDATE SKIP LOCKED)`},
		{&pruned.Clips, "DELETE FROM videoqa_clips WHERE clip_id IN (SELECT clip_id FROM videoqa_clips WHERE touched_ms < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"},
		{&pruned.Claims, "DELETE FROM videoqa_claims WHERE name IN (SELECT name FROM videoqa_claims WHERE claimed_ms < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"},
	} {
		for more := true; more; {
			tag, err := s.pool.Exec(ctx, table.do, before.UnixMilli(), pruneBatch)
			if err != nil {
				return pruned, down("forget what is old", err)
			}
			*table.count += int(tag.RowsAffected())
			more = tag.RowsAffected() == pruneBatch
		}
	}
	return pruned, nil
}

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

const (
	selectOutcome = "SELECT " + store.OutcomeColumns + " FROM videoqa_outcomes"
	outcomeByID   = selectOutcome + " WHERE question_id = $1"
)

// Outcome implements [store.Outcomes].
func (s *Store) Outcome(ctx context.Context, id string) (store.Outcome, bool, error) {
	return s.outcome(ctx, "read outcome", outcomeByID, id)
}

// Answer implements [store.Outcomes].
func (s *Store) Answer(ctx context.Context, answerID string) (store.Outcome, bool, error) {
	return s.outcome(ctx, "read answer", selectOutcome+" WHERE answer_id = $1 AND answer_id <> '' ORDER BY settled_ms LIMIT 1", answerID)
}

func (s *Store) outcome(ctx context.Context, what, query, id string) (store.Outcome, bool, error) {
	row, found, err := scanOutcome(s.pool.QueryRow(ctx, query, id))
	if err != nil {
		return store.Outcome{}, false, down(what, err)
	}
	return row.Outcome, found, nil
}

// scanOutcome reads a row and checks it.
func scanOutcome(row pgx.Row) (r store.OutcomeRow, found bool, err error) {
	err = row.Scan(r.Into()...)
	if errors.Is(err, pgx.ErrNoRows) {
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

// SettleAll implements [store.Outcomes]. The clips are locked before the outcomes,
// as DeleteClip does it: so either it sees an answer, or the answer sees it. All
// take both in the order of their ids.
func (s *Store) SettleAll(ctx context.Context, all []store.Outcome) (stored []store.Stored, err error) {
	order := make([]int, len(all))
	for i := range all {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(all[a].QuestionID, all[b].QuestionID) })
	err = s.change(ctx, "settle questions", func(ctx context.Context, tx pgx.Tx) error {
		stored = make([]store.Stored, len(all))
		gone, err := deletedClips(ctx, tx, all)
		if err != nil {
			return err
		}
		for _, i := range order {
			if stored[i], err = settleOne(ctx, tx, all[i], gone); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func settleOne(ctx context.Context, tx pgx.Tx, o store.Outcome, gone map[string]bool) (store.Stored, error) {
	before, found, err := lockOutcome(ctx, tx, o)
	switch {
	case errors.Is(err, fault.Damaged):
		return store.Stored{Damage: err}, nil
	case err != nil || found && !before.Yields(o):
		return store.Stored{Outcome: before}, err
	}
	if o.State == store.Answered && slices.ContainsFunc(o.About.ClipIDs, func(id string) bool { return gone[id] }) {
		return store.Stored{Outcome: store.Outcome{State: store.Erased}}, deleteEmpty(ctx, tx, o.QuestionID)
	}
	return store.Stored{Outcome: store.Outcome{QuestionID: o.QuestionID, Request: o.Request, State: o.State, Message: o.Message}, Fresh: true}, settle(ctx, tx, o)
}

// unsettled is the state of an outcome between its first lines, within one transaction.
const unsettled = "unsettled"

// lockOutcome returns what is stored of a question and keeps others from changing
// it. A question that nothing was stored of gets a row that only this transaction
// sees; found is false then.
func lockOutcome(ctx context.Context, tx pgx.Tx, o store.Outcome) (stored store.Outcome, found bool, err error) {
	tag, err := tx.Exec(ctx, "INSERT INTO videoqa_outcomes (question_id, request, state, checksum) VALUES ($1, $2, $3, '') ON CONFLICT DO NOTHING", o.QuestionID, o.Request, unsettled)
	if err != nil || tag.RowsAffected() > 0 {
		return stored, false, err
	}
	row, found, err := scanOutcome(tx.QueryRow(ctx, outcomeByID+" FOR UPDATE", o.QuestionID))
	return row.Outcome, found, err
}

// deleteEmpty takes back what lockOutcome inserted, if it did.
func deleteEmpty(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := tx.Exec(ctx, "DELETE FROM videoqa_outcomes WHERE question_id = $1 AND state = $2", id, unsettled)
	return err
}

// deletedClips tells which clips that answers are about are deleted, and keeps the
// others from being deleted until the transaction ends.
func deletedClips(ctx context.Context, tx pgx.Tx, all []store.Outcome) (map[string]bool, error) {
	var ids []string
	for _, o := range all {
		if o.State == store.Answered {
			ids = append(ids, o.About.ClipIDs...)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, "SELECT c.clip_id, c.gone_ms IS NOT NULL AND NOT "+live+" FROM videoqa_clips c WHERE c.clip_id = ANY($1) ORDER BY c.clip_id FOR SHARE", ids)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	var id string
	var is bool
	_, err = pgx.ForEachRow(rows, []any{&id, &is}, func() error { gone[id] = is; return nil })
	return gone, err
}

func settle(ctx context.Context, tx pgx.Tx, o store.Outcome) error {
	row := store.SettledOutcome(o, time.Now().UnixMilli())
	_, err := tx.Exec(ctx, `UPDATE videoqa_outcomes SET request = $2, state = $3, message = $4, settled_ms = $5, answer_id = $6, camera = $7, start_ms = $8, end_ms = $9, checksum = $10
		WHERE question_id = $1`, row.Values()...)
	if err != nil || len(o.About.ClipIDs) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO videoqa_outcome_clips (clip_id, question_id) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING", o.About.ClipIDs, o.QuestionID)
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
func (s *Store) Answers(ctx context.Context, q store.AnswerQuery) (store.Page, error) {
	return s.page(ctx, q.Cursor, q.Limit, `state = 'answered' AND ($4 = '' OR camera = $4)
		AND ($5::bigint IS NULL OR end_ms > $5) AND ($6::bigint IS NULL OR start_ms < $6)`, q.Camera, orNull(q.From), orNull(q.To))
}

// Dead implements [store.Outcomes].
func (s *Store) Dead(ctx context.Context, cursor string, limit int) (store.Page, error) {
	return s.page(ctx, cursor, limit, "state = 'dead'")
}

// page lists outcomes by when they were stored; the values of where begin with $4.
func (s *Store) page(ctx context.Context, cursor string, limit int, where string, values ...any) (store.Page, error) {
	from, err := store.ParseCursor(cursor)
	if err != nil {
		return store.Page{}, err
	}
	limit = store.PageSize(limit)
	rows, err := s.pool.Query(ctx, selectOutcome+" WHERE "+where+
		" AND (settled_ms, question_id) > ($1, $2) ORDER BY settled_ms, question_id LIMIT $3", append([]any{from.Millis, from.QuestionID, limit + 1}, values...)...)
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
		{&pruned.Letters, "DELETE FROM videoqa_letters WHERE letter_id IN (SELECT letter_id FROM videoqa_letters WHERE stored_ms < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"},
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
	return pruned, s.change(ctx, "forget what used uploads", func(ctx context.Context, tx pgx.Tx) error {
		return unuse(ctx, tx, "since_ms < $1", before.UnixMilli())
	})
}

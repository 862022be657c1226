package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// A row of a table that is given its checksum.
type row interface {
	Into() []any
	Checksum() []byte
}

// sealAll gives every row that was stored without a checksum its own. From then on
// a program that knows of none can store nothing here: a process of that kind which
// is still running holds what it has until it is ended.
func sealAll(ctx context.Context, tx pgx.Tx) error {
	for _, table := range []struct {
		name, key, columns string
		make               func() (r row, key *string)
	}{
		{"videoqa_clips", "clip_id", store.ClipColumns, func() (row, *string) { r := &store.ClipRow{}; return r, &r.ID }},
		{"videoqa_cameras", "camera", store.CameraColumns, func() (row, *string) { r := &store.CameraRow{}; return r, &r.Camera }},
		{"videoqa_outcomes", "question_id", store.OutcomeColumns, func() (row, *string) { r := &store.OutcomeRow{}; return r, &r.QuestionID }},
		{"videoqa_waiting", "question_id", store.WaitingColumns, func() (row, *string) { r := &store.WaitingRow{}; return r, &r.QuestionID }},
		{"videoqa_claims", "name", store.ClaimColumns, func() (row, *string) { r := &store.ClaimRow{}; return r, &r.Name }},
		{"videoqa_letters", "letter_id", store.LetterColumns, func() (row, *string) { r := &store.LetterRow{}; return r, &r.ID }},
	} {
		for last, more := "", true; more; {
			keys, sums, err := sumsOf(ctx, tx, "SELECT "+table.columns+" FROM "+table.name+" WHERE "+table.key+" > $1 ORDER BY "+table.key+" LIMIT 1000", last, table.make)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE "+table.name+" t SET checksum = u.checksum FROM unnest($1::text[], $2::bytea[]) AS u (id, checksum) WHERE t."+table.key+" = u.id", keys, sums)
			if err != nil {
				return err
			}
			if more = len(keys) > 0; more {
				last = keys[len(keys)-1]
			}
		}
		if _, err := tx.Exec(ctx, "ALTER TABLE "+table.name+" ALTER COLUMN checksum SET NOT NULL"); err != nil {
			return err
		}
	}
	return nil
}

// sumsOf reads some rows and returns their keys and checksums.
func sumsOf(ctx context.Context, tx pgx.Tx, query, after string, make func() (row, *string)) (keys []string, sums [][]byte, err error) {
	rows, err := tx.Query(ctx, query, after)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, key := make()
		if err := rows.Scan(r.Into()...); err != nil {
			return nil, nil, err
		}
		keys, sums = append(keys, *key), append(sums, r.Checksum())
	}
	return keys, sums, rows.Err()
}

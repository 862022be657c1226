package sqlite

import (
	"database/sql"

	"videoqa/answers/store"
)

// A row of a table that is given its checksum.
type row interface {
	Into() []any
	Checksum() []byte
	Check() error
}

// A sealedTable is one whose rows have checksums.
type sealedTable struct {
	name, key, columns string
	make               func() (r row, key *string)
}

func sealedTables() []sealedTable {
	return []sealedTable{
		{"clips", "clip_id", store.ClipColumns, func() (row, *string) { r := &store.ClipRow{}; return r, &r.ID }},
		{"cameras", "camera", store.CameraColumns, func() (row, *string) { r := &store.CameraRow{}; return r, &r.Camera }},
		{"outcomes", "question_id", store.OutcomeColumns, func() (row, *string) { r := &store.OutcomeRow{}; return r, &r.QuestionID }},
		{"waiting", "question_id", store.WaitingColumns, func() (row, *string) { r := &store.WaitingRow{}; return r, &r.QuestionID }},
		{"claims", "name", store.ClaimColumns, func() (row, *string) { r := &store.ClaimRow{}; return r, &r.Name }},
		{"letters", "letter_id", store.LetterColumns, func() (row, *string) { r := &store.LetterRow{}; return r, &r.ID }},
	}
}

// sealAll gives every row of a file that was made without checksums its own.
func sealAll(tx *sql.Tx) error {
	for _, table := range sealedTables() {
		for last, more := "", true; more; {
			keys, sums, err := sumsOf(tx, "SELECT "+table.columns+" FROM "+table.name+" WHERE "+table.key+" > ? ORDER BY "+table.key+" LIMIT 1000", last, table.make)
			if err != nil {
				return err
			}
			for i, key := range keys {
				if _, err := tx.Exec("UPDATE "+table.name+" SET checksum = ? WHERE "+table.key+" = ?", sums[i], key); err != nil {
					return err
				}
				last = key
			}
			more = len(keys) > 0
		}
	}
	return nil
}

// sumsOf reads some rows and returns their keys and checksums.
func sumsOf(tx *sql.Tx, query, after string, make func() (row, *string)) (keys []string, sums [][]byte, err error) {
	rows, err := tx.Query(query, after)
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

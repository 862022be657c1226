package sqlite

import (
	"context"
	"database/sql"
	"time"

	"videoqa/answers/store"
)

// Beat implements [store.Processes].
func (s *Store) Beat(ctx context.Context, p store.Process, within time.Duration) (others []store.Process, now time.Time, err error) {
	now = time.Now()
	err = s.change(ctx, "note that a process serves", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO processes (process_id, settings, seen_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET settings = excluded.settings, seen_ms = excluded.seen_ms",
			p.ID, p.Settings, now.UnixMilli())
		if err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM processes WHERE seen_ms < ?", now.Add(-store.ForgetProcesses).UnixMilli()); err != nil {
			return err
		}
		others, err = processes(tx.Query(selectProcesses, now.Add(-within).UnixMilli(), p.ID))
		return err
	})
	return others, now, err
}

const selectProcesses = "SELECT process_id, settings, seen_ms FROM processes WHERE seen_ms >= ? AND process_id <> ? ORDER BY process_id"

func processes(rows *sql.Rows, err error) (list []store.Process, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p store.Process
		var seen int64
		if err := rows.Scan(&p.ID, &p.Settings, &seen); err != nil {
			return nil, err
		}
		p.Seen = time.UnixMilli(seen)
		list = append(list, p)
	}
	return list, rows.Err()
}

// Serving implements [store.Processes].
func (s *Store) Serving(ctx context.Context, within time.Duration) (all []store.Process, now time.Time, err error) {
	now = time.Now()
	if all, err = processes(s.db.QueryContext(ctx, selectProcesses, now.Add(-within).UnixMilli(), "")); err != nil {
		return nil, now, down("list processes", err)
	}
	return all, now, nil
}

// End implements [store.Processes].
func (s *Store) End(ctx context.Context, id string) error {
	return s.change(ctx, "forget a process", func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM processes WHERE process_id = ?", id)
		return err
	})
}

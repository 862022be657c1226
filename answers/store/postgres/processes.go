package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// Beat implements [store.Processes]. Times are the server's, so that processes whose
// clocks differ see each other all the same.
func (s *Store) Beat(ctx context.Context, p store.Process, within time.Duration) (others []store.Process, now time.Time, err error) {
	err = s.change(ctx, "note that a process serves", func(ctx context.Context, tx pgx.Tx) error {
		if now, err = clock(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO videoqa_processes (process_id, settings, seen_ms) VALUES ($1, $2, $3)
			ON CONFLICT (process_id) DO UPDATE SET settings = excluded.settings, seen_ms = excluded.seen_ms`, p.ID, p.Settings, now.UnixMilli())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM videoqa_processes WHERE process_id IN (SELECT process_id FROM videoqa_processes WHERE seen_ms < $1 FOR UPDATE SKIP LOCKED)", now.Add(-store.ForgetProcesses).UnixMilli()); err != nil {
			return err
		}
		others, err = processes(ctx, tx, now.Add(-within), p.ID)
		return err
	})
	return others, now, err
}

func clock(ctx context.Context, tx pgx.Tx) (now time.Time, err error) {
	err = tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now, err
}

func processes(ctx context.Context, tx pgx.Tx, since time.Time, but string) ([]store.Process, error) {
	rows, err := tx.Query(ctx, "SELECT process_id, settings, seen_ms FROM videoqa_processes WHERE seen_ms >= $1 AND process_id <> $2 ORDER BY process_id", since.UnixMilli(), but)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p store.Process, err error) {
		var seen int64
		err = row.Scan(&p.ID, &p.Settings, &seen)
		p.Seen = time.UnixMilli(seen)
		return p, err
	})
}

// Serving implements [store.Processes].
func (s *Store) Serving(ctx context.Context, within time.Duration) (all []store.Process, now time.Time, err error) {
	err = s.change(ctx, "list processes", func(ctx context.Context, tx pgx.Tx) error {
		if now, err = clock(ctx, tx); err != nil {
			return err
		}
		all, err = processes(ctx, tx, now.Add(-within), "")
		return err
	})
	return all, now, err
}

// Serving is [Store.Serving] for who changes nothing on the server: where there are no
// tables yet it makes none, and nobody serves. Errors are Open's.
func Serving(ctx context.Context, url string, within time.Duration) (all []store.Process, now time.Time, err error) {
	cfg, err := configOf(url)
	if err != nil {
		return nil, now, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, now, down("list processes", err)
	}
	defer conn.Close(ctx)
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if now, err = clock(ctx, tx); err != nil {
			return err
		}
		var made bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('videoqa_processes') IS NOT NULL").Scan(&made); err != nil || !made {
			return err
		}
		all, err = processes(ctx, tx, now.Add(-within), "")
		return err
	})
	if err != nil {
		return nil, now, down("list processes", err)
	}
	return all, now, nil
}

// End implements [store.Processes].
func (s *Store) End(ctx context.Context, id string) error {
	return s.do(ctx, "forget a process", "DELETE FROM videoqa_processes WHERE process_id = $1", id)
}

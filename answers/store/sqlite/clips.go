package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
)

// A clip is there when the last event that put it is later than the last that
// deleted it; both columns only grow, so the order of events does not matter.
const live = "put_ms IS NOT NULL AND (gone_ms IS NULL OR put_ms > gone_ms)"

// PutClip implements [store.Clips].
func (s *Store) PutClip(ctx context.Context, c ingest.Clip, at time.Time) error {
	return s.change(ctx, "register clip", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO clips (clip_id, uri, camera, start_ms, end_ms, digest, put_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET uri = excluded.uri, camera = excluded.camera, start_ms = excluded.start_ms,
				end_ms = excluded.end_ms, digest = excluded.digest, put_ms = excluded.put_ms
			WHERE (put_ms IS NULL OR excluded.put_ms >= put_ms) AND (gone_ms IS NULL OR excluded.put_ms > gone_ms)`,
			c.ID, c.URI, c.Camera, millis(c.Start), millis(c.End), c.Digest, at.UnixMilli())
		if err != nil {
			return err
		}
		return wake(tx, c.ID, c.Camera)
	})
}

// CloseClip implements [store.Clips].
func (s *Store) CloseClip(ctx context.Context, c ingest.ClosedClip, at time.Time) error {
	return s.change(ctx, "close clip", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO clips (clip_id, camera, end_ms, closed_ms) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET closed_ms = max(coalesce(closed_ms, 0), excluded.closed_ms), end_ms = coalesce(end_ms, excluded.end_ms)`,
			c.ID, c.Camera, millis(c.End), at.UnixMilli())
		if err != nil {
			return err
		}
		return wake(tx, c.ID, c.Camera)
	})
}

// DeleteClip implements [store.Clips].
func (s *Store) DeleteClip(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "delete clip", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO clips (clip_id, gone_ms) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET gone_ms = max(coalesce(gone_ms, 0), excluded.gone_ms)`, id, at.UnixMilli())
		if err != nil {
			return err
		}
		// Nothing of a clip that is gone stays but its id and its times.
		if _, err := tx.Exec("UPDATE clips SET uri = '', camera = '', start_ms = NULL, end_ms = NULL, digest = '' WHERE clip_id = ? AND NOT ("+live+")", id); err != nil {
			return err
		}
		return wake(tx, id, "")
	})
}

func wake(tx *sql.Tx, clip, camera string) error {
	awaited := []any{store.ForClip(clip), store.ForClip(clip)}
	if camera != "" {
		awaited[1] = store.ForCamera(camera)
	}
	_, err := tx.Exec("UPDATE waiting SET due_ms = 0 WHERE awaits IN (?, ?)", awaited...)
	return err
}

const clipColumns = "clip_id, uri, camera, start_ms, end_ms, digest, " + live

// Clip implements [store.Clips].
func (s *Store) Clip(ctx context.Context, id string) (ingest.Clip, store.ClipState, error) {
	c, there, err := scanClip(s.db.QueryRowContext(ctx, "SELECT "+clipColumns+" FROM clips WHERE clip_id = ? AND (put_ms IS NOT NULL OR gone_ms IS NOT NULL)", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ingest.Clip{}, store.Unknown, nil
	case err != nil:
		return ingest.Clip{}, store.Unknown, down("read clip", err)
	case !there:
		return ingest.Clip{}, store.Deleted, nil
	}
	return c, store.Known, nil
}

// Covering implements [store.Clips].
func (s *Store) Covering(ctx context.Context, camera string, from, to time.Time) (ingest.Clip, bool, error) {
	c, _, err := scanClip(s.db.QueryRowContext(ctx, "SELECT "+clipColumns+" FROM clips WHERE camera = ? AND camera <> '' AND start_ms <= ? AND end_ms >= ? AND "+live+
		" ORDER BY start_ms DESC, clip_id LIMIT 1", camera, from.UnixMilli(), to.UnixMilli()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ingest.Clip{}, false, nil
	case err != nil:
		return ingest.Clip{}, false, down("find footage", err)
	}
	return c, true, nil
}

func scanClip(row *sql.Row) (c ingest.Clip, there bool, err error) {
	var start, end sql.NullInt64
	err = row.Scan(&c.ID, &c.URI, &c.Camera, &start, &end, &c.Digest, &there)
	c.Start, c.End = moment(start), moment(end)
	return c, there, err
}

func millis(t *ingest.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

func moment(ms sql.NullInt64) *ingest.Time {
	if !ms.Valid {
		return nil
	}
	t := ingest.NewTime(time.UnixMilli(ms.Int64))
	return &t
}

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
		_, err := tx.Exec(`INSERT INTO clips (clip_id, uri, camera, start_ms, end_ms, digest, put_ms, touched_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET uri = excluded.uri, camera = excluded.camera, start_ms = excluded.start_ms,
				end_ms = coalesce(excluded.end_ms, CASE WHEN closed_ms IS NULL THEN NULL ELSE end_ms END), digest = excluded.digest,
				put_ms = excluded.put_ms, touched_ms = excluded.touched_ms
			WHERE (put_ms IS NULL OR excluded.put_ms >= put_ms) AND (gone_ms IS NULL OR excluded.put_ms > gone_ms)`,
			c.ID, c.URI, c.Camera, millis(c.Start), millis(c.End), c.Digest, at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := useAsClip(tx, c.ID); err != nil {
			return err
		}
		return news(tx, c.ID, c.Camera, c.End)
	})
}

// CloseClip implements [store.Clips].
func (s *Store) CloseClip(ctx context.Context, c ingest.ClosedClip, at time.Time) error {
	return s.change(ctx, "close clip", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO clips (clip_id, camera, end_ms, closed_ms, touched_ms) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET closed_ms = max(coalesce(closed_ms, 0), excluded.closed_ms), touched_ms = excluded.touched_ms,
				end_ms = coalesce(end_ms, excluded.end_ms), camera = CASE camera WHEN '' THEN excluded.camera ELSE camera END
			WHERE gone_ms IS NULL OR put_ms > gone_ms`,
			c.ID, c.Camera, millis(c.End), at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		return news(tx, c.ID, c.Camera, c.End)
	})
}

// DeleteClip implements [store.Clips].
func (s *Store) DeleteClip(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "delete clip", func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO clips (clip_id, gone_ms, touched_ms, gone_seen_ms) VALUES (?1, ?2, ?3, ?3)
			ON CONFLICT DO UPDATE SET gone_ms = max(coalesce(gone_ms, 0), excluded.gone_ms), touched_ms = excluded.touched_ms, gone_seen_ms = excluded.gone_seen_ms`, id, at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := erase(tx, id); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE waiting SET due_ms = 0 WHERE awaits = ?", store.ForClip(id))
		return err
	})
}

// erase leaves nothing of a clip that is gone but its id and its times, and
// nothing of what was answered from it.
func erase(tx *sql.Tx, id string) error {
	result, err := tx.Exec("UPDATE clips SET uri = '', camera = '', start_ms = NULL, end_ms = NULL, digest = '' WHERE clip_id = ? AND NOT ("+live+")", id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	for _, change := range []string{
		`UPDATE outcomes SET state = 'erased', message = NULL, answer_id = '', camera = '', start_ms = NULL, end_ms = NULL
			WHERE state = 'answered' AND question_id IN (SELECT question_id FROM outcome_clips WHERE clip_id = ?)`,
		`DELETE FROM outcome_clips WHERE question_id IN (SELECT question_id FROM outcome_clips WHERE clip_id = ?)`,
	} {
		if _, err := tx.Exec(change, id); err != nil {
			return err
		}
	}
	return unuse(tx, "used_by = ?", store.ClipUser(id))
}

// news tells who waits for a clip, or for its camera, that there is something
// new, and notes how far the camera's recording has come. An event need not name
// the camera again.
func news(tx *sql.Tx, clip, camera string, end *ingest.Time) error {
	if camera == "" {
		if err := tx.QueryRow("SELECT camera FROM clips WHERE clip_id = ?", clip).Scan(&camera); err != nil {
			return err
		}
	}
	if _, err := tx.Exec("UPDATE waiting SET due_ms = 0 WHERE awaits = ?", store.ForClip(clip)); err != nil || camera == "" {
		return err
	}
	if _, err := tx.Exec("UPDATE waiting SET due_ms = 0 WHERE awaits = ?", store.ForCamera(camera)); err != nil || end == nil {
		return err
	}
	_, err := tx.Exec("INSERT INTO cameras (camera, reached_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET reached_ms = max(reached_ms, excluded.reached_ms)", camera, end.UnixMilli())
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

// DeletedSince implements [store.Clips].
func (s *Store) DeletedSince(ctx context.Context, since time.Time, n int) (list []store.Deletion, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT clip_id, gone_seen_ms FROM clips WHERE gone_seen_ms >= ? ORDER BY gone_seen_ms, clip_id LIMIT ?", since.UnixMilli(), n)
	if err != nil {
		return nil, down("list deletions", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d store.Deletion
		var ms int64
		if err := rows.Scan(&d.ClipID, &ms); err != nil {
			return nil, down("list deletions", err)
		}
		d.Seen = time.UnixMilli(ms)
		list = append(list, d)
	}
	if err := rows.Err(); err != nil {
		return nil, down("list deletions", err)
	}
	return list, nil
}

// Overlapping implements [store.Clips].
func (s *Store) Overlapping(ctx context.Context, camera string, from, to time.Time) (clips []ingest.Clip, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+clipColumns+" FROM clips WHERE camera = ? AND camera <> '' AND start_ms < ? AND end_ms > ? AND "+live+
		" ORDER BY start_ms, clip_id LIMIT ?", camera, to.UnixMilli(), from.UnixMilli(), store.MostClips)
	if err != nil {
		return nil, down("find clips", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, _, err := scanClip(rows)
		if err != nil {
			return nil, down("find clips", err)
		}
		clips = append(clips, c)
	}
	if err := rows.Err(); err != nil {
		return nil, down("find clips", err)
	}
	return clips, nil
}

// Reached implements [store.Clips].
func (s *Store) Reached(ctx context.Context, camera string) (time.Time, bool, error) {
	var ms int64
	switch err := s.db.QueryRowContext(ctx, "SELECT reached_ms FROM cameras WHERE camera = ?", camera).Scan(&ms); {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, down("read how far a camera is", err)
	}
	return time.UnixMilli(ms), true, nil
}

// A scanner is a row, alone or among others.
type scanner interface{ Scan(into ...any) error }

func scanClip(row scanner) (c ingest.Clip, there bool, err error) {
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

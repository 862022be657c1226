package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A clip is there when the last event that put it is later than the last that
// deleted it; both columns only grow, so the order of events does not matter.
const live = "put_ms IS NOT NULL AND (gone_ms IS NULL OR put_ms > gone_ms)"

// PutClip implements [store.Clips].
func (s *Store) PutClip(ctx context.Context, c ingest.Clip, at time.Time) error {
	return s.change(ctx, "register clip", func(tx *sql.Tx) error {
		if err := whole(tx, c.ID); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO clips (clip_id, uri, camera, start_ms, end_ms, digest, put_ms, touched_ms, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')
			ON CONFLICT DO UPDATE SET uri = excluded.uri, camera = excluded.camera, start_ms = excluded.start_ms,
				end_ms = coalesce(excluded.end_ms, CASE WHEN closed_ms IS NULL THEN NULL ELSE end_ms END), digest = excluded.digest,
				put_ms = excluded.put_ms, touched_ms = excluded.touched_ms
			WHERE (put_ms IS NULL OR excluded.put_ms >= put_ms) AND (gone_ms IS NULL OR excluded.put_ms > gone_ms)`,
			c.ID, c.URI, c.Camera, millis(c.Start), millis(c.End), c.Digest, at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := seal(tx, c.ID); err != nil {
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
		if err := whole(tx, c.ID); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO clips (clip_id, camera, end_ms, closed_ms, touched_ms, checksum) VALUES (?, ?, ?, ?, ?, '')
			ON CONFLICT DO UPDATE SET closed_ms = max(coalesce(closed_ms, 0), excluded.closed_ms), touched_ms = excluded.touched_ms,
				end_ms = coalesce(end_ms, excluded.end_ms), camera = CASE camera WHEN '' THEN excluded.camera ELSE camera END
			WHERE gone_ms IS NULL OR put_ms > gone_ms`,
			c.ID, c.Camera, millis(c.End), at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := seal(tx, c.ID); err != nil {
			return err
		}
		return news(tx, c.ID, c.Camera, c.End)
	})
}

// DeleteClip implements [store.Clips].
func (s *Store) DeleteClip(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "delete clip", func(tx *sql.Tx) error {
		if err := whole(tx, id); errors.Is(err, fault.Damaged) {
			if _, err := tx.Exec("DELETE FROM clips WHERE clip_id = ?", id); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO clips (clip_id, gone_ms, touched_ms, gone_seen_ms, checksum) VALUES (?1, ?2, ?3, ?3, '')
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
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if err := seal(tx, id); err != nil || n == 0 {
		return err
	}
	if err := eraseAnswers(tx, id); err != nil {
		return err
	}
	return unuse(tx, "used_by = ?", store.ClipUser(id))
}

// eraseAnswers erases what was answered from a clip, damaged or not.
func eraseAnswers(tx *sql.Tx, id string) error {
	questions, err := column(tx.Query("SELECT question_id FROM outcome_clips WHERE clip_id = ?", id))
	if err != nil {
		return err
	}
	for _, question := range questions {
		row, found, err := scanOutcome(tx.QueryRow(outcomeByID, question))
		if err != nil && !errors.Is(err, fault.Damaged) {
			return err
		}
		if err != nil || found && row.State == store.Answered {
			erased := row.Erased()
			_, err := tx.Exec("UPDATE outcomes SET state = ?, message = NULL, answer_id = '', camera = '', start_ms = NULL, end_ms = NULL, checksum = ? WHERE question_id = ?",
				erased.State, erased.Checksum(), question)
			if err != nil {
				return err
			}
		}
		if _, err := tx.Exec("DELETE FROM outcome_clips WHERE question_id = ?", question); err != nil {
			return err
		}
	}
	return nil
}

const clipByID = "SELECT " + store.ClipColumns + " FROM clips WHERE clip_id = ?"

// whole returns an error if the row of a clip is damaged.
func whole(tx *sql.Tx, id string) error {
	if _, err := scanClip(tx.QueryRow(clipByID, id)); !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return nil
}

// seal gives the row of a clip that was changed its checksum.
func seal(tx *sql.Tx, id string) error {
	var row store.ClipRow
	if err := tx.QueryRow(clipByID, id).Scan(row.Into()...); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE clips SET checksum = ? WHERE clip_id = ?", row.Checksum(), id)
	return err
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
	return reach(tx, camera, end.UnixMilli())
}

const cameraByName = "SELECT " + store.CameraColumns + " FROM cameras WHERE camera = ?"

// reach notes that a camera's recording has come so far, if not farther. How far it
// had come is found out anew if that is damaged.
func reach(tx *sql.Tx, camera string, end int64) error {
	now := store.CameraRow{Camera: camera, Reached: end}
	before, err := scanCamera(tx.QueryRow(cameraByName, camera))
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case errors.Is(err, fault.Damaged):
		var last sql.NullInt64
		if err := tx.QueryRow("SELECT max(end_ms) FROM clips WHERE camera = ?", camera).Scan(&last); err != nil {
			return err
		}
		now.Reached = max(now.Reached, last.Int64)
	case err != nil:
		return err
	default:
		now.Reached = max(now.Reached, before.Reached)
	}
	_, err = tx.Exec("INSERT INTO cameras (camera, reached_ms, checksum) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET reached_ms = excluded.reached_ms, checksum = excluded.checksum",
		camera, now.Reached, now.Checksum())
	return err
}

// scanCamera reads a row and checks it.
func scanCamera(row scanner) (r store.CameraRow, err error) {
	if err := row.Scan(r.Into()...); err != nil {
		return r, err
	}
	return r, r.Check()
}

// Clip implements [store.Clips].
func (s *Store) Clip(ctx context.Context, id string) (ingest.Clip, store.ClipState, error) {
	row, err := scanClip(s.db.QueryRowContext(ctx, clipByID, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ingest.Clip{}, store.Unknown, nil
	case err != nil:
		return ingest.Clip{}, store.Unknown, down("read clip", err)
	case row.State() != store.Known:
		return ingest.Clip{}, row.State(), nil
	}
	return row.Clip(), store.Known, nil
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
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.ClipColumns+" FROM clips WHERE camera = ? AND camera <> '' AND start_ms < ? AND end_ms > ? AND "+live+
		" ORDER BY start_ms, clip_id LIMIT ?", camera, to.UnixMilli(), from.UnixMilli(), store.MostClips)
	if err != nil {
		return nil, down("find clips", err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanClip(rows)
		if err != nil {
			return nil, down("find clips", err)
		}
		clips = append(clips, row.Clip())
	}
	if err := rows.Err(); err != nil {
		return nil, down("find clips", err)
	}
	return clips, nil
}

// Reached implements [store.Clips].
func (s *Store) Reached(ctx context.Context, camera string) (time.Time, bool, error) {
	row, err := scanCamera(s.db.QueryRowContext(ctx, cameraByName, camera))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, down("read how far a camera is", err)
	}
	return time.UnixMilli(row.Reached), true, nil
}

// A scanner is a row, alone or among others.
type scanner interface{ Scan(into ...any) error }

// scanClip reads a row and checks it.
func scanClip(row scanner) (c store.ClipRow, err error) {
	if err := row.Scan(c.Into()...); err != nil {
		return c, err
	}
	return c, c.Check()
}

func millis(t *ingest.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

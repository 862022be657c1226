package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A clip is there when the last event that put it is later than the last that
// deleted it; both columns only grow, so the order of events does not matter.
const live = "(c.put_ms IS NOT NULL AND (c.gone_ms IS NULL OR c.put_ms > c.gone_ms))"

// PutClip implements [store.Clips].
func (s *Store) PutClip(ctx context.Context, clip ingest.Clip, at time.Time) error {
	return s.change(ctx, "register clip", func(ctx context.Context, tx pgx.Tx) error {
		if err := whole(ctx, tx, clip.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO videoqa_clips AS c (clip_id, uri, camera, start_ms, end_ms, digest, put_ms, touched_ms, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')
			ON CONFLICT (clip_id) DO UPDATE SET uri = excluded.uri, camera = excluded.camera, start_ms = excluded.start_ms,
				end_ms = coalesce(excluded.end_ms, CASE WHEN c.closed_ms IS NULL THEN NULL ELSE c.end_ms END), digest = excluded.digest,
				put_ms = excluded.put_ms, touched_ms = excluded.touched_ms
			WHERE (c.put_ms IS NULL OR excluded.put_ms >= c.put_ms) AND (c.gone_ms IS NULL OR excluded.put_ms > c.gone_ms)`,
			clip.ID, clip.URI, clip.Camera, millis(clip.Start), millis(clip.End), clip.Digest, at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := seal(ctx, tx, clip.ID); err != nil {
			return err
		}
		if err := news(ctx, tx, clip.ID, clip.Camera, clip.End); err != nil {
			return err
		}
		return useAsClip(ctx, tx, clip.ID)
	})
}

// CloseClip implements [store.Clips].
func (s *Store) CloseClip(ctx context.Context, clip ingest.ClosedClip, at time.Time) error {
	return s.change(ctx, "close clip", func(ctx context.Context, tx pgx.Tx) error {
		if err := whole(ctx, tx, clip.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO videoqa_clips AS c (clip_id, camera, end_ms, closed_ms, touched_ms, checksum) VALUES ($1, $2, $3, $4, $5, '')
			ON CONFLICT (clip_id) DO UPDATE SET closed_ms = greatest(c.closed_ms, excluded.closed_ms), touched_ms = excluded.touched_ms,
				end_ms = coalesce(c.end_ms, excluded.end_ms), camera = CASE c.camera WHEN '' THEN excluded.camera ELSE c.camera END
			WHERE c.gone_ms IS NULL OR c.put_ms > c.gone_ms`,
			clip.ID, clip.Camera, millis(clip.End), at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := seal(ctx, tx, clip.ID); err != nil {
			return err
		}
		return news(ctx, tx, clip.ID, clip.Camera, clip.End)
	})
}

// DeleteClip implements [store.Clips].
func (s *Store) DeleteClip(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "delete clip", func(ctx context.Context, tx pgx.Tx) error {
		if err := whole(ctx, tx, id); errors.Is(err, fault.Damaged) {
			if _, err := tx.Exec(ctx, "DELETE FROM videoqa_clips WHERE clip_id = $1", id); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO videoqa_clips AS c (clip_id, gone_ms, touched_ms, gone_seen_ms, checksum) VALUES ($1, $2, $3, $3, '')
			ON CONFLICT (clip_id) DO UPDATE SET gone_ms = greatest(c.gone_ms, excluded.gone_ms), touched_ms = excluded.touched_ms, gone_seen_ms = excluded.gone_seen_ms`,
			id, at.UnixMilli(), time.Now().UnixMilli())
		if err != nil {
			return err
		}
		if err := erase(ctx, tx, id); err != nil {
			return err
		}
		return wake(ctx, tx, store.ForClip(id))
	})
}

// erase leaves nothing of a clip that is gone but its id and its times, and
// nothing of what was answered from it.
func erase(ctx context.Context, tx pgx.Tx, id string) error {
	tag, err := tx.Exec(ctx, "UPDATE videoqa_clips c SET uri = '', camera = '', start_ms = NULL, end_ms = NULL, digest = '' WHERE clip_id = $1 AND NOT "+live, id)
	if err != nil {
		return err
	}
	if err := seal(ctx, tx, id); err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if err := eraseAnswers(ctx, tx, id); err != nil {
		return err
	}
	if err := hold(ctx, tx, store.ForClip(id)); err != nil { // as UseUpload does: one of us sees the other
		return err
	}
	return unuse(ctx, tx, "used_by = $1", store.ClipUser(id))
}

// eraseAnswers erases what was answered from a clip, damaged or not.
func eraseAnswers(ctx context.Context, tx pgx.Tx, id string) error {
	rows, err := tx.Query(ctx, "SELECT question_id FROM videoqa_outcome_clips WHERE clip_id = $1 ORDER BY question_id", id)
	if err != nil {
		return err
	}
	questions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, question := range questions {
		row, found, err := scanOutcome(tx.QueryRow(ctx, outcomeByID+" FOR UPDATE", question))
		if err != nil && !errors.Is(err, fault.Damaged) {
			return err
		}
		if err == nil && (!found || row.State != store.Answered) {
			continue
		}
		erased := row.Erased()
		_, err = tx.Exec(ctx, "UPDATE videoqa_outcomes SET state = $2, message = NULL, answer_id = '', camera = '', start_ms = NULL, end_ms = NULL, checksum = $3 WHERE question_id = $1",
			question, erased.State, erased.Checksum())
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "DELETE FROM videoqa_outcome_clips WHERE question_id = ANY($1)", questions)
	return err
}

const clipByID = selectClip + "c.clip_id = $1"

// whole locks the row of a clip and returns an error if it is damaged.
func whole(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := scanClip(tx.QueryRow(ctx, clipByID+" FOR UPDATE", id)); !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return nil
}

// seal gives the row of a clip that was changed its checksum.
func seal(ctx context.Context, tx pgx.Tx, id string) error {
	var row store.ClipRow
	if err := tx.QueryRow(ctx, clipByID, id).Scan(row.Into()...); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE videoqa_clips SET checksum = $2 WHERE clip_id = $1", id, row.Checksum())
	return err
}

// wake makes due what waits for something.
func wake(ctx context.Context, tx pgx.Tx, awaited string) error {
	if err := hold(ctx, tx, awaited); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE videoqa_waiting SET due_ms = 0 WHERE awaits = $1", awaited)
	return err
}

// news tells who waits for a clip, or for its camera, that there is something
// new, and notes how far the camera's recording has come. An event need not name
// the camera again.
func news(ctx context.Context, tx pgx.Tx, clip, camera string, end *ingest.Time) error {
	if camera == "" {
		if err := tx.QueryRow(ctx, "SELECT camera FROM videoqa_clips WHERE clip_id = $1", clip).Scan(&camera); err != nil {
			return err
		}
	}
	if err := wake(ctx, tx, store.ForClip(clip)); err != nil || camera == "" {
		return err
	}
	if err := wake(ctx, tx, store.ForCamera(camera)); err != nil || end == nil {
		return err
	}
	return reach(ctx, tx, camera, end.UnixMilli())
}

const cameraByName = "SELECT " + store.CameraColumns + " FROM videoqa_cameras WHERE camera = $1"

// reach notes that a camera's recording has come so far, if not farther. How far it
// had come is found out anew if that is damaged. What brings something to the camera
// is held by wake, so nobody else does the same.
func reach(ctx context.Context, tx pgx.Tx, camera string, end int64) error {
	now := store.CameraRow{Camera: camera, Reached: end}
	before, err := scanCamera(tx.QueryRow(ctx, cameraByName, camera))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case errors.Is(err, fault.Damaged):
		var last int64
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(end_ms), 0) FROM videoqa_clips WHERE camera = $1", camera).Scan(&last); err != nil {
			return err
		}
		now.Reached = max(now.Reached, last)
	case err != nil:
		return err
	default:
		now.Reached = max(now.Reached, before.Reached)
	}
	_, err = tx.Exec(ctx, `INSERT INTO videoqa_cameras (camera, reached_ms, checksum) VALUES ($1, $2, $3)
		ON CONFLICT (camera) DO UPDATE SET reached_ms = excluded.reached_ms, checksum = excluded.checksum`, camera, now.Reached, now.Checksum())
	return err
}

// scanCamera reads a row and checks it.
func scanCamera(row pgx.Row) (r store.CameraRow, err error) {
	if err := row.Scan(r.Into()...); err != nil {
		return r, err
	}
	return r, r.Check()
}

const selectClip = "SELECT " + store.ClipColumns + " FROM videoqa_clips c WHERE "

// Clip implements [store.Clips].
func (s *Store) Clip(ctx context.Context, id string) (ingest.Clip, store.ClipState, error) {
	row, err := scanClip(s.pool.QueryRow(ctx, clipByID, id))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ingest.Clip{}, store.Unknown, nil
	case err != nil:
		return ingest.Clip{}, store.Unknown, down("read clip", err)
	case row.State() != store.Known:
		return ingest.Clip{}, row.State(), nil
	}
	return row.Clip(), store.Known, nil
}

// DeletedSince implements [store.Clips].
func (s *Store) DeletedSince(ctx context.Context, since time.Time, n int) ([]store.Deletion, error) {
	rows, err := s.pool.Query(ctx, "SELECT clip_id, gone_seen_ms FROM videoqa_clips WHERE gone_seen_ms >= $1 ORDER BY gone_seen_ms, clip_id LIMIT $2", since.UnixMilli(), n)
	if err != nil {
		return nil, down("list deletions", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d store.Deletion, err error) {
		var ms int64
		err = row.Scan(&d.ClipID, &ms)
		d.Seen = time.UnixMilli(ms)
		return d, err
	})
	if err != nil {
		return nil, down("list deletions", err)
	}
	return list, nil
}

// Overlapping implements [store.Clips].
func (s *Store) Overlapping(ctx context.Context, camera string, from, to time.Time) ([]ingest.Clip, error) {
	rows, err := s.pool.Query(ctx, selectClip+"c.camera = $1 AND c.camera <> '' AND c.start_ms < $2 AND c.end_ms > $3 AND "+live+
		" ORDER BY c.start_ms, c.clip_id LIMIT $4", camera, to.UnixMilli(), from.UnixMilli(), store.MostClips)
	if err != nil {
		return nil, down("find clips", err)
	}
	clips, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ingest.Clip, error) {
		clip, err := scanClip(row)
		return clip.Clip(), err
	})
	if err != nil {
		return nil, down("find clips", err)
	}
	return clips, nil
}

// Reached implements [store.Clips].
func (s *Store) Reached(ctx context.Context, camera string) (time.Time, bool, error) {
	row, err := scanCamera(s.pool.QueryRow(ctx, cameraByName, camera))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, down("read how far a camera is", err)
	}
	return time.UnixMilli(row.Reached), true, nil
}

// scanClip reads a row and checks it.
func scanClip(row pgx.Row) (c store.ClipRow, err error) {
	if err := row.Scan(c.Into()...); err != nil {
		return c, err
	}
	return c, c.Check()
}

func millis(t *ingest.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

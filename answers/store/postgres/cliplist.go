package postgres

import (
	"context"

	"videoqa/answers/store"
)

// ListClips implements [store.Clips].
func (s *Store) ListClips(ctx context.Context, q store.ClipQuery) (store.ClipPage, error) {
	cursor, err := store.ParseCursor(q.Cursor)
	if err != nil {
		return store.ClipPage{}, err
	}
	limit := store.PageSize(q.Limit)
	rows, err := s.pool.Query(ctx, selectClip+`c.put_ms IS NOT NULL AND `+live+`
		AND ($1 = '' OR c.camera <> '' AND c.camera = $1)
		AND ($2::bigint IS NULL OR c.start_ms IS NOT NULL AND (c.end_ms IS NULL OR c.end_ms > $2))
		AND ($3::bigint IS NULL OR c.start_ms < $3)
		AND (NOT $4 OR c.start_ms IS NULL OR c.end_ms IS NULL)
		AND (coalesce(c.start_ms, 9223372036854775807), c.clip_id) > ($5, $6) ORDER BY coalesce(c.start_ms, 9223372036854775807), c.clip_id LIMIT $7`,
		q.Camera, orNull(q.From), orNull(q.To), q.Untimed, cursor.Millis, cursor.QuestionID, limit+1)
	if err != nil {
		return store.ClipPage{}, down("list clips", err)
	}
	defer rows.Close()
	page, err := store.ReadClips(rows, limit)
	if err != nil {
		return store.ClipPage{}, down("list clips", err)
	}
	return page, nil
}

package sqlite

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
	where, values := "put_ms IS NOT NULL AND "+live, []any{}
	for _, filter := range []struct {
		on    bool
		where string
		value any
	}{
		{q.Camera != "", "camera <> '' AND camera = ?", q.Camera},
		{!q.From.IsZero(), "start_ms IS NOT NULL AND (end_ms IS NULL OR end_ms > ?)", q.From.UnixMilli()},
		{!q.To.IsZero(), "start_ms < ?", q.To.UnixMilli()},
	} {
		if filter.on {
			where, values = where+" AND "+filter.where, append(values, filter.value)
		}
	}
	if q.Untimed {
		where += " AND (start_ms IS NULL OR end_ms IS NULL)"
	}
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.ClipColumns+" FROM clips WHERE "+where+
		" AND (coalesce(start_ms, 9223372036854775807), clip_id) > (?, ?) ORDER BY coalesce(start_ms, 9223372036854775807), clip_id LIMIT ?", append(values, cursor.Millis, cursor.QuestionID, limit+1)...)
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

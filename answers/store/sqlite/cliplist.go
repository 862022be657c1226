package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"videoqa/answers/store"
	"videoqa/internal/fault"
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
	page, err := s.clipsAtOnce(ctx, cursor, limit, where, values)
	if !errors.Is(err, fault.Damaged) {
		return page, err
	}
	page = store.ClipPage{}
	page.Next, err = s.oneByOne(ctx, "SELECT coalesce(start_ms, 9223372036854775807), clip_id FROM clips INDEXED BY clips_by_start WHERE put_ms IS NOT NULL"+
		" AND (coalesce(start_ms, 9223372036854775807), clip_id) > (?, ?) ORDER BY coalesce(start_ms, 9223372036854775807), clip_id LIMIT ?", cursor, limit,
		func(id string) (bool, error) {
			row, err := scanClip(s.db.QueryRowContext(ctx, "SELECT "+store.ClipColumns+" FROM clips WHERE "+where+" AND clip_id = ?", append(slices.Clone(values), id)...))
			if errors.Is(err, sql.ErrNoRows) {
				return false, nil
			}
			if err == nil {
				page.Clips = append(page.Clips, row.Clip())
			}
			return err == nil, err
		}, func(id string) { page.Damaged = append(page.Damaged, id) })
	return page, err
}

// clipsAtOnce lists them where no page of the file is damaged that has to be read.
func (s *Store) clipsAtOnce(ctx context.Context, cursor store.Cursor, limit int, where string, values []any) (store.ClipPage, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+store.ClipColumns+" FROM clips WHERE "+where+
		" AND (coalesce(start_ms, 9223372036854775807), clip_id) > (?, ?) ORDER BY coalesce(start_ms, 9223372036854775807), clip_id LIMIT ?", append(slices.Clone(values), cursor.Millis, cursor.QuestionID, limit+1)...)
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

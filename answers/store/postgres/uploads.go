package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/ingest"
)

// The table videoqa_uploads holds those that are to be looked at, because something
// began or ended to use them; who uses them is in videoqa_upload_users. An upload's
// row in the former is locked by whoever changes its users, and by whoever finds
// out that it has none: so either sees what the other did. These locks are taken
// last in a transaction, in the order of the URIs.

// UseUpload implements [store.Uploads].
func (s *Store) UseUpload(ctx context.Context, uri string, until time.Time, users ...string) (noted bool, err error) {
	err = s.change(ctx, "note who uses an upload", func(ctx context.Context, tx pgx.Tx) error {
		noted = false
		there, err := present(ctx, tx, users)
		if err != nil {
			return err
		}
		lease, err := look(ctx, tx, uri)
		if err != nil || lease > time.Now().UnixMilli() {
			return err
		}
		noted = true
		return use(ctx, tx, uri, until, there...)
	})
	return noted && err == nil, err
}

// present leaves clips out that are deleted, and keeps the others from being
// deleted until the transaction ends.
func present(ctx context.Context, tx pgx.Tx, users []string) (there []string, err error) {
	users = slices.Sorted(slices.Values(users))
	for _, user := range users {
		id, is := store.UsingClip(user)
		if !is {
			there = append(there, user)
			continue
		}
		if err := hold(ctx, tx, store.ForClip(id)); err != nil {
			return nil, err
		}
		var gone bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM videoqa_clips c WHERE c.clip_id = $1 AND c.gone_ms IS NOT NULL AND NOT "+live+")", id).Scan(&gone)
		if err != nil {
			return nil, err
		}
		if !gone {
			there = append(there, user)
		}
	}
	return there, nil
}

// look has an upload looked at, locks its row, and tells until when it is lent.
func look(ctx context.Context, tx pgx.Tx, uri string) (lease int64, err error) {
	err = tx.QueryRow(ctx, "INSERT INTO videoqa_uploads AS u (uri) VALUES ($1) ON CONFLICT (uri) DO UPDATE SET uri = u.uri RETURNING lease_ms", uri).Scan(&lease)
	return lease, err
}

func use(ctx context.Context, tx pgx.Tx, uri string, until time.Time, users ...string) error {
	_, err := tx.Exec(ctx, `INSERT INTO videoqa_upload_users AS u (uri, used_by, since_ms, until_ms) SELECT $1, unnest($2::text[]), $3, $4
		ON CONFLICT (uri, used_by) DO UPDATE SET since_ms = excluded.since_ms,
			until_ms = CASE WHEN u.until_ms IS NULL OR excluded.until_ms IS NULL THEN NULL ELSE greatest(u.until_ms, excluded.until_ms) END`,
		uri, users, time.Now().UnixMilli(), orNull(until))
	return err
}

// useAsClip notes which upload a clip uses now, if any, and that it uses no other.
// Its row is locked.
func useAsClip(ctx context.Context, tx pgx.Tx, id string) error {
	var uri string
	if err := tx.QueryRow(ctx, "SELECT uri FROM videoqa_clips WHERE clip_id = $1", id).Scan(&uri); err != nil {
		return err
	}
	user := store.ClipUser(id)
	if err := unuse(ctx, tx, "used_by = $1 AND uri <> $2", user, uri); err != nil {
		return err
	}
	if _, is := ingest.UploadDigest(uri); !is {
		return nil
	}
	if _, err := look(ctx, tx, uri); err != nil {
		return err
	}
	return use(ctx, tx, uri, time.Time{}, user)
}

// unuse ends uses, and has the uploads looked at.
func unuse(ctx context.Context, tx pgx.Tx, where string, values ...any) error {
	rows, err := tx.Query(ctx, "DELETE FROM videoqa_upload_users WHERE "+where+" RETURNING uri", values...)
	if err != nil {
		return err
	}
	uris, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	slices.Sort(uris)
	for _, uri := range slices.Compact(uris) {
		if _, err := look(ctx, tx, uri); err != nil {
			return err
		}
	}
	return nil
}

// LeaveUpload implements [store.Uploads].
func (s *Store) LeaveUpload(ctx context.Context, uri string, users ...string) error {
	return s.change(ctx, "note who leaves an upload", func(ctx context.Context, tx pgx.Tx) error {
		return unuse(ctx, tx, "uri = $1 AND used_by = ANY($2)", uri, users)
	})
}

// TakeUnused implements [store.Uploads].
func (s *Store) TakeUnused(ctx context.Context, now, lease time.Time, n int) (uris []string, err error) {
	err = s.change(ctx, "take uploads that nothing uses", func(ctx context.Context, tx pgx.Tx) (err error) {
		uris = nil
		if err := unuse(ctx, tx, "until_ms <= $1", now.UnixMilli()); err != nil {
			return err
		}
		for more := true; more && len(uris) == 0; {
			if uris, more, err = takeSome(ctx, tx, now, lease, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return uris, nil
}

// takeSome looks at n uploads, takes those that nobody uses, and forgets the others;
// more reports whether there may be others.
func takeSome(ctx context.Context, tx pgx.Tx, now, lease time.Time, n int) (uris []string, more bool, err error) {
	rows, err := tx.Query(ctx, "SELECT uri FROM videoqa_uploads WHERE lease_ms <= $1 ORDER BY uri LIMIT $2 FOR UPDATE SKIP LOCKED", now.UnixMilli(), n)
	if err != nil {
		return nil, false, err
	}
	locked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, false, err
	}
	// A statement of its own: it sees what was stored before the rows were locked.
	_, err = tx.Exec(ctx, "DELETE FROM videoqa_uploads u WHERE uri = ANY($1) AND EXISTS (SELECT FROM videoqa_upload_users o WHERE o.uri = u.uri)", locked)
	if err != nil {
		return nil, false, err
	}
	if rows, err = tx.Query(ctx, "UPDATE videoqa_uploads SET lease_ms = $2 WHERE uri = ANY($1) RETURNING uri", locked, lease.UnixMilli()); err != nil {
		return nil, false, err
	}
	uris, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return uris, len(locked) == n, err
}

// Lent implements [store.Uploads].
func (s *Store) Lent(ctx context.Context, now time.Time) ([]string, error) {
	rows, err := s.pool.Query(ctx, "SELECT uri FROM videoqa_uploads WHERE lease_ms > $1", now.UnixMilli())
	if err != nil {
		return nil, down("list uploads that are lent", err)
	}
	uris, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, down("list uploads that are lent", err)
	}
	return uris, nil
}

// GiveBack implements [store.Uploads].
func (s *Store) GiveBack(ctx context.Context, uri string, gone bool) error {
	if gone {
		return s.do(ctx, "give an upload back", "DELETE FROM videoqa_uploads WHERE uri = $1", uri)
	}
	return s.do(ctx, "give an upload back", "UPDATE videoqa_uploads SET lease_ms = 0 WHERE uri = $1", uri)
}

package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
)

// The table uploads holds those that are to be looked at, because something began
// or ended to use them; who uses them is in upload_users.

// UseUpload implements [store.Uploads].
func (s *Store) UseUpload(ctx context.Context, uri string, until time.Time, users ...string) (noted bool, err error) {
	err = s.change(ctx, "note who uses an upload", func(tx *sql.Tx) error {
		var lease int64
		if err := look(tx, uri); err != nil {
			return err
		}
		if err := tx.QueryRow("SELECT lease_ms FROM uploads WHERE uri = ?", uri).Scan(&lease); err != nil || lease > time.Now().UnixMilli() {
			return err
		}
		for _, user := range users {
			if err := use(tx, uri, until, user); err != nil {
				return err
			}
		}
		noted = true
		return nil
	})
	return noted && err == nil, err
}

// look has an upload looked at.
func look(tx *sql.Tx, uri string) error {
	_, err := tx.Exec("INSERT INTO uploads (uri) VALUES (?) ON CONFLICT DO NOTHING", uri)
	return err
}

func use(tx *sql.Tx, uri string, until time.Time, user string) error {
	if id, is := store.UsingClip(user); is {
		var gone int
		err := tx.QueryRow("SELECT count(*) FROM clips WHERE clip_id = ? AND gone_ms IS NOT NULL AND NOT ("+live+")", id).Scan(&gone)
		if err != nil || gone > 0 {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO upload_users (uri, used_by, since_ms, until_ms) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET since_ms = excluded.since_ms,
			until_ms = CASE WHEN until_ms IS NULL OR excluded.until_ms IS NULL THEN NULL ELSE max(until_ms, excluded.until_ms) END`,
		uri, user, time.Now().UnixMilli(), orNull(until))
	return err
}

// useAsClip notes which upload a clip uses now, if any, and that it uses no other.
func useAsClip(tx *sql.Tx, id string) error {
	var uri string
	if err := tx.QueryRow("SELECT uri FROM clips WHERE clip_id = ?", id).Scan(&uri); err != nil {
		return err
	}
	user := store.ClipUser(id)
	if err := unuse(tx, "used_by = ? AND uri <> ?", user, uri); err != nil {
		return err
	}
	if _, is := ingest.UploadDigest(uri); !is {
		return nil
	}
	return use(tx, uri, time.Time{}, user)
}

// unuse ends uses, and has the uploads looked at.
func unuse(tx *sql.Tx, where string, values ...any) error {
	uris, err := column(tx.Query("DELETE FROM upload_users WHERE "+where+" RETURNING uri", values...))
	if err != nil {
		return err
	}
	slices.Sort(uris)
	for _, uri := range slices.Compact(uris) {
		if err := look(tx, uri); err != nil {
			return err
		}
	}
	return nil
}

// LeaveUpload implements [store.Uploads].
func (s *Store) LeaveUpload(ctx context.Context, uri string, users ...string) error {
	return s.change(ctx, "note who leaves an upload", func(tx *sql.Tx) error {
		for _, user := range users {
			if err := unuse(tx, "uri = ? AND used_by = ?", uri, user); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeUnused implements [store.Uploads].
func (s *Store) TakeUnused(ctx context.Context, now, lease time.Time, n int) (uris []string, err error) {
	err = s.change(ctx, "take uploads that nothing uses", func(tx *sql.Tx) (err error) {
		if err := unuse(tx, "until_ms <= ?", now.UnixMilli()); err != nil {
			return err
		}
		_, err = tx.Exec("DELETE FROM uploads WHERE lease_ms <= ? AND uri IN (SELECT uri FROM upload_users)", now.UnixMilli())
		if err != nil {
			return err
		}
		uris, err = column(tx.Query("UPDATE uploads SET lease_ms = ? WHERE uri IN (SELECT uri FROM uploads WHERE lease_ms <= ? ORDER BY uri LIMIT ?) RETURNING uri",
			lease.UnixMilli(), now.UnixMilli(), n))
		return err
	})
	if err != nil {
		return nil, err
	}
	return uris, nil
}

// Lent implements [store.Uploads].
func (s *Store) Lent(ctx context.Context, now time.Time) ([]string, error) {
	uris, err := column(s.db.QueryContext(ctx, "SELECT uri FROM uploads WHERE lease_ms > ?", now.UnixMilli()))
	if err != nil {
		return nil, down("list uploads that are lent", err)
	}
	return uris, nil
}

// GiveBack implements [store.Uploads].
func (s *Store) GiveBack(ctx context.Context, uri string, gone bool) error {
	return s.change(ctx, "give an upload back", func(tx *sql.Tx) error {
		change := "UPDATE uploads SET lease_ms = 0 WHERE uri = ?"
		if gone {
			change = "DELETE FROM uploads WHERE uri = ?"
		}
		_, err := tx.Exec(change, uri)
		return err
	})
}

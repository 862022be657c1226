package postgres

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
)

// Tables of the version before rows had checksums are given them, and none of what
// they hold counts as damaged. A process of that version that still runs can store
// nothing any more.
func TestRowsThatWereStoredWithoutChecksumsGetThem(t *testing.T) {
	address := os.Getenv("VIDEOQA_TEST_POSTGRES")
	if address == "" && os.Getenv("VIDEOQA_TEST_REAL") != "" {
		t.Fatal("VIDEOQA_TEST_REAL is set, and VIDEOQA_TEST_POSTGRES is not")
	}
	if address == "" {
		t.Skip("needs a PostgreSQL: testdata/postgres/run.sh go test ./answers/store/postgres")
	}
	ctx := t.Context()
	older, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close(context.Background())
	name := "t_" + strings.ToLower(rand.Text())
	for _, change := range slices.Concat([]string{"CREATE SCHEMA " + name, "SET search_path = " + name}, schema[:checked-1], []string{
		"CREATE TABLE videoqa_schema (version integer NOT NULL)",
		"INSERT INTO videoqa_schema SELECT generate_series(1, 5)",
		"INSERT INTO videoqa_clips (clip_id, uri, camera, start_ms, end_ms, digest, put_ms, touched_ms) VALUES ('c-1', 'file:///1', 'x', 1000, 9000, 'sha256:1', 10000, 10001)",
		"INSERT INTO videoqa_clips (clip_id, gone_ms, gone_seen_ms, touched_ms) VALUES ('c-2', 10000, 10001, 10001)",
		"INSERT INTO videoqa_cameras VALUES ('x', 9000)",
		"INSERT INTO videoqa_outcomes (question_id, request, state, message, settled_ms, answer_id, camera, start_ms, end_ms) SELECT 'q-1-' || i, 'h', 'answered', 'yes', 11000, 'a-1', 'x', 1000, 9000 FROM generate_series(1, 2500) i",
		"INSERT INTO videoqa_outcomes (question_id, request, state) VALUES ('q-3', 'h', 'waiting')",
		"INSERT INTO videoqa_waiting VALUES ('q-3', 'h', '{}', 'clip:c-9', 0, 0, 1, 0, 0, '', '')",
		"INSERT INTO videoqa_claims VALUES ('n', 'first', 11000)",
	}) {
		if _, err := older.Exec(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	s, err := Open(ctx, u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"q-1-1", "q-1-999", "q-1-2500", "q-3"} {
		if o, found, err := s.Outcome(ctx, id); !found || err != nil {
			t.Errorf("%s is %+v, %v (%v)", id, o, found, err)
		}
	}
	for id, state := range map[string]store.ClipState{"c-1": store.Known, "c-2": store.Deleted} {
		if c, got, err := s.Clip(ctx, id); err != nil || got != state {
			t.Errorf("%s is %+v, %d (%v)", id, c, got, err)
		}
	}
	if at, known, err := s.Reached(ctx, "x"); !known || err != nil || at.UnixMilli() != 9000 {
		t.Errorf("camera x has come to %v, %v (%v)", at, known, err)
	}
	if content, found, err := s.Claimed(ctx, "n"); content != "first" || !found || err != nil {
		t.Errorf("n is claimed with %q, %v (%v)", content, found, err)
	}
	if rows, err := s.Take(ctx, time.Now(), time.Now(), 9); err != nil || len(rows) != 1 || rows[0].Damage != nil {
		t.Errorf("%+v (%v)", rows, err)
	}
	if _, err := older.Exec(ctx, "INSERT INTO videoqa_outcomes (question_id, request, state) VALUES ('q-5', 'h', 'waiting')"); err == nil {
		t.Error("an older program goes on storing rows without checksums")
	}
}

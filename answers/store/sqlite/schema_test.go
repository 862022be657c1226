package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"videoqa/answers/store"
)

// Files of the first version go on being read.
func TestAFileOfAnEarlierSchemaIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		schema[0], "PRAGMA user_version = 1",
		"INSERT INTO clips (clip_id, uri, camera, start_ms, end_ms, put_ms) VALUES ('c-1', 'file:///1', 'x', 1000, 9000, 10000)",
		"INSERT INTO clips (clip_id, uri, put_ms) VALUES ('c-2', 'videoqa-media:2', 20000)",
		"INSERT INTO outcomes (question_id, request, state, message, settled_ms) VALUES ('q-1', 'h', 'answered', 'yes', 11000)",
		"INSERT INTO outcomes (question_id, request, state) VALUES ('q-2', 'h', 'waiting')",
		"INSERT INTO waiting VALUES ('q-2', 'h', '{}', '', 0, 0, 1, 0, 99999999999999)",
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.found.Checked || s.found.Pages < 20 {
		t.Errorf("its pages have no checksums: %+v", s.found)
	}
	if at, known, err := s.Reached(t.Context(), "x"); !known || err != nil || at.UnixMilli() != 9000 {
		t.Errorf("camera x has come to %v, %v (%v)", at, known, err)
	}
	if o, found, err := s.Outcome(t.Context(), "q-1"); !found || err != nil || string(o.Message) != "yes" {
		t.Errorf("%+v, %v (%v)", o, found, err)
	}
	if rows, err := s.Take(t.Context(), time.Now(), time.Now(), 9); err != nil || len(rows) != 1 || rows[0].Attempts != 1 {
		t.Errorf("%+v (%v)", rows, err)
	}
	if page, err := s.ListClips(t.Context(), store.ClipQuery{Camera: "x"}); err != nil || len(page.Clips) != 1 {
		t.Errorf("listed are %+v (%v)", page, err)
	}
	if q, found, err := s.WaitingFor(t.Context(), "q-2"); !found || err != nil || q.Reason != "" {
		t.Errorf("%+v, %v (%v)", q, found, err)
	}
	if err := s.DeleteClip(t.Context(), "c-2", time.UnixMilli(30000)); err != nil {
		t.Error(err)
	}
	if uris, err := s.TakeUnused(t.Context(), time.Now(), time.Now(), 9); err != nil || len(uris) != 1 || uris[0] != "videoqa-media:2" {
		t.Errorf("after its clip is deleted, %v is unused (%v)", uris, err)
	}
	if pruned, err := s.Prune(t.Context(), time.UnixMilli(10001)); err != nil || pruned.Clips != 1 || pruned.Outcomes != 0 {
		t.Errorf("forgot %+v (%v)", pruned, err)
	}
}

// A file of the version before rows had checksums is given them, and none of what it
// holds counts as damaged. Its program, if it still runs, can store nothing any more.
func TestRowsThatWereStoredWithoutChecksumsGetThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	older, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close()
	for _, change := range slices.Concat(schema[:checked-1], []string{
		fmt.Sprint("PRAGMA user_version = ", checked-1),
		"INSERT INTO clips (clip_id, uri, camera, start_ms, end_ms, digest, put_ms, touched_ms) VALUES ('c-1', 'file:///1', 'x', 1000, 9000, 'sha256:1', 10000, 10001)",
		"INSERT INTO clips (clip_id, gone_ms, gone_seen_ms, touched_ms) VALUES ('c-2', 10000, 10001, 10001)",
		"INSERT INTO cameras VALUES ('x', 9000)",
		"INSERT INTO outcomes (question_id, request, state, message, settled_ms, answer_id, camera, start_ms, end_ms) VALUES ('q-1', 'h', 'answered', 'yes', 11000, 'a-1', 'x', 1000, 9000)",
		"INSERT INTO outcomes (question_id, request, state, message, settled_ms) VALUES ('q-2', 'h', 'dead', 'no', 11000)",
		"INSERT INTO outcomes (question_id, request, state) VALUES ('q-3', 'h', 'waiting')",
		"INSERT INTO outcomes (question_id, request, state) VALUES ('q-4', 'h', 'erased')",
		"INSERT INTO waiting VALUES ('q-3', 'h', '{}', 'clip:c-9', 0, 0, 1, 0, 0, '', '')",
		"INSERT INTO claims VALUES ('n', 'first', 11000)",
	}) {
		if _, err := older.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for id, state := range map[string]store.State{"q-1": store.Answered, "q-2": store.Dead, "q-3": store.Waiting, "q-4": store.Erased} {
		if o, found, err := s.Outcome(t.Context(), id); !found || err != nil || o.State != state {
			t.Errorf("%s is %+v, %v (%v)", id, o, found, err)
		}
	}
	for id, state := range map[string]store.ClipState{"c-1": store.Known, "c-2": store.Deleted} {
		if c, got, err := s.Clip(t.Context(), id); err != nil || got != state {
			t.Errorf("%s is %+v, %d (%v)", id, c, got, err)
		}
	}
	if at, known, err := s.Reached(t.Context(), "x"); !known || err != nil || at.UnixMilli() != 9000 {
		t.Errorf("camera x has come to %v, %v (%v)", at, known, err)
	}
	if content, found, err := s.Claimed(t.Context(), "n"); content != "first" || !found || err != nil {
		t.Errorf("n is claimed with %q, %v (%v)", content, found, err)
	}
	if rows, err := s.Take(t.Context(), time.Now(), time.Now(), 9); err != nil || len(rows) != 1 || rows[0].Damage != nil {
		t.Errorf("%+v (%v)", rows, err)
	}
	if _, err := older.Exec("INSERT INTO outcomes (question_id, request, state) VALUES ('q-5', 'h', 'waiting')"); err == nil {
		t.Error("an older program goes on storing rows without checksums")
	}
}

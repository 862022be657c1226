package sqlite

import (
	"database/sql"
	"path/filepath"
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
	if at, known, err := s.Reached(t.Context(), "x"); !known || err != nil || at.UnixMilli() != 9000 {
		t.Errorf("camera x has come to %v, %v (%v)", at, known, err)
	}
	if o, found, err := s.Outcome(t.Context(), "q-1"); !found || err != nil || string(o.Message) != "yes" {
		t.Errorf("%+v, %v (%v)", o, found, err)
	}
	if rows, err := s.Take(t.Context(), time.Now(), time.Now(), 9); err != nil || len(rows) != 1 || rows[0].Attempts != 1 {
		t.Errorf("%+v (%v)", rows, err)
	}
	if clips, _, err := s.ListClips(t.Context(), store.ClipQuery{Camera: "x"}); err != nil || len(clips) != 1 {
		t.Errorf("listed are %+v (%v)", clips, err)
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

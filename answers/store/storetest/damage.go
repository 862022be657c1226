package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A Spoil changes a bit of a value: that of a column in the row that has a key.
type Spoil func(t *testing.T, table, column, keyColumn, key string)

// RunDamaged holds a store to its word that a damaged row is noticed by each read of
// it. Tables are named without a prefix.
func RunDamaged(t *testing.T, open Open, spoil func(store.Store) Spoil) {
	ctx := context.Background()
	for _, tc := range []struct {
		table, key string
		columns    []string
		read       func(s store.Store) error
	}{
		{"outcomes", "question_id", []string{"request", "state", "message", "settled_ms", "answer_id", "camera", "start_ms", "end_ms", "checksum"}, func(s store.Store) error {
			_, _, err := s.Outcome(ctx, "q-1")
			if _, _, settled := s.Settle(ctx, about("q-1", "another", "x", 0, 10)); !errors.Is(settled, fault.Damaged) {
				return errors.Join(errors.New("it was settled anew"), settled)
			}
			if _, _, waits := s.Wait(ctx, store.Row{QuestionID: "q-1", Request: "h", Due: at(0), FirstSeen: at(0)}); !errors.Is(waits, fault.Damaged) {
				return errors.Join(errors.New("it waits anew"), waits)
			}
			return err
		}},
		{"waiting", "question_id", []string{"request", "record", "awaits", "until_ms", "attempts", "seen_ms", "replaces", "reason", "checksum"}, func(s store.Store) error {
			rows, err := s.Take(ctx, at(9), at(99), 9)
			if err != nil || len(rows) != 2 || rows[0].QuestionID+rows[1].QuestionID != "q-2q-3" && rows[0].QuestionID+rows[1].QuestionID != "q-3q-2" {
				return errors.Join(errors.New("not both rows are taken"), err)
			}
			for _, row := range rows {
				if row.QuestionID == "q-2" {
					err = row.Damage
				} else if row.Damage != nil {
					return errors.New("the other row counts as damaged")
				}
			}
			if again := s.Again(ctx, store.Row{QuestionID: "q-2", Due: at(5)}); !errors.Is(again, fault.Damaged) {
				return errors.Join(errors.New("it was put back"), again)
			}
			return err
		}},
		{"claims", "name", []string{"content", "checksum"}, func(s store.Store) error {
			if _, err := s.Claim(ctx, "n-1", "another"); !errors.Is(err, fault.Damaged) {
				return errors.Join(errors.New("it was claimed anew"), err)
			}
			_, _, err := s.Claimed(ctx, "n-1")
			return err
		}},
		{"letters", "letter_id", []string{"message", "stored_ms", "checksum"}, func(s store.Store) error {
			page, _, err := s.Letters(ctx, "", 9)
			if err != nil || len(page) != 1 || !errors.Is(page[0].Damage, fault.Damaged) {
				return errors.Join(errors.New("a list does not tell"), err)
			}
			_, _, err = s.Letter(ctx, "t/0/1")
			return err
		}},
		{"cameras", "camera", []string{"reached_ms", "checksum"}, func(s store.Store) error {
			_, _, err := s.Reached(ctx, "x")
			must(t, s.CloseClip(ctx, ingest.ClosedClip{ID: "c-1", Camera: "x", End: moment(7)}, at(2)))
			if reached, _, again := s.Reached(ctx, "x"); again != nil || !reached.Equal(at(8)) {
				return errors.Join(errors.New("how far it has come is not found out anew"), again)
			}
			return err
		}},
		{"clips", "clip_id", []string{"uri", "start_ms", "end_ms", "digest", "put_ms", "checksum"}, func(s store.Store) error {
			_, _, err := s.Clip(ctx, "c-1")
			if put := s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///2"}, at(3)); !errors.Is(put, fault.Damaged) {
				return errors.Join(errors.New("it was put anew"), put)
			}
			must(t, s.DeleteClip(ctx, "c-1", at(3)))
			wantClip(t, s, "c-1", "", store.Deleted)
			must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///2"}, at(4)))
			wantClip(t, s, "c-1", "file:///2", store.Known)
			return err
		}},
	} {
		for _, column := range tc.columns {
			t.Run("a damaged "+column+" among "+tc.table+" is noticed", func(t *testing.T) {
				s, _ := open(t)
				furnish(t, s)
				spoil(s)(t, tc.table, column, tc.key, map[string]string{"outcomes": "q-1", "waiting": "q-2", "claims": "n-1", "letters": "t/0/1", "cameras": "x", "clips": "c-1"}[tc.table])
				if err := tc.read(s); !errors.Is(err, fault.Damaged) || errors.Is(err, fault.Unavailable) {
					t.Errorf("it reads with %v", err)
				}
			})
		}
	}
	t.Run("a list leaves damaged outcomes out, and tells them", func(t *testing.T) {
		s, _ := open(t)
		furnish(t, s)
		spoil(s)(t, "outcomes", "message", "question_id", "q-1")
		page, err := s.Answers(ctx, store.AnswerQuery{Limit: 1})
		if err != nil || len(page.Outcomes) != 0 || len(page.Damaged) != 1 || page.Damaged[0] != "q-1" || page.Next == "" {
			t.Fatalf("%+v (%v)", page, err)
		}
		if page, err = s.Answers(ctx, store.AnswerQuery{Limit: 1, Cursor: page.Next}); err != nil || len(page.Outcomes) != 1 || page.Next != "" {
			t.Errorf("%+v (%v)", page, err)
		}
	})
	t.Run("a list leaves damaged clips out, and tells them", func(t *testing.T) {
		s, _ := open(t)
		furnish(t, s)
		must(t, s.PutClip(ctx, ingest.Clip{ID: "c-2", URI: "file:///2", Camera: "x", Start: moment(8), End: moment(9)}, at(1)))
		spoil(s)(t, "clips", "uri", "clip_id", "c-1")
		page, err := s.ListClips(ctx, store.ClipQuery{Camera: "x", Limit: 1})
		if err != nil || len(page.Clips) != 0 || len(page.Damaged) != 1 || page.Damaged[0] != "c-1" || page.Next == "" {
			t.Fatalf("%+v (%v)", page, err)
		}
		if page, err = s.ListClips(ctx, store.ClipQuery{Camera: "x", Limit: 1, Cursor: page.Next}); err != nil || len(page.Clips) != 1 || page.Clips[0].ID != "c-2" || page.Next != "" {
			t.Errorf("%+v (%v)", page, err)
		}
	})
	t.Run("a damaged answer goes with its clip", func(t *testing.T) {
		s, _ := open(t)
		furnish(t, s)
		spoil(s)(t, "outcomes", "message", "question_id", "q-1")
		must(t, s.DeleteClip(ctx, "c-1", at(3)))
		if o, _, err := s.Outcome(ctx, "q-1"); err != nil || o.State != store.Erased {
			t.Errorf("%+v (%v)", o, err)
		}
	})
	t.Run("of outcomes that are settled together, those that are whole are", func(t *testing.T) {
		s, _ := open(t)
		furnish(t, s)
		spoil(s)(t, "outcomes", "request", "question_id", "q-2")
		stored, err := s.SettleAll(ctx, []store.Outcome{about("q-2", "two", "x", 0, 10), about("q-9", "nine", "x", 0, 10)})
		if err != nil || !errors.Is(stored[0].Damage, fault.Damaged) || stored[0].Fresh || stored[1].Damage != nil || !stored[1].Fresh {
			t.Errorf("%+v (%v)", stored, err)
		}
	})
}

// Flip changes one bit of a value of a row.
func Flip(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case int64:
		return v ^ 4
	case string:
		return string(v[:len(v)/2]) + string(rune(v[len(v)/2]^1)) + v[len(v)/2+1:]
	case []byte:
		v = slices.Clone(v)
		v[len(v)/2] ^= 1
		return v
	}
	t.Fatalf("%T cannot be spoilt", value)
	return nil
}

// furnish stores a row of each kind.
func furnish(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	must(t, s.PutClip(ctx, ingest.Clip{ID: "c-1", URI: "file:///1", Camera: "x", Start: moment(0), End: moment(8), Digest: "sha256:12"}, at(1)))
	_, _, err := s.Settle(ctx, about("q-1", "one", "x", 0, 10, "c-1"))
	must(t, err)
	for _, id := range []string{"q-2", "q-3"} {
		_, _, err = s.Wait(ctx, store.Row{QuestionID: id, Request: "h", Record: ingest.Record{Value: []byte("what is it?")}, For: store.ForClip("c-2"), Due: at(2), Until: at(3), FirstSeen: at(1), Replaces: "h", Reason: "it has not come"})
		must(t, err)
	}
	must(t, s.KeepLetter(ctx, store.Letter{ID: "t/0/1", Message: []byte("a letter")}))
	_, err = s.Claim(ctx, "n-1", "first")
	must(t, err)
	_, _, err = s.Settle(ctx, about("q-4", "four", "x", 0, 10)) // in a list, behind q-1
	must(t, err)
}

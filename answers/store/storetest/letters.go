package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

func letters(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	var want []string
	for i := range 5 {
		id := store.LetterID(ingest.Origin{Topic: "vqa.questions.v1", Partition: 2, Offset: int64(i)})
		want = append(want, id)
		must(t, s.KeepLetter(ctx, store.Letter{ID: id, Message: []byte(fmt.Sprint("letter ", i))}))
	}
	if want[4] != "vqa.questions.v1/2/4" {
		t.Errorf("a letter is named %s", want[4])
	}
	must(t, s.KeepLetter(ctx, store.Letter{ID: want[0], Message: []byte("read again")}))
	s = reopen()
	if l, found, err := s.Letter(ctx, want[0]); !found || err != nil || string(l.Message) != "read again" || l.ID != want[0] {
		t.Errorf("%+v, %v (%v); a record that is read again keeps one letter", l, found, err)
	}
	if _, found, err := s.Letter(ctx, "q-1"); found || err != nil {
		t.Errorf("a letter from nowhere (%v)", err)
	}
	var got []string
	for cursor := ""; ; {
		page, next, err := s.Letters(ctx, cursor, 2)
		must(t, err)
		if len(page) > 2 {
			t.Errorf("a page of %d letters; want 2", len(page))
		}
		for _, l := range page {
			got = append(got, l.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	slices.Sort(got) // the first was stored last, or in the same millisecond
	if !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	if _, _, err := s.Letters(ctx, "x", 2); !errors.Is(err, fault.BadRequest) {
		t.Errorf("a cursor that is none: %v", err)
	}
	if pruned, err := s.Prune(ctx, time.Now().Add(time.Hour)); err != nil || pruned.Letters != 5 {
		t.Errorf("%+v was forgotten (%v); want 5 letters", pruned, err)
	}
}

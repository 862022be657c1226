package storetest

import (
	"fmt"
	"slices"
	"testing"

	"videoqa/answers/store"
)

func waitList(t *testing.T, open Open) {
	s, reopen := open(t)
	ctx := t.Context()
	var want []string
	for i := range 5 {
		r := row(fmt.Sprint("q-", 9-i), 10)
		r.FirstSeen, r.Until, r.Reason = at(i), at(100+i), fmt.Sprint("reason ", i)
		want = append(want, r.QuestionID)
		_, _, err := s.Wait(ctx, r)
		must(t, err)
	}
	s = reopen()
	var got []string
	for cursor := ""; ; {
		page, next, err := s.WaitingList(ctx, cursor, 2)
		must(t, err)
		for _, q := range page {
			if i := len(got); q.Reason != fmt.Sprint("reason ", i) || !q.FirstSeen.Equal(at(i)) || !q.Until.Equal(at(100+i)) || !q.Due.Equal(at(10)) || !q.TakenUntil.IsZero() {
				t.Errorf("%+v", q)
			}
			got = append(got, q.QuestionID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("there wait %v, want %v: by when they were first seen", got, want)
	}
	if _, err := s.Take(ctx, at(10), at(20), 1); err != nil {
		t.Fatal(err)
	}
	q, found, err := s.WaitingFor(ctx, "q-9")
	if err != nil || !found || !q.TakenUntil.Equal(at(20)) || q.Reason != "reason 0" {
		t.Errorf("one that is in progress is %+v, %v (%v)", q, found, err)
	}
	r := q.Row
	r.Attempts, r.Due, r.Reason = 1, at(30), "it failed"
	must(t, s.Again(ctx, r))
	if q, _, err := s.WaitingFor(ctx, "q-9"); err != nil || q.Reason != "it failed" || q.Attempts != 1 || !q.TakenUntil.IsZero() {
		t.Errorf("one that failed is %+v (%v)", q, err)
	}
	taken, err := s.Take(ctx, at(30), at(40), 9)
	if err != nil || !slices.ContainsFunc(taken, func(r store.Row) bool { return r.Reason == "it failed" }) {
		t.Errorf("taken again: %+v (%v)", taken, err)
	}
	if _, found, err := s.WaitingFor(ctx, "q-1"); found || err != nil {
		t.Errorf("a row from nowhere (%v)", err)
	}
}

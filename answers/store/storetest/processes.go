package storetest

import (
	"testing"
	"time"

	"videoqa/answers/store"
)

func processes(t *testing.T, open Open) {
	s, _ := open(t)
	ctx := t.Context()
	others, now, err := s.Beat(ctx, store.Process{ID: "p-1", Settings: "one"}, time.Minute)
	if err != nil || len(others) > 0 || time.Since(now).Abs() > time.Minute {
		t.Errorf("the first sees %+v at %v (%v)", others, now, err)
	}
	others, _, err = s.Beat(ctx, store.Process{ID: "p-2", Settings: "two"}, time.Minute)
	if err != nil || len(others) != 1 || others[0].ID != "p-1" || others[0].Settings != "one" || others[0].Seen.Before(now.Add(-time.Second)) {
		t.Errorf("the second sees %+v (%v)", others, err)
	}
	others, _, err = s.Beat(ctx, store.Process{ID: "p-1", Settings: "one changed"}, time.Minute)
	if err != nil || len(others) != 1 || others[0].Settings != "two" {
		t.Errorf("then the first sees %+v (%v)", others, err)
	}
	if all, _, err := s.Serving(ctx, time.Minute); err != nil || len(all) != 2 || all[0].Settings != "one changed" || all[1].ID != "p-2" {
		t.Errorf("serving are %+v (%v)", all, err)
	}
	if all, _, err := s.Serving(ctx, -time.Minute); err != nil || len(all) > 0 {
		t.Errorf("in a minute's time %+v serve still (%v)", all, err)
	}
	must(t, s.End(ctx, "p-2"))
	must(t, s.End(ctx, "p-3"))
	if all, _, err := s.Serving(ctx, time.Minute); err != nil || len(all) != 1 || all[0].ID != "p-1" {
		t.Errorf("after the second has ended %+v serve (%v)", all, err)
	}
}

package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/answers/store/postgres"
)

// Who only looks makes no tables.
func TestServingIsAskedWithoutAChange(t *testing.T) {
	url := fresh(t)
	all, now, err := postgres.Serving(t.Context(), url, time.Minute)
	if err != nil || len(all) > 0 || now.IsZero() {
		t.Fatalf("in an empty schema %+v serve at %v (%v)", all, now, err)
	}
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	var tables int
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").Scan(&tables); err != nil || tables > 0 {
		t.Errorf("there are %d tables (%v)", tables, err)
	}
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Beat(t.Context(), store.Process{ID: "p-1", Settings: "one"}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if all, _, err = postgres.Serving(t.Context(), url, time.Minute); err != nil || len(all) != 1 || all[0].ID != "p-1" || all[0].Settings != "one" {
		t.Errorf("%+v serve (%v)", all, err)
	}
}

package sqlite_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
)

// filled makes a store of n outcomes of 4 KB, far more than SQLite keeps in memory.
func filled(b *testing.B, n int) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for i := 0; i < n; i += 500 {
		var all []store.Outcome
		for j := i; j < i+500; j++ {
			all = append(all, someOutcome(j))
		}
		if _, err := s.SettleAll(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func someOutcome(i int) store.Outcome {
	return store.Outcome{QuestionID: fmt.Sprint("q-", i), Request: "h", State: store.Answered, Message: bytes.Repeat([]byte{byte(i)}, 4000),
		About: store.About{AnswerID: fmt.Sprint("a-", i), Camera: "x", ClipIDs: []string{fmt.Sprint("c-", i%100)}}}
}

func BenchmarkOutcome(b *testing.B) {
	s := filled(b, 10_000)
	for b.Loop() {
		if _, found, err := s.Outcome(b.Context(), fmt.Sprint("q-", rand.IntN(10_000))); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkSettle(b *testing.B) {
	s := filled(b, 2000)
	for i := 2000; b.Loop(); i++ {
		if _, _, err := s.Settle(b.Context(), someOutcome(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSettleTogether(b *testing.B) {
	s := filled(b, 2000)
	for i := 2000; b.Loop(); i += 50 {
		var all []store.Outcome
		for j := i; j < i+50; j++ {
			all = append(all, someOutcome(j))
		}
		if _, err := s.SettleAll(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
}

package redis_test

import (
	"path/filepath"
	"strings"
	"testing"

	"videoqa/answers/features/redis"
)

func TestARedisThatIsNotThereIsCountedAndSaid(t *testing.T) {
	s, err := redis.New(redis.Config{URL: "unix://" + filepath.Join(t.TempDir(), "nobody")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err == nil {
		t.Error("nobody is there, and nothing is wrong")
	}
	if n, _ := s.Failures(); n != 0 {
		t.Errorf("asking whether it is there counts as %d calls that failed", n)
	}
	for range 9 { // the breaker opens meanwhile
		s.Get(t.Context(), []string{"k"})
	}
	if n, last := s.Failures(); n != 9 || last == nil || !strings.Contains(last.Error(), "no such file") {
		t.Errorf("%d calls failed, the last because of %v", n, last)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("while it is not asked: %v", err)
	}
}

func TestARedisThatRefusesIsInTroubleThoughItAnswers(t *testing.T) {
	server := start(t)
	s := server.store()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil { // and noeviction
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), []string{"k"}, [][]byte{[]byte("v")}); err == nil {
		t.Error("a full Redis took a value")
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("a Redis that takes no values: %v", err)
	}
}

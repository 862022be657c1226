// Package featurestest holds what every store of features has to pass.
package featurestest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"videoqa/answers/features"
)

func get(t *testing.T, s features.Store, key string) ([]byte, error) {
	values, err := s.Get(t.Context(), []string{key})
	if len(values) != 1 {
		t.Fatalf("Get of one key gives %d values, %v", len(values), err)
	}
	return values[0], err
}

func set(t *testing.T, s features.Store, key string, value []byte) error {
	return s.Set(t.Context(), []string{key}, [][]byte{value})
}

// Run tests the store that open makes, empty and with room for at least a
// megabyte.
func Run(t *testing.T, open func(t *testing.T) features.Store) {
	t.Run("what was never set is nil", func(t *testing.T) {
		if value, err := get(t, open(t), "k"); value != nil || err != nil {
			t.Errorf("Get of a key never set = %v, %v; want nil, nil", value, err)
		}
	})
	t.Run("what was set comes back", func(t *testing.T) {
		s := open(t)
		for _, want := range [][]byte{{}, []byte("v"), bytes.Repeat([]byte{0, 1, 0xff, '\n'}, 100_000)} {
			key := fmt.Sprint("k", len(want))
			if err := set(t, s, key, want); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t, s, key); err != nil || !bytes.Equal(got, want) {
				t.Errorf("Get(%q) = %d bytes, %v; want the %d that were set", key, len(got), err, len(want))
			}
		}
	})
	t.Run("the last value of a key holds", func(t *testing.T) {
		s := open(t)
		for _, v := range []string{"one", "two"} {
			if err := set(t, s, "k", []byte(v)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := get(t, s, "k"); err != nil || string(got) != "two" {
			t.Errorf("Get = %q, %v; want the second value", got, err)
		}
	})
	t.Run("many keys at once come in their order", func(t *testing.T) {
		s := open(t)
		if err := s.Set(t.Context(), []string{"a", "c"}, [][]byte{[]byte("one"), []byte("three")}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(t.Context(), []string{"c", "b", "a"})
		if err != nil || len(got) != 3 || string(got[0]) != "three" || got[1] != nil || string(got[2]) != "one" {
			t.Errorf("Get(c, b, a) = %q, %v", got, err)
		}
	})
	t.Run("what is an owner's goes with it, and nothing else", func(t *testing.T) {
		s := open(t)
		keys := []string{"a", "b", "shared", "c"}
		if err := s.Set(t.Context(), keys, [][]byte{[]byte("1"), []byte("2"), []byte("3"), []byte("4")}); err != nil {
			t.Fatal(err)
		}
		for _, note := range []struct {
			owner string
			keys  []string
		}{{"clip-1", []string{"a", "shared", "gone already"}}, {"clip-1", []string{"b", "a"}}, {"clip-2", []string{"shared", "c"}}} {
			if err := s.Note(t.Context(), note.owner, note.keys); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Forget(t.Context(), "clip-1"); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), keys)
			if err != nil || got[0] != nil || got[1] != nil || got[2] != nil || string(got[3]) != "4" {
				t.Errorf("after clip-1 is forgotten: %q, %v; want only c's", got, err)
			}
		}
		if err := s.Forget(t.Context(), "nobody"); err != nil {
			t.Errorf("Forget of nobody = %v", err)
		}
	})
	t.Run("many may use it at once", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 50 {
					key, want := fmt.Sprint(j), []byte(fmt.Sprint("value of ", j))
					if err := set(t, s, key, want); err != nil {
						t.Errorf("goroutine %d: %v", i, err)
					}
					if got, err := get(t, s, key); err != nil || got != nil && !bytes.Equal(got, want) {
						t.Errorf("goroutine %d: Get(%q) = %q, %v", i, key, got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

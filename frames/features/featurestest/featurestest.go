// Package featurestest holds what every store of features has to pass.
package featurestest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"videoqa/frames/features"
)

// Run tests the store that open makes, empty and with room for at least a
// megabyte.
func Run(t *testing.T, open func(t *testing.T) features.Store) {
	t.Run("what was never set is nil", func(t *testing.T) {
		if value, err := open(t).Get(t.Context(), "k"); value != nil || err != nil {
			t.Errorf("Get of a key never set = %v, %v; want nil, nil", value, err)
		}
	})
	t.Run("what was set comes back", func(t *testing.T) {
		s := open(t)
		for _, want := range [][]byte{{}, []byte("v"), bytes.Repeat([]byte{0, 1, 0xff, '\n'}, 100_000)} {
			key := fmt.Sprint("k", len(want))
			if err := s.Set(t.Context(), key, want); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), key); err != nil || !bytes.Equal(got, want) {
				t.Errorf("Get(%q) = %d bytes, %v; want the %d that were set", key, len(got), err, len(want))
			}
		}
	})
	t.Run("the last value of a key holds", func(t *testing.T) {
		s := open(t)
		for _, v := range []string{"one", "two"} {
			if err := s.Set(t.Context(), "k", []byte(v)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Get(t.Context(), "k"); err != nil || string(got) != "two" {
			t.Errorf("Get = %q, %v; want the second value", got, err)
		}
	})
	t.Run("many may use it at once", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 50 {
					key, want := fmt.Sprint(j), []byte(fmt.Sprint("value of ", j))
					if err := s.Set(t.Context(), key, want); err != nil {
						t.Errorf("goroutine %d: %v", i, err)
					}
					if got, err := s.Get(t.Context(), key); err != nil || got != nil && !bytes.Equal(got, want) {
						t.Errorf("goroutine %d: Get(%q) = %q, %v", i, key, got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

package features_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"videoqa/frames/features"
	"videoqa/frames/features/featurestest"
)

func TestMemory(t *testing.T) {
	featurestest.Run(t, func(*testing.T) features.Store { return features.NewMemory(1 << 24) })
}

func TestMemoryStaysWithinItsBytes(t *testing.T) {
	const limit, size = 1 << 20, 100 << 10
	m := features.NewMemory(limit)
	for i := range 100 {
		if err := m.Set(t.Context(), fmt.Sprint(i), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for i := range 100 {
		if v, _ := m.Get(t.Context(), fmt.Sprint(i)); v != nil {
			held += len(v)
		}
	}
	if held > limit || held == 0 {
		t.Errorf("holds %d bytes; want some, at most %d", held, limit)
	}
}

// tampered is a store that lies in one way.
type tampered struct {
	features.Store
	lie func(value []byte) []byte
}

func (s tampered) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Store.Get(ctx, key)
	if value != nil {
		value = s.lie(slices.Clone(value))
	}
	return value, err
}

func fill(t *testing.T, c *features.Cache, keys ...string) (vectors [][]float32, encoded int) {
	t.Helper()
	vectors, _, err := c.Fill(t.Context(), keys, func(_ context.Context, missing []int) (out [][]float32, err error) {
		encoded = len(missing)
		for _, i := range missing {
			out = append(out, []float32{float32(len(keys[i])), 0.1})
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return vectors, encoded
}

func TestLyingStoresCostTimeAndNeverAnAnswer(t *testing.T) {
	other := features.NewMemory(1 << 20)
	fill(t, features.New(other), "swapped")
	foreign, _ := other.Get(t.Context(), "swapped")
	for name, lie := range map[string]func([]byte) []byte{
		"a flipped bit":            func(v []byte) []byte { v[14] ^= 1; return v },
		"a flipped bit of the sum": func(v []byte) []byte { v[len(v)-1] ^= 1; return v },
		"a cut value":              func(v []byte) []byte { return v[:len(v)-1] },
		"an empty value":           func([]byte) []byte { return []byte{} },
		"another key's value":      func([]byte) []byte { return foreign },
		"a longer count":           func(v []byte) []byte { v[8]++; return v },
	} {
		t.Run(name, func(t *testing.T) {
			memory := features.NewMemory(1 << 20)
			fill(t, features.New(memory), "k")
			c := features.New(tampered{memory, lie})
			vectors, encoded := fill(t, c, "k")
			if encoded != 1 || vectors[0][0] != 1 || c.Stats().Refused != 1 {
				t.Errorf("encoded %d, got %v, %+v; want the value refused and computed again", encoded, vectors, c.Stats())
			}
		})
	}
}

type failing struct{}

var errDown = errors.New("connection refused")

func (failing) Get(context.Context, string) ([]byte, error) { return nil, errDown }
func (failing) Set(context.Context, string, []byte) error   { return errDown }

func TestAStoreThatIsDownNeverStopsAnything(t *testing.T) {
	c := features.New(failing{})
	if vectors, encoded := fill(t, c, "a", "bb"); encoded != 2 || vectors[1][0] != 2 || c.Stats().Failed != 4 {
		t.Errorf("encoded %d, got %v, %+v", encoded, vectors, c.Stats())
	}
}

func TestAHitEqualsWhatWasComputedBitForBit(t *testing.T) {
	c := features.New(features.NewMemory(1 << 20))
	cold, _ := fill(t, c, "a", "bb")
	warm, encoded := fill(t, c, "bb", "ccc", "a")
	if encoded != 1 || !slices.Equal(warm[0], cold[1]) || !slices.Equal(warm[2], cold[0]) {
		t.Errorf("cold %v, warm %v, encoded %d", cold, warm, encoded)
	}
}

func TestOnePictureIsEncodedOnceHoweverManyAsk(t *testing.T) {
	c := features.New(features.NewMemory(1 << 20))
	var encoded atomic.Int64
	started, release := make(chan struct{}), make(chan struct{})
	encode := func(_ context.Context, missing []int) (out [][]float32, err error) {
		if encoded.Add(int64(len(missing))) == 1 {
			close(started)
			<-release
		}
		for range missing {
			out = append(out, []float32{7})
		}
		return out, nil
	}
	var wg sync.WaitGroup
	ask := func() {
		if v, _, err := c.Fill(t.Context(), []string{"same", "same"}, encode); err != nil || v[0][0] != 7 || v[1][0] != 7 {
			t.Errorf("Fill = %v, %v", v, err)
		}
	}
	wg.Go(ask)
	<-started
	for range 10 {
		wg.Go(ask)
	}
	close(release)
	wg.Wait()
	if n := encoded.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
}

func TestAFailureIsNotShared(t *testing.T) {
	c := features.New(features.NewMemory(1 << 20))
	lost := errors.New("out of memory")
	if _, _, err := c.Fill(t.Context(), []string{"k"}, func(context.Context, []int) ([][]float32, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("Fill = %v; want encode's error", err)
	}
	if _, encoded := fill(t, c, "k"); encoded != 1 {
		t.Errorf("after a failure %d were encoded; want 1", encoded)
	}
}

func TestKeyPartsDoNotRunIntoEachOther(t *testing.T) {
	if features.Key("ab", "c") == features.Key("a", "bc") || features.Key("a") == features.Key("a", "") {
		t.Error("different parts have one key")
	}
}

package features_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"videoqa/answers/features"
	"videoqa/answers/features/featurestest"
)

func TestMemory(t *testing.T) {
	featurestest.Run(t, func(*testing.T) features.Store { return features.NewMemory(1 << 24) })
}

func TestMemoryStaysWithinItsBytes(t *testing.T) {
	const limit, size = 1 << 20, 100 << 10
	m := features.NewMemory(limit)
	for i := range 100 {
		if err := m.Set(t.Context(), []string{fmt.Sprint(i)}, [][]byte{make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for i := range 100 {
		if v, _ := m.Get(t.Context(), []string{fmt.Sprint(i)}); v[0] != nil {
			held += len(v[0])
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

func (s tampered) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values, err := s.Store.Get(ctx, keys)
	for i, value := range values {
		if value != nil {
			values[i] = s.lie(slices.Clone(value))
		}
	}
	return values, err
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
	fill(t, features.New(other, features.Float32), "swapped")
	foreign, _ := other.Get(t.Context(), []string{"swapped"})
	for name, lie := range map[string]func([]byte) []byte{
		"a flipped bit":            func(v []byte) []byte { v[14] ^= 1; return v },
		"a flipped bit of the sum": func(v []byte) []byte { v[len(v)-1] ^= 1; return v },
		"a cut value":              func(v []byte) []byte { return v[:len(v)-1] },
		"an empty value":           func([]byte) []byte { return []byte{} },
		"another key's value":      func([]byte) []byte { return foreign[0] },
		"a longer count":           func(v []byte) []byte { v[8]++; return v },
	} {
		t.Run(name, func(t *testing.T) {
			memory := features.NewMemory(1 << 20)
			fill(t, features.New(memory, features.Float32), "k")
			c := features.New(tampered{memory, lie}, features.Float32)
			vectors, encoded := fill(t, c, "k")
			if encoded != 1 || vectors[0][0] != 1 || c.Stats().Refused != 1 {
				t.Errorf("encoded %d, got %v, %+v; want the value refused and computed again", encoded, vectors, c.Stats())
			}
		})
	}
}

type failing struct{}

var errDown = errors.New("connection refused")

func (failing) Get(context.Context, []string) ([][]byte, error) { return nil, errDown }
func (failing) Set(context.Context, []string, [][]byte) error   { return errDown }
func (failing) Note(context.Context, string, []string) error    { return errDown }
func (failing) Forget(context.Context, string) error            { return errDown }
func (failing) Lock(context.Context, []string) ([]bool, func(), error) {
	return nil, nil, errDown
}

func TestAStoreThatIsDownNeverStopsAnything(t *testing.T) {
	c := features.New(failing{}, features.Float32)
	if vectors, encoded := fill(t, c, "a", "bb"); encoded != 2 || vectors[1][0] != 2 || c.Stats().Failed != 3 {
		t.Errorf("encoded %d, got %v, %+v", encoded, vectors, c.Stats())
	}
}

func TestAHitEqualsWhatWasComputedBitForBit(t *testing.T) {
	c := features.New(features.NewMemory(1<<20), features.Float32)
	cold, _ := fill(t, c, "a", "bb")
	warm, encoded := fill(t, c, "bb", "ccc", "a")
	if encoded != 1 || !slices.Equal(warm[0], cold[1]) || !slices.Equal(warm[2], cold[0]) {
		t.Errorf("cold %v, warm %v, encoded %d", cold, warm, encoded)
	}
}

func TestOnePictureIsEncodedOnceHoweverManyAsk(t *testing.T) {
	c := features.New(features.NewMemory(1<<20), features.Float32)
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

// meanwhile is a store in which what happens between the first Get and its reader.
type meanwhile struct {
	features.Store
	what func()
}

func (s *meanwhile) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values, err := s.Store.Get(ctx, keys)
	if what := s.what; what != nil {
		s.what = nil
		what()
	}
	return values, err
}

func TestWhatWasEncodedSinceTheFirstLookIsNotEncodedAgain(t *testing.T) {
	store := &meanwhile{Store: features.NewMemory(1 << 20)}
	c := features.New(store, features.Float32)
	first := 0
	store.what = func() { _, first = fill(t, c, "a") }
	vectors, encoded := fill(t, c, "a", "bb")
	if first != 1 || encoded != 1 || vectors[0][0] != 1 || vectors[1][0] != 2 {
		t.Errorf("the first encoded %d, the second %d: %v", first, encoded, vectors)
	}
}

func TestAFailureIsNotShared(t *testing.T) {
	c := features.New(features.NewMemory(1<<20), features.Float32)
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

func TestHalfPrecisionIsRoundedBeforeItsFirstUse(t *testing.T) {
	c := features.New(features.NewMemory(1<<20), features.Float16)
	encode := func(context.Context, []int) ([][]float32, error) {
		return [][]float32{{0.1, -3.14159, 65504, 1e-7}, {0.1, 70000}}, nil
	}
	cold, _, err := c.Fill(t.Context(), []string{"a", "large"}, encode)
	if err != nil {
		t.Fatal(err)
	}
	// The nearest halves; what none can hold stays as it is.
	if want := []float32{0.099975586, -3.140625, 65504, 1.1920929e-07}; !slices.Equal(cold[0], want) {
		t.Errorf("rounded to %v; want %v", cold[0], want)
	}
	if !slices.Equal(cold[1], []float32{0.1, 70000}) {
		t.Errorf("beyond half precision: %v", cold[1])
	}
	warm, hits, err := c.Fill(t.Context(), []string{"large", "a"}, nil)
	if err != nil || hits != 2 || !slices.Equal(warm[1], cold[0]) || !slices.Equal(warm[0], cold[1]) {
		t.Errorf("warm %v, %d hits, %v", warm, hits, err)
	}
}

// A far store counts what is asked of it.
type far struct {
	features.Store
	gets int
}

func (f *far) Get(ctx context.Context, keys []string) ([][]byte, error) {
	f.gets += len(keys)
	return f.Store.Get(ctx, keys)
}

func TestWhatIsNearDoesNotTravelAgain(t *testing.T) {
	away := &far{Store: features.NewMemory(1 << 20)}
	fill(t, features.New(away, features.Float32), "a", "bb")
	away.gets = 0
	c := features.New(features.NewNear(features.NewMemory(1<<20), away), features.Float32)
	for range 3 {
		if _, encoded := fill(t, c, "a", "bb"); encoded != 0 {
			t.Errorf("%d encoded", encoded)
		}
	}
	if away.gets != 2 {
		t.Errorf("%d values were read from far away; want each once", away.gets)
	}
	featurestest.Run(t, func(*testing.T) features.Store {
		return features.NewNear(features.NewMemory(1<<24), features.NewMemory(1<<24))
	})
}

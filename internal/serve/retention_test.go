package serve

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/answers/store"
)

// forgotten notes the ages that it was told to forget.
type forgotten struct {
	ages []time.Duration
	fail error
}

func (f *forgotten) Prune(_ context.Context, before time.Time) (store.Pruned, error) {
	f.ages = append(f.ages, time.Since(before))
	return store.Pruned{}, f.fail
}

func TestWhatIsOldIsForgottenOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := &forgotten{fail: errors.New("down")}, newRetention(30*24*time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		go r.keep(ctx, f, slog.New(slog.DiscardHandler))
		synctest.Wait()
		time.Sleep(forgetEvery)
		synctest.Wait()
		if err := r.set(Settings{Store: StoreSettings{Retention: 24 * time.Hour}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(forgetEvery)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if want := []time.Duration{30 * 24 * time.Hour, 30 * 24 * time.Hour, 24 * time.Hour}; !slices.Equal(f.ages, want) {
			t.Errorf("told to forget what is older than %v; want %v", f.ages, want)
		}
	})
}

func TestAStoreKeepsOutcomesAtLeastAsLongAsTopicsKeepRecords(t *testing.T) {
	r := newRetention(time.Hour)
	for d, want := range map[time.Duration]bool{time.Hour: false, time.Minute: false, time.Hour + 1: true, 0: true} {
		if got := r.shorterThan(d); got != want {
			t.Errorf("an hour is shorter than %v: %v", d, got)
		}
	}
	if (*retention)(nil).shorterThan(0) {
		t.Error("for ever is shorter than for ever")
	}
}

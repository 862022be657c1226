package spool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

// A bounded spool has a quota.
type bounded interface {
	keeper
	measured
	Admit(ctx context.Context, size int64) error
}

// eachKind runs a test on two spools of one place, as two processes have them.
func eachKind(t *testing.T, maxBytes, quota int64, do func(t *testing.T, one, other bounded)) {
	t.Run("folder", func(t *testing.T) {
		cfg := spool.Config{Dir: t.TempDir(), MaxBytes: maxBytes, Quota: quota}
		do(t, open(t, cfg), open(t, cfg))
	})
	t.Run("remote", func(t *testing.T) {
		client, _ := objects(t)
		do(t, remote(t, client, maxBytes, quota), remote(t, client, maxBytes, quota))
	})
}

func TestTwoProcessesKeepToOneQuota(t *testing.T) {
	eachKind(t, 1<<20, 100, func(t *testing.T, one, other bounded) {
		keep := func(s bounded, text string) (digest string) {
			t.Helper()
			digest, _, err := s.Put(t.Context(), strings.NewReader(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			return digest
		}
		first := keep(one, strings.Repeat("a", 60))
		keep(other, strings.Repeat("b", 30))
		for i, s := range []bounded{one, other} {
			if _, _, err := s.Put(t.Context(), strings.NewReader(strings.Repeat("c", 11)), nil); !errors.Is(err, fault.Overloaded) {
				t.Errorf("process %d takes 11 bytes where 10 are free: %v", i, err)
			}
			if err := s.Admit(t.Context(), 11); !errors.Is(err, fault.Overloaded) {
				t.Errorf("and would admit them: %v", err)
			}
			if err := s.Admit(t.Context(), 10); err != nil {
				t.Errorf("10 bytes are not admitted: %v", err)
			}
			if err := s.Admit(t.Context(), 1<<20+1); !errors.Is(err, fault.TooLarge) {
				t.Errorf("nor is more than one upload may have: %v", err)
			}
		}
		if got := used(t, one); got != 90 {
			t.Errorf("%d bytes are used; want 90: what was refused has left nothing", got)
		}
		if err := other.Remove(t.Context(), first); err != nil { // not by the process that counted it
			t.Fatal(err)
		}
		keep(one, strings.Repeat("d", 70))
		if got := used(t, other); got != 100 {
			t.Errorf("%d bytes are used; want 100", got)
		}
		if err := one.Admit(t.Context(), 0); !errors.Is(err, fault.Overloaded) {
			t.Errorf("where nothing is free, something is admitted: %v", err)
		}
	})
}

// Uploads that are only being written count: a process sees those of another.
func TestWhatIsBeingWrittenCounts(t *testing.T) {
	eachKind(t, 1<<20, 1000, func(t *testing.T, one, other bounded) {
		var group sync.WaitGroup
		var kept atomic.Int64
		for i := range 16 {
			group.Go(func() {
				text := fmt.Sprintf("%02d", i) + strings.Repeat("x", 98)
				_, n, err := []bounded{one, other}[i%2].Put(t.Context(), strings.NewReader(text), nil)
				if err != nil && !errors.Is(err, fault.Overloaded) {
					t.Error(err)
				}
				kept.Add(n)
			})
		}
		group.Wait()
		if got := used(t, one); got > 1000 || got != kept.Load() {
			t.Errorf("%d bytes are used, of 1000; %d were accepted", got, kept.Load())
		}
	})
	dir := t.TempDir()
	cfg := spool.Config{Dir: dir, MaxBytes: 80, Quota: 100}
	one, other := open(t, cfg), open(t, cfg)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, _, err := one.Put(t.Context(), r, nil)
		done <- err
	}()
	if _, err := w.Write([]byte(strings.Repeat("a", 60))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a")); err != nil { // the first 60 are written when this is taken
		t.Fatal(err)
	}
	if _, _, err := other.Put(t.Context(), strings.NewReader(strings.Repeat("b", 50)), nil); !errors.Is(err, fault.Overloaded) {
		t.Errorf("50 bytes fit beside an upload of 61 that is under way: %v", err)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWhatAProcessLeftHalfWrittenIsForgotten(t *testing.T) {
	dir := t.TempDir()
	f := open(t, spool.Config{Dir: dir, Quota: 100})
	part := filepath.Join(dir, "parts", "1")
	if err := os.WriteFile(part, make([]byte, 90), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Admit(t.Context(), 20); !errors.Is(err, fault.Overloaded) {
		t.Errorf("what another may be writing does not count: %v", err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(part, old, old); err != nil {
		t.Fatal(err)
	}
	put(t, f, strings.Repeat("a", 50))
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what nobody writes any more is still there: %v", err)
	}
}

// Objects of others may lie beside ours, under keys that begin alike.
func TestARemoteSpoolLeavesTheObjectsOfOthersAlone(t *testing.T) {
	client, _ := objects(t)
	ctx := t.Context()
	hexes := digestOf("x")[len("sha256:"):]
	theirs := []string{"spool-2/" + hexes, "spool/notes.txt", "spool/.pending/x-1", "spool/deep/" + hexes}
	for _, key := range theirs {
		if err := client.Write(ctx, "media", key, strings.NewReader("theirs"), 6); err != nil {
			t.Fatal(err)
		}
	}
	far := remote(t, client, 100, 10)
	if _, _, err := far.Put(ctx, strings.NewReader("0123456789"), nil); err != nil {
		t.Error(err)
	}
	if n, err := far.Sweep(ctx, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("%d uploads were swept away, %v; want one", n, err)
	}
	for _, key := range theirs {
		r, _, err := client.Read(ctx, "media", key)
		if err != nil {
			t.Errorf("%s is gone: %v", key, err)
			continue
		}
		r.Close()
	}
}

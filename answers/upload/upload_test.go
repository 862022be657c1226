package upload_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/upload"
	"videoqa/ingest"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

func open(t *testing.T) (*sqlite.Store, *spool.Folder) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	folder, err := spool.Open(spool.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return db, folder
}

// Several processes bring the same bytes for clips of theirs and delete them again:
// a clip that was taken always has its media, and in the end there is nothing.
func TestTheSameBytesComeAndGoAtOnce(t *testing.T) {
	db, folder := open(t)
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			k := upload.New(folder, db, nil)
			for turn := range 10 {
				if err := comeAndGo(t.Context(), k, db, folder, fmt.Sprint("c-", i), 2*turn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := upload.New(folder, db, nil).Clear(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := folder.Used(t.Context()); n != 0 || err != nil {
		t.Errorf("%d bytes are left (%v)", n, err)
	}
}

func comeAndGo(ctx context.Context, k *upload.Keeper, db *sqlite.Store, folder *spool.Folder, id string, at int) error {
	u, err := k.Take(ctx, strings.NewReader("a dog"), nil)
	if err != nil {
		return err
	}
	if err := db.PutClip(ctx, ingest.Clip{ID: id, URI: u.URI}, time.Unix(int64(at), 0)); err != nil {
		return err
	}
	k.Release(ctx, u)
	file, err := folder.Get(ctx, u.Digest)
	if err != nil {
		return fmt.Errorf("clip %s has no media: %w", id, err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := db.DeleteClip(ctx, id, time.Unix(int64(at+1), 0)); err != nil {
		return err
	}
	return k.Clear(ctx)
}

func TestARefusedUploadLeavesNothing(t *testing.T) {
	db, folder := open(t)
	k := upload.New(folder, db, slog.New(slog.DiscardHandler))
	refused := errors.New("not this one")
	told := ""
	_, err := k.Take(t.Context(), strings.NewReader("a dog"), func(digest string) error {
		told = digest
		return refused
	})
	if !errors.Is(err, refused) || !strings.HasPrefix(told, "sha256:") {
		t.Errorf("refused with %v, of %s", err, told)
	}
	if n, err := folder.Used(t.Context()); n != 0 || err != nil {
		t.Errorf("%d bytes are left (%v)", n, err)
	}
}

// A removal that another process has begun is waited for, and not for ever.
func TestAnUploadWaitsForItsOwnRemoval(t *testing.T) {
	db, folder := open(t)
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		k := upload.New(folder, db, nil)
		u, err := k.Take(ctx, strings.NewReader("a dog"), nil)
		if err != nil {
			t.Fatal(err)
		}
		lend := func(most time.Duration) {
			t.Helper()
			if taken, err := db.TakeUnused(ctx, time.Now().Add(8*24*time.Hour), time.Now().Add(most), 9); len(taken) != 1 || err != nil {
				t.Fatalf("%v is taken (%v)", taken, err)
			}
		}
		lend(10 * time.Second) // by a process that ends before it has removed it
		began := time.Now()
		if err := k.Use(ctx, u.URI, store.RequestUser("other")); err != nil || time.Since(began) < 9*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		lend(time.Hour)
		if err := k.Use(ctx, u.URI, store.RequestUser("other")); !errors.Is(err, fault.Overloaded) {
			t.Errorf("while it is being removed for an hour: %v", err)
		}
		if err := k.ClearAll(ctx); !errors.Is(err, fault.Unavailable) {
			t.Errorf("all is cleared, they say, while it is being removed: %v", err)
		}
		go func() {
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if err := db.GiveBack(ctx, u.URI, false); err != nil {
				t.Error(err)
			}
		}()
		if err := k.ClearAll(ctx); err != nil {
			t.Errorf("when another gives it back: %v", err)
		}
		if _, err := folder.Get(ctx, u.Digest); err == nil {
			t.Error("what another could not remove is still there")
		}
	})
}

func TestWhereNoWorkerClearsTheKeeperDoes(t *testing.T) {
	db, folder := open(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		k := upload.New(folder, db, nil)
		u, err := k.Take(ctx, strings.NewReader("a dog"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PutClip(ctx, ingest.Clip{ID: "c-1", URI: u.URI}, time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		k.Release(ctx, u)
		ended := make(chan struct{})
		go func() {
			k.Run(ctx)
			close(ended)
		}()
		if err := db.DeleteClip(ctx, "c-1", time.Now()); err != nil { // as another process would
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if _, err := folder.Get(ctx, u.Digest); err == nil {
			t.Error("it stays for ever")
		}
		cancel()
		<-ended
	})
}

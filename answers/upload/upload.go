// Package upload keeps an upload for as long as something uses it: a clip that is
// there, a question that is not settled, a request that has just brought it.
//
//	k := upload.New(folder, db, log)
//	u, err := k.Take(ctx, body, nil)            // on the disk, and used by this request
//	err = k.Use(ctx, u.URI, store.ClipUser(id)) // for whom it was brought
//	k.Release(ctx, u)                           // the request needs it no more
//	err = k.Clear(ctx)                          // unused uploads are removed
//
// Who uses an upload is in the store, which all processes share. It is noted
// before the bytes get their name in the spool, and a caller that removes an upload
// borrows it from the store until it is gone. So neither two that bring the same
// bytes, nor one that brings and one that removes them, come into each other's way,
// in whichever process they are.
package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/sleep"
)

// A Spool keeps bytes by their digest; those of package spool do.
type Spool interface {
	// Put keeps bytes, unless accept, told their digest, returns an error.
	Put(ctx context.Context, r io.Reader, accept func(digest string) error) (digest string, size int64, err error)
	Remove(ctx context.Context, digest string) error
}

// Until is how long users of an upload are noted that no worker has seen yet, from
// now: as long as topics keep their records by default.
func Until() time.Time { return time.Now().Add(7 * 24 * time.Hour) }

const (
	clearEvery  = 5 * time.Second
	clearAtOnce = 8
	clearLease  = 2 * time.Minute  // of clearAtOnce uploads
	removeLimit = 10 * time.Second // of each: so a loan never ends while it is removed
	busyPause   = 20 * time.Millisecond
	busyLimit   = 20 * time.Second
)

// A Keeper keeps uploads. It has no state of its own.
type Keeper struct {
	spool Spool
	store store.Uploads
	log   *slog.Logger
}

// New returns a keeper; log may be nil.
func New(spool Spool, users store.Uploads, log *slog.Logger) *Keeper {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{spool, users, log}
}

// An Upload is one that a request has brought.
type Upload struct {
	URI, Digest string
	user        string // the request
}

// Take keeps r's bytes for a request, which has to [Keeper.Release] them. accept,
// if not nil, can still refuse them when it knows their digest. Errors are the
// spool's, the store's and accept's.
func (k *Keeper) Take(ctx context.Context, r io.Reader, accept func(digest string) error) (u Upload, err error) {
	_, _, err = k.spool.Put(ctx, r, func(digest string) error {
		if accept != nil {
			if err := accept(digest); err != nil {
				return err
			}
		}
		u = Upload{ingest.UploadURI(digest), digest, store.RequestUser(rand.Text())}
		return k.Use(ctx, u.URI, u.user)
	})
	if err != nil && u.URI != "" {
		k.Release(ctx, u)
	}
	return u, err
}

// Use notes users of an upload, until a worker has seen them; if it is being
// removed just now, it waits for that.
func (k *Keeper) Use(ctx context.Context, uri string, users ...string) error {
	limited, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	for {
		noted, err := k.store.UseUpload(ctx, uri, Until(), users...)
		if err != nil || noted {
			return err
		}
		if sleep.For(limited, busyPause) == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("upload: keep: the same bytes are just being removed: %w", fault.Overloaded)
	}
}

// Release says that the request that brought u needs it no more; what no other user
// uses is removed. The client may have gone away: the end of ctx does not matter.
// What fails is logged, and tried again at the next clearing.
func (k *Keeper) Release(ctx context.Context, u Upload) {
	ctx = context.WithoutCancel(ctx)
	err := k.store.LeaveUpload(ctx, u.URI, u.user)
	if err == nil {
		err = k.Clear(ctx)
	}
	k.warn(err)
}

func (k *Keeper) warn(err error) {
	if err != nil {
		k.log.Warn("uploads that nothing uses are not removed yet", "error", err)
	}
}

// Clear removes uploads that nothing uses any more, and returns when it is gone, but for
// what another process is removing.
func (k *Keeper) Clear(ctx context.Context) error {
	for {
		now := time.Now()
		uris, err := k.store.TakeUnused(ctx, now, now.Add(clearLease), clearAtOnce)
		if err != nil {
			return err
		}
		for _, uri := range uris {
			err = errors.Join(err, k.remove(ctx, uri))
		}
		if err != nil || len(uris) < clearAtOnce {
			return err
		}
	}
}

// ClearAll is Clear, and waits for what another process is removing.
func (k *Keeper) ClearAll(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	if err := k.Clear(ctx); err != nil {
		return err
	}
	awaited, err := k.store.Lent(ctx, time.Now()) // what is lent later is nothing that we could promise
	for lent := awaited; err == nil; lent, err = k.store.Lent(ctx, time.Now()) {
		// What was given back before that list was read, because it could not be
		// removed, is ours to remove now.
		if err := k.Clear(ctx); err != nil {
			return err
		}
		awaited = slices.DeleteFunc(awaited, func(uri string) bool { return !slices.Contains(lent, uri) })
		if len(awaited) == 0 {
			return nil
		}
		if err := sleep.For(limited, busyPause); err != nil {
			return fmt.Errorf("upload: clear: %d are still being removed by another process: %w: %w", len(awaited), err, fault.Unavailable)
		}
	}
	return err
}

// remove removes one that was lent, or gives it back.
func (k *Keeper) remove(ctx context.Context, uri string) error {
	limited, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	digest, is := ingest.UploadDigest(uri)
	var err error
	if is {
		err = k.spool.Remove(limited, digest)
	}
	return errors.Join(err, k.store.GiveBack(context.WithoutCancel(ctx), uri, err == nil))
}

// Run clears every few seconds until ctx ends, where no worker does.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(clearEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := k.Clear(ctx); ctx.Err() == nil {
			k.warn(err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

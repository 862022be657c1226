package fair

import (
	"context"
	"slices"
	"sync"
)

// A Batcher runs the work of callers that wait for a slot with the same key in one
// call: a caller that comes before the slot is granted joins the waiting batch, up to
// its weight limit. The zero value with its fields set is ready; many goroutines may
// use it.
type Batcher[K comparable, W any] struct {
	Scheduler *Scheduler
	Most      int // weight of a batch; a heavier request runs alone

	// Run does the work of a batch, in the order of arrival. It is called in a goroutine
	// of its own once the batch has a slot, and gives the slot back by calling release or
	// by returning. For one caller its context is the caller's. For several it has the
	// values of the first caller's and ends when the last of their contexts has ended.
	Run func(ctx context.Context, release func(), work []W) error

	mu   sync.Mutex
	open map[batchKey[K]]*batch[W] // that callers may still join
}

// Callers of different priority never share a batch: nobody inherits a low priority.
type batchKey[K comparable] struct {
	key K
	low bool
}

type batch[W any] struct {
	members []*member[W] // without those that left before the batch had its slot
	weight  int
	left    int // members that left since the batch has its slot
	begun   bool
	stop    context.CancelCauseFunc
	over    chan struct{} // closed once err is set
	err     error
}

type member[W any] struct {
	ctx    context.Context
	work   W
	weight int
}

// Do runs work in one batch with that of other callers, and returns the error of Run.
// A caller whose ctx ends leaves a batch that still waits. Once the batch runs for
// others too, Do returns only when Run has returned, because Run borrows work.
func (b *Batcher[K, W]) Do(ctx context.Context, key K, weight int, work W) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	which := batchKey[K]{key, isLowPriority(ctx)}
	in, me := b.join(ctx, which, &member[W]{ctx, work, weight})
	select {
	case <-in.over:
		return in.err
	case <-ctx.Done():
	}
	if b.leave(ctx, which, in, me) {
		return context.Cause(ctx)
	}
	<-in.over
	if in.err != nil {
		return context.Cause(ctx)
	}
	return nil // the work was done before its cancellation was noticed
}

// join adds me to the open batch of its key, or to a new one. A batch that is full
// keeps its place in the scheduler's queue.
func (b *Batcher[K, W]) join(ctx context.Context, which batchKey[K], me *member[W]) (*batch[W], *member[W]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in := b.open[which]
	if in == nil || in.weight+me.weight > b.Most {
		in = &batch[W]{over: make(chan struct{})}
		if b.open == nil {
			b.open = map[batchKey[K]]*batch[W]{}
		}
		b.open[which] = in
		var run context.Context
		run, in.stop = context.WithCancelCause(context.WithoutCancel(ctx))
		go b.run(run, which, in)
	}
	in.members, in.weight = append(in.members, me), in.weight+me.weight
	return in, me
}

// leave removes me from a batch that waits and returns true; its work is then never
// touched. It returns false if the batch already runs. When the last member leaves,
// the batch ends.
func (b *Batcher[K, W]) leave(ctx context.Context, which batchKey[K], in *batch[W], me *member[W]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if in.begun {
		if in.left++; in.left == len(in.members) {
			in.stop(context.Cause(ctx))
		}
		return false
	}
	in.members = slices.DeleteFunc(in.members, func(o *member[W]) bool { return o == me })
	if in.weight -= me.weight; len(in.members) == 0 {
		b.close(which, in)
		in.stop(context.Cause(ctx))
	}
	return true
}

// close keeps further callers from joining in.
func (b *Batcher[K, W]) close(which batchKey[K], in *batch[W]) {
	if b.open[which] == in {
		delete(b.open, which)
	}
}

// run waits for the batch's slot, and then runs its work.
func (b *Batcher[K, W]) run(ctx context.Context, which batchKey[K], in *batch[W]) {
	defer close(in.over)
	defer in.stop(nil)
	release, err := b.Scheduler.Acquire(ctx)
	if err != nil {
		in.err = err // every member has left
		return
	}
	defer release()
	if work := b.begin(which, in); len(work) > 0 {
		if len(work) == 1 {
			ctx = in.members[0].ctx
		}
		in.err = b.Run(ctx, release, work)
	}
}

// begin closes the batch and returns its work.
func (b *Batcher[K, W]) begin(which batchKey[K], in *batch[W]) (work []W) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close(which, in)
	in.begun = true
	for _, m := range in.members {
		work = append(work, m.work)
	}
	return work
}

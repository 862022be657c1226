package turns

import (
	"context"
	"slices"
	"sync"
)

// Groups let callers that wait for a turn with work of one key share it: whoever
// comes before the turn does goes along, as far as there is room. The zero value
// with its fields set is ready, and may be used by many goroutines.
type Groups[K comparable, W any] struct {
	Turns *Turns
	Most  int // weight of a group; one member may weigh more, alone

	// Run does what the members of a group came with, in their order. It is called
	// once the group's turn has come, from a goroutine of its own, and gives the
	// turn back by calling done or by returning. Its context is that of the only
	// member, or has the values of the first one's and ends once all have ended.
	Run func(ctx context.Context, done func(), work []W) error

	mu   sync.Mutex
	open map[kind[K]]*group[W] // that take members
}

// A kind is what groups are apart by: nobody is made to wait with those who give way.
type kind[K comparable] struct {
	key    K
	behind bool
}

type group[W any] struct {
	members []*member[W] // those that left before the turn came are gone
	weight  int
	left    int // of members, since the turn came
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

// Do has work done with what others bring, and returns what Run did. A caller
// whose ctx ends leaves a group that waits; once its work is being done for others
// too, Do returns when that is over, because work is borrowed until then.
func (g *Groups[K, W]) Do(ctx context.Context, key K, weight int, work W) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	which := kind[K]{key, isBehind(ctx)}
	in, me := g.join(ctx, which, &member[W]{ctx, work, weight})
	select {
	case <-in.over:
		return in.err
	case <-ctx.Done():
	}
	if g.leave(ctx, which, in, me) {
		return context.Cause(ctx)
	}
	<-in.over
	if in.err != nil {
		return context.Cause(ctx)
	}
	return nil // it was done before anybody noticed
}

// join adds me to the open group of key, or to a new one. A group that is full
// goes on waiting for its turn.
func (g *Groups[K, W]) join(ctx context.Context, which kind[K], me *member[W]) (*group[W], *member[W]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.open[which]
	if in == nil || in.weight+me.weight > g.Most {
		in = &group[W]{over: make(chan struct{})}
		if g.open == nil {
			g.open = map[kind[K]]*group[W]{}
		}
		g.open[which] = in
		var run context.Context
		run, in.stop = context.WithCancelCause(context.WithoutCancel(ctx))
		go g.run(run, which, in)
	}
	in.members, in.weight = append(in.members, me), in.weight+me.weight
	return in, me
}

// leave takes me out, and says whether its work will not be touched any more. The
// last one to leave ends the group.
func (g *Groups[K, W]) leave(ctx context.Context, which kind[K], in *group[W], me *member[W]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if in.begun {
		if in.left++; in.left == len(in.members) {
			in.stop(context.Cause(ctx))
		}
		return false
	}
	in.members = slices.DeleteFunc(in.members, func(o *member[W]) bool { return o == me })
	if in.weight -= me.weight; len(in.members) == 0 {
		g.close(which, in)
		in.stop(context.Cause(ctx))
	}
	return true
}

// close lets nobody join in any more.
func (g *Groups[K, W]) close(which kind[K], in *group[W]) {
	if g.open[which] == in {
		delete(g.open, which)
	}
}

// run waits for the group's turn and has its work done.
func (g *Groups[K, W]) run(ctx context.Context, which kind[K], in *group[W]) {
	defer close(in.over)
	defer in.stop(nil)
	done, err := g.Turns.Take(ctx)
	if err != nil {
		in.err = err // nobody is left to read it
		return
	}
	defer done()
	if work := g.begin(which, in); len(work) > 0 {
		if len(work) == 1 {
			ctx = in.members[0].ctx
		}
		in.err = g.Run(ctx, done, work)
	}
}

// begin returns what a group will do, which nobody may join from now on.
func (g *Groups[K, W]) begin(which kind[K], in *group[W]) (work []W) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.close(which, in)
	in.begun = true
	for _, m := range in.members {
		work = append(work, m.work)
	}
	return work
}

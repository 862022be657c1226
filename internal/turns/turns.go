// Package turns shares what only a few can do at a time among those that wait for
// it, and lets those that wait with like work do it together.
//
//	t := turns.New(2)
//	ctx = turns.Line(ctx, camera)  // whoever asks says on whose behalf
//	done, err := t.Take(ctx)       // anywhere below
//	defer done()
//
// Turns go round among the lines that wait, and within a line by arrival: one that
// has a thousand waiting delays another by one turn. Nothing is ever waited for
// while a turn is free.
package turns

import (
	"context"
	"slices"
	"sync"
)

type (
	lineKey   struct{}
	behindKey struct{}
)

// Line returns ctx for work done on behalf of line: a camera, or a clip.
func Line(ctx context.Context, line string) context.Context {
	return context.WithValue(ctx, lineKey{}, line)
}

// Behind returns ctx for work that gives way to everybody else's, though not for ever.
func Behind(ctx context.Context) context.Context {
	return context.WithValue(ctx, behindKey{}, true)
}

func isBehind(ctx context.Context) bool { return ctx.Value(behindKey{}) != nil }

// Turns are so many at a time. They may be used by many goroutines.
type Turns struct {
	mu    sync.Mutex
	free  int
	rings [2]ring // that wait, and those that give way to them
	ahead int     // turns that others had while somebody gave way
}

// mostAhead is how many turns those who give way let others have before one is
// theirs: somebody may be waiting for what they do.
const mostAhead = 8

// A ring is the lines that wait, the next one first.
type ring struct {
	round []string
	lines map[string][]*waiter
}

type waiter struct{ granted chan struct{} } // closed under the lock

// New returns most turns, at least one.
func New(most int) *Turns {
	return &Turns{free: max(1, most), rings: [2]ring{{lines: map[string][]*waiter{}}, {lines: map[string][]*waiter{}}}}
}

// Take waits for a turn, or for the end of ctx, whose cause it then returns. done
// gives the turn back, and may be called again.
func (t *Turns) Take(ctx context.Context) (done func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	line, _ := ctx.Value(lineKey{}).(string)
	class := 0
	if isBehind(ctx) {
		class = 1
	}
	w := &waiter{make(chan struct{})}
	t.mu.Lock()
	t.rings[class].add(line, w)
	t.grant()
	t.mu.Unlock()
	select {
	case <-w.granted:
		return sync.OnceFunc(t.giveBack), nil
	case <-ctx.Done():
		t.leave(class, line, w)
		return nil, context.Cause(ctx)
	}
}

func (t *Turns) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.grant()
}

// leave takes w out of its line, or hands on the turn that it was given meanwhile.
func (t *Turns) leave(class int, line string, w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.granted:
		t.free++
		t.grant()
	default:
		t.rings[class].remove(line, w)
	}
}

// grant gives away what is free.
func (t *Turns) grant() {
	for t.free > 0 {
		first, behind := &t.rings[0], &t.rings[1]
		switch {
		case len(behind.round) == 0:
			t.ahead = 0
		case len(first.round) == 0 || t.ahead >= mostAhead:
			t.ahead, first = 0, behind
		default:
			t.ahead++
		}
		if len(first.round) == 0 {
			return
		}
		t.free--
		close(first.next().granted)
	}
}

func (r *ring) add(line string, w *waiter) {
	if len(r.lines[line]) == 0 {
		r.round = append(r.round, line)
	}
	r.lines[line] = append(r.lines[line], w)
}

// next takes the first of the first line, which then is the last.
func (r *ring) next() *waiter {
	line := r.round[0]
	w := r.lines[line][0]
	r.round = append(r.round[1:], line)
	r.remove(line, w)
	return w
}

func (r *ring) remove(line string, w *waiter) {
	r.lines[line] = slices.DeleteFunc(r.lines[line], func(o *waiter) bool { return o == w })
	if len(r.lines[line]) == 0 {
		delete(r.lines, line)
		r.round = slices.DeleteFunc(r.round, func(l string) bool { return l == line })
	}
}

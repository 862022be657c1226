package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A crash in C takes the process with it, and whatever it was working on. So that
// one file cannot walk through a fleet, what is being worked on is written into a
// folder first, and removed after; what a process finds there when it starts was in
// hand at an unclean exit. It tells the store, where every process sees it:
//
//	suspect KEY   it was in hand at an exit, perhaps beside what is to blame: from
//	              now on it is asked about alone, while nothing else is
//	alone 1 KEY   it was alone at an exit
//	alone 2 KEY   and at another: questions about it are dead, crashed-worker
//
// A key is a clip's, a URI's or a range's. Looked at alone without an exit, it is
// cleared. Which clip of a range is to blame is not known, so all of them are suspect,
// and exits are counted against the range; before a range is asked about alone, each
// suspect clip of it is looked at alone, and one that is to blame is left out.
// A process that is gone tells the store when it comes back, which has to be within
// its session for no other to meet the same; one other at most does. Files are not
// synced: they have to outlive the process, not the machine.

// A Guard keeps that journal for one process. A [Worker] has one; a process that
// decodes without one makes its own.
type Guard struct {
	cfg       Config
	company   sync.RWMutex // held for writing by a batch that is to be alone
	recovered bool
}

// NewGuard returns a guard over cfg's Journal, Store, Patience, Hang, Exit and Log.
func NewGuard(cfg Config) *Guard { return &Guard{cfg: cfg.withDefaults()} }

// Look has do work on a clip for which nobody's outcome depends on it: with the
// journal and the watchdog, for as long as Patience. It returns
// [fault.CrashedWorker] for a clip that was in hand at an unclean exit, until a
// question about it, asked alone, has shown that it is not to blame.
func (g *Guard) Look(ctx context.Context, c ingest.Clip, do func(context.Context) error) error {
	b := &batch{target: target{clip: c}}
	alone, err := g.suspicion(ctx, b)
	if err == nil && alone {
		err = fmt.Errorf("worker: look at clip %s: it was in hand when a process ended uncleanly, and is left alone until a question about it is answered: %w", c.ID, fault.CrashedWorker)
	}
	if err != nil {
		return err
	}
	return g.within(ctx, b, false, func(ctx context.Context) (looked bool, err error) { return true, do(ctx) })
}

// within has do work on what b is about, and say whether it was looked at.
func (g *Guard) within(ctx context.Context, b *batch, alone bool, do func(context.Context) (looked bool, err error)) error {
	leave, err := g.enter(ctx, b, alone)
	if err != nil {
		return err
	}
	looked := false
	defer func() { leave(looked) }()
	limited, cancel := context.WithTimeoutCause(ctx, g.cfg.Patience, fault.Overrun{Limit: g.cfg.Patience, Setting: "--work-patience"})
	defer cancel()
	defer g.watch(b)()
	looked, err = do(limited)
	return err
}

// An entry is a batch in hand.
type entry struct {
	Target    string   `json:"target"` // that exits are counted against
	Keys      []string `json:"keys"`
	Questions []string `json:"questions"`
	Alone     bool     `json:"alone"`
	Began     string   `json:"began"`
}

// mostKeys is of how many clips of one range it is asked whether they are suspect.
const mostKeys = 256

// keys name the media of a target.
func (t target) keys() (keys []string) {
	switch {
	case t.recording != nil:
		for _, c := range t.recording.clips {
			keys = append(keys, "clip "+c.ID)
		}
		return keys[:min(len(keys), mostKeys)]
	case t.clip.ID != "":
		return []string{"clip " + t.clip.ID}
	}
	return []string{"uri " + t.clip.URI}
}

// counted is the key that exits are counted against when t was alone.
func (t target) counted() string {
	if r := t.recording; r != nil {
		return fmt.Sprintf("range %s %d %d", r.camera, r.from.UnixMilli(), r.to.UnixMilli())
	}
	return t.keys()[0]
}

// Pardon forgets the exits that were counted against what q is about, so that it is
// asked about again, alone, and is dead after two more.
func Pardon(ctx context.Context, s store.Claims, q ingest.Question) error {
	about := target{clip: ingest.Clip{ID: q.ClipID, URI: q.URI}}
	if q.ClipID == "" && q.URI == "" {
		about = target{recording: &recording{camera: q.Camera, from: q.Start.Time, to: q.End.Time}}
	}
	key := about.counted()
	return errors.Join(s.Unclaim(ctx, "alone 1 "+key), s.Unclaim(ctx, "alone 2 "+key))
}

// note writes that b is in hand; done removes it.
func (g *Guard) note(b *batch, alone bool) (done func(), err error) {
	if g.cfg.Journal == "" {
		return func() {}, nil
	}
	e := entry{Target: b.target.counted(), Keys: b.target.keys(), Alone: alone, Began: time.Now().UTC().Format(time.RFC3339)}
	for _, j := range b.jobs {
		e.Questions = append(e.Questions, j.question.ID)
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings always marshal
	}
	file, err := os.CreateTemp(g.cfg.Journal, "*.part")
	if err != nil {
		return nil, fmt.Errorf("worker: write journal: %w: %w", err, fault.Unavailable)
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	path := file.Name() + ".json"
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("worker: write journal: %w: %w", err, fault.Unavailable)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			g.cfg.Log.Error("the journal cannot be cleared: what it names will be asked about alone", "error", err)
		}
	}, nil
}

// Recover tells the store what was in hand when a process ended uncleanly. It comes
// before anything is let in, and does nothing when called again.
func (g *Guard) Recover(ctx context.Context) error {
	if g.cfg.Journal == "" || g.recovered {
		return nil
	}
	if err := os.MkdirAll(g.cfg.Journal, 0o700); err != nil {
		return fmt.Errorf("worker: open journal: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(g.cfg.Journal, "*"))
	if err != nil {
		return fmt.Errorf("worker: open journal: %w", err)
	}
	for _, path := range paths {
		if err := g.recoverEntry(ctx, path); err != nil {
			return err
		}
	}
	g.recovered = true
	return nil
}

func (g *Guard) recoverEntry(ctx context.Context, path string) error {
	var e entry
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("worker: read journal: %w", err)
	}
	if filepath.Ext(path) == ".json" && json.Unmarshal(text, &e) == nil { // else its writing was cut short, before any work
		g.cfg.Log.Error("the process ended with this in hand: it will be asked about alone", "media", e.Keys, "questions", e.Questions, "began", e.Began, "alone", e.Alone)
		if err := g.suspect(ctx, e, filepath.Base(path)); err != nil {
			return err
		}
	}
	return os.Remove(path)
}

// suspect counts an exit that e was in hand at. exit names it, so that it counts
// once.
func (g *Guard) suspect(ctx context.Context, e entry, exit string) error {
	return g.insist(ctx, "tell of an unclean exit", func() error {
		for _, key := range e.Keys {
			if _, err := g.cfg.Store.Claim(ctx, "suspect "+key, exit); err != nil {
				return err
			}
		}
		if !e.Alone {
			return nil
		}
		first, err := g.cfg.Store.Claim(ctx, "alone 1 "+e.Target, exit)
		if err == nil && first != exit {
			_, err = g.cfg.Store.Claim(ctx, "alone 2 "+e.Target, exit)
		}
		return err
	})
}

// suspicion tells whether b has to be asked about alone, or not at all, which is
// [fault.CrashedWorker].
func (g *Guard) suspicion(ctx context.Context, b *batch) (alone bool, err error) {
	if g.cfg.Journal == "" {
		return false, nil
	}
	for _, key := range b.target.keys() {
		_, suspect, err := g.cfg.Store.Claimed(ctx, "suspect "+key)
		if err != nil && !damaged(err) { // a damaged claim is one all the same
			return false, err
		}
		alone = alone || suspect
	}
	if !alone {
		return false, nil
	}
	key := b.target.counted()
	_, twice, err := g.cfg.Store.Claimed(ctx, "alone 2 "+key)
	if (err == nil || damaged(err)) && twice {
		err = fmt.Errorf("worker: ask: the process ended twice while it worked on %s and nothing else: %w", key, fault.CrashedWorker)
	}
	return alone, err
}

// clear takes back that b's media are suspect.
func (g *Guard) clear(ctx context.Context, b *batch) error {
	return g.insist(ctx, "clear a suspicion", func() error {
		names := []string{"alone 1 " + b.target.counted(), "alone 2 " + b.target.counted()}
		for _, key := range b.target.keys() {
			names = append(names, "suspect "+key, "alone 1 "+key, "alone 2 "+key)
		}
		for _, name := range names {
			if err := g.cfg.Store.Unclaim(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// enter waits for a batch's company to be as it has to be, and notes the batch in
// the journal. leave says that nothing crashed, and whether its media were looked at:
// if not, it is as suspect as before.
func (g *Guard) enter(ctx context.Context, b *batch, alone bool) (leave func(looked bool), err error) {
	enter, exit := g.company.RLock, g.company.RUnlock
	if alone {
		enter, exit = g.company.Lock, g.company.Unlock
	}
	enter()
	var done func()
	err = g.insist(ctx, "write the journal", func() (err error) {
		done, err = g.note(b, alone)
		return err
	})
	if err != nil {
		exit()
		return nil, err
	}
	return func(looked bool) {
		done()
		exit()
		if alone && looked {
			if err := g.clear(ctx, b); err != nil {
				g.cfg.Log.Warn("a suspicion is not cleared, and what it is about goes on being asked about alone", "error", err)
			}
		}
	}, nil
}

// watch ends the process if a call does not come back: a thread that hangs in C
// cannot be stopped otherwise. The journal says what it was about.
func (g *Guard) watch(b *batch) (stop func()) {
	if g.cfg.Exit == nil {
		return func() {}
	}
	timer := time.AfterFunc(g.cfg.Patience+g.cfg.Hang, func() {
		g.cfg.Exit(fmt.Sprintf("asking about %v has not come back %v after it was told to end", b.target.keys(), g.cfg.Hang))
	})
	return func() { timer.Stop() }
}

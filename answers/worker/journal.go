package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

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
// A key is a clip's or a URI's. Asked about alone without an exit, it is cleared.
// A process that is gone tells the store when it comes back, which has to be within
// its session for no other to meet the same; one other at most does. Files are not
// synced: they have to outlive the process, not the machine.

// An entry is a batch in hand.
type entry struct {
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
	case t.footage != nil:
		for _, c := range t.footage.Clips {
			keys = append(keys, "clip "+c.ID)
		}
		return keys[:min(len(keys), mostKeys)]
	case t.clip.ID != "":
		return []string{"clip " + t.clip.ID}
	}
	return []string{"uri " + t.clip.URI}
}

// note writes that b is in hand; done removes it.
func (w *Worker) note(b *batch, alone bool) (done func(), err error) {
	if w.cfg.Journal == "" {
		return func() {}, nil
	}
	e := entry{Keys: b.target.keys(), Alone: alone, Began: time.Now().UTC().Format(time.RFC3339)}
	for _, j := range b.jobs {
		e.Questions = append(e.Questions, j.question.ID)
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings always marshal
	}
	file, err := os.CreateTemp(w.cfg.Journal, "*.part")
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
			w.cfg.Log.Error("the journal cannot be cleared: what it names will be asked about alone", "error", err)
		}
	}, nil
}

// recover tells the store what was in hand when a process ended uncleanly.
func (w *Worker) recover(ctx context.Context) error {
	if w.cfg.Journal == "" {
		return nil
	}
	if err := os.MkdirAll(w.cfg.Journal, 0o700); err != nil {
		return fmt.Errorf("worker: open journal: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(w.cfg.Journal, "*"))
	if err != nil {
		return fmt.Errorf("worker: open journal: %w", err)
	}
	for _, path := range paths {
		if err := w.recoverEntry(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) recoverEntry(ctx context.Context, path string) error {
	var e entry
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("worker: read journal: %w", err)
	}
	if filepath.Ext(path) == ".json" && json.Unmarshal(text, &e) == nil { // else its writing was cut short, before any work
		w.cfg.Log.Error("the process ended with this in hand: it will be asked about alone", "media", e.Keys, "questions", e.Questions, "began", e.Began, "alone", e.Alone)
		for _, key := range e.Keys {
			if err := w.suspect(ctx, key, e.Alone, filepath.Base(path)); err != nil {
				return err
			}
		}
	}
	return os.Remove(path)
}

// suspect counts an exit that key was in hand at. exit names it, so that it counts
// once.
func (w *Worker) suspect(ctx context.Context, key string, alone bool, exit string) error {
	return w.insist(ctx, "tell of an unclean exit", func() error {
		if _, err := w.cfg.Store.Claim(ctx, "suspect "+key, exit); err != nil || !alone {
			return err
		}
		first, err := w.cfg.Store.Claim(ctx, "alone 1 "+key, exit)
		if err == nil && first != exit {
			_, err = w.cfg.Store.Claim(ctx, "alone 2 "+key, exit)
		}
		return err
	})
}

// suspicion tells whether b has to be asked about alone, or not at all, which is
// [fault.CrashedWorker].
func (w *Worker) suspicion(ctx context.Context, b *batch) (alone bool, err error) {
	if w.cfg.Journal == "" {
		return false, nil
	}
	for _, key := range b.target.keys() {
		_, suspect, err := w.cfg.Store.Claimed(ctx, "suspect "+key)
		if err != nil {
			return false, err
		}
		if !suspect {
			continue
		}
		alone = true
		_, twice, err := w.cfg.Store.Claimed(ctx, "alone 2 "+key)
		if err != nil {
			return false, err
		}
		if twice && !b.replayed() {
			return false, fmt.Errorf("worker: ask: the process ended twice while it worked on %s and nothing else: %w", key, fault.CrashedWorker)
		}
	}
	return alone, nil
}

// replayed tells whether an operator wants all of b asked again whatever happened.
func (b *batch) replayed() bool {
	for _, j := range b.jobs {
		if j.row == nil || j.row.Replaces == "" {
			return false
		}
	}
	return true
}

// clear takes back that b's media are suspect.
func (w *Worker) clear(ctx context.Context, b *batch) error {
	return w.insist(ctx, "clear a suspicion", func() error {
		for _, key := range b.target.keys() {
			for _, what := range []string{"suspect ", "alone 1 ", "alone 2 "} {
				if err := w.cfg.Store.Unclaim(ctx, what+key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// admit lets a batch in, alone if it has to be.
func (w *Worker) admit(ctx context.Context, b *batch) (leave func(), err error) {
	var alone bool
	err = w.insist(ctx, "look for suspicions", func() (err error) {
		alone, err = w.suspicion(ctx, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w.enter(ctx, b, alone)
}

// enter waits for a batch's company to be as it has to be, and notes the batch in
// the journal. leave says that nothing crashed.
func (w *Worker) enter(ctx context.Context, b *batch, alone bool) (leave func(), err error) {
	enter, exit := w.company.RLock, w.company.RUnlock
	if alone {
		enter, exit = w.company.Lock, w.company.Unlock
	}
	enter()
	var done func()
	err = w.insist(ctx, "write the journal", func() (err error) {
		done, err = w.note(b, alone)
		return err
	})
	if err != nil {
		exit()
		return nil, err
	}
	return func() {
		done()
		exit()
		if alone {
			if err := w.clear(ctx, b); err != nil {
				w.cfg.Log.Warn("a suspicion is not cleared, and what it is about goes on being asked about alone", "error", err)
			}
		}
	}, nil
}

// watch ends the process if a call does not come back: a thread that hangs in C
// cannot be stopped otherwise. The journal says what it was about.
func (w *Worker) watch(b *batch) (stop func()) {
	if w.cfg.Exit == nil {
		return func() {}
	}
	timer := time.AfterFunc(w.cfg.Patience+w.cfg.Hang, func() {
		w.cfg.Exit(fmt.Sprintf("asking about %v has not come back %v after it was told to end", b.target.keys(), w.cfg.Hang))
	})
	return func() { timer.Stop() }
}

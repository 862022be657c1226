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

// A crash in C ends the process. So that one file cannot crash every process of a group,
// a process writes into a folder which media it is about to decode, and removes the entry
// afterwards. Entries that it finds when it starts were in progress at a crash. It then
// quarantines their media in the store, for all processes:
//
//	suspect KEY   in progress at a crash, perhaps together with the media that caused
//	              it: from now on it is decoded in isolation, while nothing else is
//	alone 1 KEY   it crashed the process in isolation
//	alone 2 KEY   and once more: questions about it are dead, crashed-worker
//
// A key names a clip, a URI or a range. Decoded in isolation without a crash, it is
// released. Which clip of a range caused a crash is not known, so all of them are
// quarantined and crashes are counted against the range; before a range is asked about in
// isolation, each of its quarantined clips is decoded in isolation, and a clip that
// crashes the process twice is left out.
//
// A crashed process reports when it starts again. Unless that is within its session, one
// more process may meet the same media. Files are not synced: they have to survive the
// process, not the machine.

// A CrashJournal keeps that folder for one process. A [Worker] has one; a process that
// decodes without a worker makes its own.
type CrashJournal struct {
	cfg       Config
	isolation sync.RWMutex // held for writing by a batch in isolation
	recovered bool
}

// NewCrashJournal returns a journal over cfg's Journal, Store, Patience, Hang, Exit and Log.
func NewCrashJournal(cfg Config) *CrashJournal { return &CrashJournal{cfg: cfg.withDefaults()} }

// Do calls do, which works on a clip and decides no question's outcome, under the journal
// and the watchdog and for at most Patience. It returns [fault.CrashedWorker] for a
// quarantined clip, until a question about it has released it.
func (g *CrashJournal) Do(ctx context.Context, c ingest.Clip, do func(context.Context) error) error {
	b := &batch{target: target{clip: c}}
	alone, err := g.quarantined(ctx, b)
	if err == nil && alone {
		err = fmt.Errorf("worker: look at clip %s: a process crashed while it worked on it, and it is not decoded until a question about it is answered: %w", c.ID, fault.CrashedWorker)
	}
	if err != nil {
		return err
	}
	return g.within(ctx, b, false, func(ctx context.Context) (decoded bool, err error) { return true, do(ctx) })
}

// within calls do, which works on b's media and returns whether it decoded them.
func (g *CrashJournal) within(ctx context.Context, b *batch, alone bool, do func(context.Context) (decoded bool, err error)) error {
	leave, err := g.enter(ctx, b, alone)
	if err != nil {
		return err
	}
	decoded := false
	defer func() { leave(decoded) }()
	limited, cancel := context.WithTimeoutCause(ctx, g.cfg.Patience, fault.Overrun{Limit: g.cfg.Patience, Setting: "--work-patience"})
	defer cancel()
	defer g.watchdog(b)()
	decoded, err = do(limited)
	return err
}

// An entry is a batch in progress.
type entry struct {
	Target    string   `json:"target"` // that crashes are counted against
	Keys      []string `json:"keys"`
	Questions []string `json:"questions"`
	Alone     bool     `json:"alone"`
	Began     string   `json:"began"`
}

// mostKeys is for how many clips of one range the quarantine is read.
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

// exitKey is the key that crashes in isolation are counted against.
func (t target) exitKey() string {
	if r := t.recording; r != nil {
		return fmt.Sprintf("range %s %d %d", r.camera, r.from.UnixMilli(), r.to.UnixMilli())
	}
	return t.keys()[0]
}

// ReleaseQuarantine forgets the crashes counted against q's media, so that q is asked again
// in isolation, and is dead after two more crashes.
func ReleaseQuarantine(ctx context.Context, s store.Claims, q ingest.Question) error {
	about := target{clip: ingest.Clip{ID: q.ClipID, URI: q.URI}}
	if q.ClipID == "" && q.URI == "" {
		about = target{recording: &recording{camera: q.Camera, from: q.Start.Time, to: q.End.Time}}
	}
	key := about.exitKey()
	return errors.Join(s.Unclaim(ctx, "alone 1 "+key), s.Unclaim(ctx, "alone 2 "+key))
}

// note writes b's entry; done removes it.
func (g *CrashJournal) note(b *batch, alone bool) (done func(), err error) {
	if g.cfg.Journal == "" {
		return func() {}, nil
	}
	e := entry{Target: b.target.exitKey(), Keys: b.target.keys(), Alone: alone, Began: time.Now().UTC().Format(time.RFC3339)}
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
			g.cfg.Log.Error("an entry of the crash journal cannot be removed: after a restart its media will be decoded in isolation", "error", err)
		}
	}, nil
}

// Recover quarantines the media that were in progress at a crash. It comes before any other
// work, and does nothing when called again.
func (g *CrashJournal) Recover(ctx context.Context) error {
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

func (g *CrashJournal) recoverEntry(ctx context.Context, path string) error {
	var e entry
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("worker: read journal: %w", err)
	}
	if filepath.Ext(path) == ".json" && json.Unmarshal(text, &e) == nil { // else the crash came before the entry was whole, and so before any work
		g.cfg.Log.Error("the process crashed with this in progress: it will be decoded in isolation", "media", e.Keys, "questions", e.Questions, "began", e.Began, "alone", e.Alone)
		if err := g.countExit(ctx, e, filepath.Base(path)); err != nil {
			return err
		}
	}
	return os.Remove(path)
}

// countExit counts a crash at which e was in progress. exit names the crash, so that it
// counts once.
func (g *CrashJournal) countExit(ctx context.Context, e entry, exit string) error {
	return g.retryUnavailable(ctx, "report a crash", func() error {
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

// quarantined reports whether b has to run in isolation. It returns [fault.CrashedWorker] if b
// may not run at all.
func (g *CrashJournal) quarantined(ctx context.Context, b *batch) (alone bool, err error) {
	if g.cfg.Journal == "" {
		return false, nil
	}
	for _, key := range b.target.keys() {
		_, suspect, err := g.cfg.Store.Claimed(ctx, "suspect "+key)
		if err != nil && !damaged(err) { // a damaged claim counts as one
			return false, err
		}
		alone = alone || suspect
	}
	if !alone {
		return false, nil
	}
	key := b.target.exitKey()
	_, twice, err := g.cfg.Store.Claimed(ctx, "alone 2 "+key)
	if (err == nil || damaged(err)) && twice {
		err = fmt.Errorf("worker: ask: the process ended twice while it worked on %s and nothing else: %w", key, fault.CrashedWorker)
	}
	return alone, err
}

// unquarantine releases b's media.
func (g *CrashJournal) unquarantine(ctx context.Context, b *batch) error {
	return g.retryUnavailable(ctx, "release a clip from quarantine", func() error {
		names := []string{"alone 1 " + b.target.exitKey(), "alone 2 " + b.target.exitKey()}
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

// enter waits until b may run, in isolation or together with other batches, and writes its
// journal entry. leave removes the entry; decoded says whether b's media were decoded, and
// so whether a quarantined b is released.
func (g *CrashJournal) enter(ctx context.Context, b *batch, alone bool) (leave func(decoded bool), err error) {
	enter, exit := g.isolation.RLock, g.isolation.RUnlock
	if alone {
		enter, exit = g.isolation.Lock, g.isolation.Unlock
	}
	enter()
	var done func()
	err = g.retryUnavailable(ctx, "write the journal", func() (err error) {
		done, err = g.note(b, alone)
		return err
	})
	if err != nil {
		exit()
		return nil, err
	}
	return func(decoded bool) {
		done()
		exit()
		if alone && decoded {
			if err := g.unquarantine(ctx, b); err != nil {
				g.cfg.Log.Warn("a clip stays in quarantine, and goes on being decoded in isolation", "error", err)
			}
		}
	}, nil
}

// watchdog ends the process if a call does not return: a thread that hangs in C cannot be
// stopped otherwise. The journal names the media.
func (g *CrashJournal) watchdog(b *batch) (stop func()) {
	if g.cfg.Exit == nil {
		return func() {}
	}
	timer := time.AfterFunc(g.cfg.Patience+g.cfg.Hang, func() {
		g.cfg.Exit(fmt.Sprintf("work on %v has not returned %v after it was cancelled", b.target.keys(), g.cfg.Hang))
	})
	return func() { timer.Stop() }
}

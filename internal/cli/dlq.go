package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/upload"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/internal/config"
	"videoqa/internal/fault"
	"videoqa/internal/serve"
)

// DLQ is videoqa dlq: dead letters, those that are questions' outcomes and those of
// events that no question came of. It reads the store, where each stands once, not
// the topic, where a letter may stand more than once. A running service need not be
// stopped.
type DLQ struct {
	List    DLQList    `cmd:"" help:"List dead letters, the oldest first."`
	Show    DLQShow    `cmd:"" help:"Print a dead letter."`
	Explain DLQExplain `cmd:"" help:"Say what an error_kind means and what to do."`
	Replay  DLQReplay  `cmd:"" help:"Have questions asked again: an answer then takes the place of the dead letter."`
}

// StoreFlags say whose store is looked into.
type StoreFlags struct {
	StoreURL string `env:"VIDEOQA_STORE_URL" placeholder:"postgres://…" help:"The service's store. Without it, SQLite in the data folder."`
	DataDir  string `env:"VIDEOQA_DATA_DIR" placeholder:"DIR" help:"The service's data folder; without it, $$XDG_DATA_HOME/videoqa or ~/.local/share/videoqa."`
}

// with lends do the store.
func (f StoreFlags) with(ctx context.Context, a *App, do func(store.Store) error) (err error) {
	dir := f.DataDir
	if dir == "" && f.StoreURL == "" {
		if dir, err = config.DataDir(a.Getenv); err != nil {
			return err
		}
	}
	s, err := serve.JoinStore(ctx, f.StoreURL, dir)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

// DLQList is videoqa dlq list.
type DLQList struct {
	StoreFlags
	Kind string `placeholder:"KIND" help:"Only those of this error_kind; videoqa dlq explain lists them."`
	JSON bool   `name:"json" help:"Print one dead letter a line."`
}

// Run prints two lines each: when, what kind and of what; and why.
func (c *DLQList) Run(ctx context.Context, a *App) error {
	if err := checkKind("--kind", c.Kind); err != nil {
		return err
	}
	return c.with(ctx, a, func(s store.Store) error {
		return eachLetter(ctx, s, a.damagedOutcome, func(l letter) error {
			if c.Kind != "" && c.Kind != l.dead.ErrorKind {
				return nil
			}
			if c.JSON {
				return json.NewEncoder(a.Out).Encode(l.dead)
			}
			_, err := fmt.Fprintf(a.Out, "%s  %-15s  %s\n  %s\n", l.dead.FailedAt, l.dead.ErrorKind, l.title(), l.dead.Reason)
			return err
		})
	})
}

// damagedOutcome says that what is stored of a question cannot be read.
func (a *App) damagedOutcome(id string) {
	fmt.Fprintf(a.Err, "videoqa: what is stored of %q is damaged: ask again under another id, or look for its record on the topics\n", id)
}

// checkKind refuses an error_kind that no dead letter has; where is what gave it.
func checkKind(where, kind string) error {
	if kind == "" || slices.Contains(fault.Names(), kind) {
		return nil
	}
	return fmt.Errorf("%s %.40q is not an error_kind; these are %s: %w", where, kind, strings.Join(fault.Names(), ", "), fault.BadRequest)
}

// DLQShow is videoqa dlq show.
type DLQShow struct {
	StoreFlags
	ID string `arg:"" name:"id" help:"Of the question; or topic/partition/offset, as dlq list prints it, of an event that no question came of."`
}

// Run prints the whole letter, with the event as it came.
func (c *DLQShow) Run(ctx context.Context, a *App) error {
	return c.with(ctx, a, func(s store.Store) error {
		all, err := lettersOf(ctx, s, c.ID)
		if err != nil {
			return err
		}
		e := json.NewEncoder(a.Out)
		e.SetIndent("", "  ")
		for _, l := range all {
			if err := e.Encode(l.dead); err != nil {
				return err
			}
		}
		return nil
	})
}

// DLQExplain is videoqa dlq explain.
type DLQExplain struct {
	Kinds []string `arg:"" name:"error-kind" optional:"" help:"As dlq list prints them; without any, all."`
}

// Run prints a paragraph each.
func (c *DLQExplain) Run(a *App) error {
	kinds := c.Kinds
	if len(kinds) == 0 {
		kinds = fault.Names()
	}
	for i, kind := range kinds {
		if err := checkKind("argument", kind); err != nil || kind == "" {
			return cmp.Or(err, fmt.Errorf("an error_kind is empty: %w", fault.BadRequest))
		}
		e, _ := fault.Explain(kind)
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		if _, err := fmt.Fprintf(a.Out, "%s\n%s\n%s\n", kind, wrapped("  cause:  ", e.Cause), wrapped("  remedy: ", e.Remedy)); err != nil {
			return err
		}
	}
	return nil
}

// wrapped breaks a text into lines of at most 80 characters behind a head; the lines
// after the first are indented like it.
func wrapped(head, text string) string {
	var out strings.Builder
	out.WriteString(head)
	width := len(head)
	for i, word := range strings.Fields(strings.ReplaceAll(text, "`", "")) {
		if i > 0 && width+1+len(word) > 80 {
			out.WriteString("\n" + strings.Repeat(" ", len(head)))
			width = len(head)
		} else if i > 0 {
			out.WriteByte(' ')
			width++
		}
		out.WriteString(word)
		width += len(word)
	}
	return out.String()
}

// deadOutcome is a question's, or [fault.NotFound] saying what it has instead.
func deadOutcome(ctx context.Context, s store.Outcomes, id string) (o store.Outcome, d ingest.DeadLetter, err error) {
	o, found, err := s.Outcome(ctx, id)
	switch {
	case err != nil:
		return o, d, err
	case !found:
		return o, d, fmt.Errorf("cli: find question %s: nothing is known of it: %w", id, fault.NotFound)
	case o.State != store.Dead:
		return o, d, fmt.Errorf("cli: find question %s: it is not dead, it is %s: %w", id, o.State, fault.NotFound)
	}
	d, err = readDead(o.Message, id)
	return o, d, err
}

// DLQReplay is videoqa dlq replay.
type DLQReplay struct {
	StoreFlags
	IDs  []string `arg:"" name:"question-id" optional:"" help:"Of the questions."`
	All  bool     `help:"All dead questions."`
	Kind string   `placeholder:"KIND" help:"With --all: only those of this error_kind."`
}

// Help is shown below the flags.
func (DLQReplay) Help() string {
	return "The question keeps its id, and its attempts begin anew. It is put into the deferred queue, where a running service finds it within seconds. Example: videoqa dlq replay --all --kind unreachable-uri"
}

// Run puts each question back, and says so.
func (c *DLQReplay) Run(ctx context.Context, a *App) error {
	if err := checkKind("--kind", c.Kind); err != nil {
		return err
	}
	if c.All == (len(c.IDs) > 0) || c.Kind != "" && !c.All {
		return fmt.Errorf("name questions, or say --all, with --kind or without: %w", fault.BadRequest)
	}
	return c.with(ctx, a, func(s store.Store) error {
		left := 0
		try := func(o store.Outcome, d ingest.DeadLetter, err error) error {
			if err == nil {
				err = replay(ctx, a, s, o, d)
			}
			if errors.Is(err, fault.Unavailable) || err == nil {
				return err
			}
			left++
			fmt.Fprintf(a.Err, "videoqa: %v\n", err) // and the others are replayed
			return nil
		}
		if c.All {
			err := eachLetter(ctx, s, func(id string) {
				if !strings.Contains(id, "/") { // which is no question's
					left++
				}
				a.damagedOutcome(id)
			}, func(l letter) error {
				if l.outcome == nil || c.Kind != "" && c.Kind != l.dead.ErrorKind {
					return nil
				}
				return try(*l.outcome, l.dead, nil)
			})
			return errors.Join(err, notAll(left))
		}
		for _, id := range c.IDs {
			if strings.Contains(id, "/") {
				err := fmt.Errorf("cli: replay %s: it is not a question's outcome; correct the event and send it again: %w", id, fault.BadRequest)
				if err := try(store.Outcome{}, ingest.DeadLetter{}, err); err != nil {
					return err
				}
				continue
			}
			if err := try(deadOutcome(ctx, s, id)); err != nil {
				return err
			}
		}
		return notAll(left)
	})
}

func notAll(left int) error {
	if left == 0 {
		return nil
	}
	return fmt.Errorf("cli: replay: %d questions could not be replayed", left)
}

// pardon has what a question is about asked about again although it ended processes.
func pardon(ctx context.Context, s store.Claims, r ingest.Record, request string) error {
	event, err := ingest.ReadWaiting(r, request)
	if q, ok := event.Data.(ingest.Question); err == nil && ok {
		err = worker.ReleaseQuarantine(ctx, s, q)
	}
	return err
}

// useUpload notes that a question uses the upload that it names, if it names one,
// until a worker has taken it from the deferred queue.
func useUpload(ctx context.Context, s store.Uploads, row store.Row) (leave func() error, err error) {
	event, err := ingest.ReadWaiting(row.Record, row.Request)
	q, _ := event.Data.(ingest.Question)
	_, is := ingest.UploadDigest(q.URI)
	if err != nil || !is { // what cannot be read is refused again
		return func() error { return nil }, nil
	}
	user := store.QuestionUser(row.QuestionID, row.Request)
	_, err = s.UseUpload(ctx, q.URI, upload.Until(), user)
	return func() error { return s.LeaveUpload(ctx, q.URI, user) }, err
}

func replay(ctx context.Context, a *App, s store.Store, o store.Outcome, d ingest.DeadLetter) error {
	if d.Truncated || d.Origin == nil {
		return fmt.Errorf("cli: replay %s: its dead letter does not hold the whole event; send it again under another id: %w", o.QuestionID, fault.BadRequest)
	}
	record := ingest.Record{Origin: *d.Origin, Value: d.EventBase64, Time: time.Now()}
	if d.Event != nil {
		record.Value = d.Event
	}
	for _, key := range slices.Sorted(maps.Keys(d.Headers)) {
		record.Headers = append(record.Headers, ingest.Header{Key: key, Value: []byte(d.Headers[key])})
	}
	if d.ErrorKind == fault.Judge(fault.CrashedWorker).Name {
		if err := pardon(ctx, s, record, o.Request); err != nil {
			return err
		}
	}
	now := time.Now()
	row := store.Row{QuestionID: o.QuestionID, Request: o.Request, Record: record, Due: now, FirstSeen: now, Replaces: store.MessageHash(o.Message), Reason: "an operator has it asked again (videoqa dlq replay)"}
	if d.FirstSeen != nil {
		row.FirstSeen = d.FirstSeen.Time
	}
	leave, err := useUpload(ctx, s, row)
	if err != nil {
		return err
	}
	stored, ok, err := s.Replay(ctx, row)
	if err == nil && !ok && stored.State != store.Dead {
		err = leave()
	}
	switch {
	case err != nil:
		return err
	case !ok && stored.State != store.Dead:
		_, err = fmt.Fprintf(a.Out, "%s: not replayed, it is %s by now\n", o.QuestionID, stored.State)
	case !ok:
		_, err = fmt.Fprintf(a.Out, "%s: not replayed, it is on its way already\n", o.QuestionID)
	default:
		_, err = fmt.Fprintf(a.Out, "%s: replayed\n", o.QuestionID)
	}
	return err
}

package worker_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/answers/store"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// stagedMedia are media whose opening can be interrupted, and one upload, whose bytes
// nobody compares with its digest.
type stagedMedia struct {
	worker.Media
	stage *stage
	clips string
}

func (m stagedMedia) Open(ctx context.Context, uri, digest string) (file *media.File, err error) {
	if _, is := ingest.UploadDigest(uri); is {
		uri = "file://" + filepath.Join(m.clips, "upload")
	}
	err = m.stage.call(ctx, "Media.Open", func() (err error) {
		file, err = m.Media.Open(ctx, uri, digest)
		return err
	})
	return file, err
}

// A stage counts a worker's calls and interrupts it at one of them.
type stage struct {
	mu     sync.Mutex
	counts map[string]int
	calls  []string // as they came, each with its number
	dead   bool     // nothing that is called now has an effect, and no reply arrives

	at      string // the call to interrupt; "": none
	how     interruption
	reached chan struct{}                   // closed when it has come to at
	meet    func(ctx context.Context) error // what happens there
}

// call makes a call, and interrupts the worker if this is where.
func (s *stage) call(ctx context.Context, name string, do func() error) error {
	here, dead := s.enter(name)
	if dead {
		<-ctx.Done()
		return ctx.Err()
	}
	if here && s.how == failed {
		close(s.reached)
		return fmt.Errorf("%s fails for once: %w", name, fault.Unavailable)
	}
	err := do()
	if here {
		close(s.reached)
		if met := s.meet(ctx); met != nil {
			err = met
		}
	}
	if s.isDead() {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *stage) enter(name string) (here, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name]++
	numbered := fmt.Sprint(name, " ", s.counts[name])
	s.calls = append(s.calls, numbered)
	return numbered == s.at, s.dead
}

func (s *stage) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

func (s *stage) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

// stagedStore is a store whose calls can be interrupted.
type stagedStore struct {
	store.Store
	stage *stage
}

func (s stagedStore) PutClip(ctx context.Context, c ingest.Clip, at time.Time) error {
	return s.stage.call(ctx, "PutClip", func() error { return s.Store.PutClip(ctx, c, at) })
}

func (s stagedStore) Clip(ctx context.Context, id string) (c ingest.Clip, state store.ClipState, err error) {
	err = s.stage.call(ctx, "Clip", func() (err error) { c, state, err = s.Store.Clip(ctx, id); return err })
	return c, state, err
}

func (s stagedStore) Overlapping(ctx context.Context, camera string, from, to time.Time) (list []ingest.Clip, err error) {
	err = s.stage.call(ctx, "Overlapping", func() (err error) { list, err = s.Store.Overlapping(ctx, camera, from, to); return err })
	return list, err
}

func (s stagedStore) Outcome(ctx context.Context, id string) (o store.Outcome, found bool, err error) {
	err = s.stage.call(ctx, "Outcome", func() (err error) { o, found, err = s.Store.Outcome(ctx, id); return err })
	return o, found, err
}

func (s stagedStore) SettleAll(ctx context.Context, all []store.Outcome) (stored []store.Stored, err error) {
	err = s.stage.call(ctx, "SettleAll", func() (err error) { stored, err = s.Store.SettleAll(ctx, all); return err })
	return stored, err
}

func (s stagedStore) Wait(ctx context.Context, row store.Row) (stored store.Outcome, fresh bool, err error) {
	err = s.stage.call(ctx, "Wait", func() (err error) { stored, fresh, err = s.Store.Wait(ctx, row); return err })
	return stored, fresh, err
}

func (s stagedStore) WaitAll(ctx context.Context, rows []store.Row) (stored []store.Stored, err error) {
	err = s.stage.call(ctx, "WaitAll", func() (err error) { stored, err = s.Store.WaitAll(ctx, rows); return err })
	return stored, err
}

func (s stagedStore) Again(ctx context.Context, row store.Row) error {
	return s.stage.call(ctx, "Again", func() error { return s.Store.Again(ctx, row) })
}

func (s stagedStore) Wake(ctx context.Context, id string) error {
	return s.stage.call(ctx, "Wake", func() error { return s.Store.Wake(ctx, id) })
}

func (s stagedStore) Leave(ctx context.Context, ids ...string) error {
	return s.stage.call(ctx, "Leave", func() error { return s.Store.Leave(ctx, ids...) })
}

func (s stagedStore) Claimed(ctx context.Context, name string) (content string, found bool, err error) {
	err = s.stage.call(ctx, "Claimed", func() (err error) { content, found, err = s.Store.Claimed(ctx, name); return err })
	return content, found, err
}

func (s stagedStore) UseUpload(ctx context.Context, uri string, until time.Time, users ...string) (noted bool, err error) {
	err = s.stage.call(ctx, "UseUpload", func() (err error) { noted, err = s.Store.UseUpload(ctx, uri, until, users...); return err })
	return noted, err
}

func (s stagedStore) LeaveUpload(ctx context.Context, uri string, users ...string) error {
	return s.stage.call(ctx, "LeaveUpload", func() error { return s.Store.LeaveUpload(ctx, uri, users...) })
}

// The deferred queue is looked into by the clock, so only looks that find something
// count as calls.

func (s stagedStore) Take(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "Take", func() ([]store.Row, error) { return s.Store.Take(ctx, now, lease, n) })
}

func (s stagedStore) TakeTurns(ctx context.Context, now, lease time.Time, n int) ([]store.Row, error) {
	return s.take(ctx, "TakeTurns", func() ([]store.Row, error) { return s.Store.TakeTurns(ctx, now, lease, n) })
}

func (s stagedStore) take(ctx context.Context, name string, do func() ([]store.Row, error)) (rows []store.Row, err error) {
	if s.stage.isDead() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if rows, err = do(); err != nil || len(rows) == 0 {
		return rows, err
	}
	if err := s.stage.call(ctx, name, func() error { return nil }); err != nil {
		return nil, err // the process that took the rows does not know
	}
	return rows, nil
}

func (s stagedStore) Extend(ctx context.Context, ids []string, lease time.Time) error {
	if s.stage.isDead() {
		return ctx.Err()
	}
	return s.Store.Extend(ctx, ids, lease)
}

// stagedAsker is an asker whose calls can be interrupted.
type stagedAsker struct {
	worker.Asker
	stage *stage
}

func (a stagedAsker) Ask(ctx context.Context, about answers.About, questions []ingest.Question) (results []answers.Result, err error) {
	err = a.stage.call(ctx, "Ask", func() (err error) { results, err = a.Asker.Ask(ctx, about, questions); return err })
	return results, err
}

// stagedStream is a stream whose calls can be interrupted, and that notes what was
// acknowledged and what is done.
type stagedStream struct {
	worker.Stream
	stage  *stage
	ledger *ledger
}

func (s stagedStream) Publish(ctx context.Context, messages ...ingest.Message) error {
	return s.stage.call(ctx, "Publish", func() error {
		err := s.Stream.Publish(ctx, messages...)
		if err == nil {
			s.ledger.acknowledge(messages)
		}
		return err
	})
}

func (s stagedStream) Consume(ctx context.Context, topics []string, handle func(context.Context, *ingest.Delivery)) error {
	return s.Stream.Consume(ctx, topics, func(ctx context.Context, d *ingest.Delivery) {
		handle(ctx, s.ledger.follow(d))
	})
}

// A ledger is kept over both workers of a scenario. It finds records that count as
// done though nothing came of them.
type ledger struct {
	store store.Store // of its own, beside the workers'
	rows  *sql.DB     // the file that it keeps

	mu      sync.Mutex
	letters map[string]bool // acknowledged: question ids, and origins of dead letters
	last    *ingest.Delivery
	broken  []string
}

func (l *ledger) acknowledge(messages []ingest.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		var letter struct {
			QuestionID string         `json:"question_id"`
			Origin     *ingest.Origin `json:"origin"`
		}
		if err := json.Unmarshal(m.Value, &letter); err != nil {
			l.broken = append(l.broken, err.Error())
		}
		l.letters[letter.QuestionID] = true
		if letter.Origin != nil {
			l.letters[fmt.Sprint(*letter.Origin)] = true
		}
	}
}

// follow notes what becomes of a delivery.
func (l *ledger) follow(d *ingest.Delivery) *ingest.Delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = d
	return ingest.NewDelivery(d.Record, d.Revoked, func(done bool) {
		if !done {
			d.Drop()
			return
		}
		if wrong := l.unaccounted(d.Record); wrong != "" {
			l.mu.Lock()
			l.broken = append(l.broken, wrong)
			l.mu.Unlock()
		}
		d.Done()
	})
}

// unaccounted says why a record must not be done yet; "": it may be.
func (l *ledger) unaccounted(r ingest.Record) string {
	usual := ingest.TypeQuestionAsked
	if strings.HasSuffix(r.Topic, ".clips") {
		usual = ingest.TypeClipCreated
	}
	id, known := "", false
	event, err := ingest.ReadEvent(r, usual)
	switch data := event.Data.(type) {
	case ingest.Question:
		id, known = data.ID, l.waits(data.ID)
	case ingest.Clip:
		_, state, _ := l.store.Clip(context.Background(), data.ID)
		known = state == store.Known
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && known || l.letters[fmt.Sprint(r.Origin)] || id != "" && l.letters[id] {
		return ""
	}
	return fmt.Sprintf("the record %v (question %q) is done, but nothing about it is acknowledged or stored", r.Origin, id)
}

// waits reports whether a question has its row in the deferred queue, where it stays until
// its outcome is published.
func (l *ledger) waits(id string) (is bool) {
	err := l.rows.QueryRow("SELECT EXISTS (SELECT 1 FROM waiting WHERE question_id = ?)", id).Scan(&is)
	return err == nil && is
}

// revocation waits until the partitions are taken from the worker that has the
// latest delivery.
func (l *ledger) revocation(ctx context.Context) {
	l.mu.Lock()
	d := l.last
	l.mu.Unlock()
	select {
	case <-d.Revoked:
	case <-ctx.Done():
	}
}

func (l *ledger) complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.broken)
}

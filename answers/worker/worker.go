// Package worker is the stream's side of the service: it takes clip and question
// events, and accounts for every question with one answer or one dead letter.
//
//	w, err := worker.New(worker.Config{Stream: client, Store: db, Media: fetcher, Asker: service})
//	err = w.Run(ctx) // until ctx ends; questions in progress are finished first
//
// A question's outcome is stored before it is published, and the stored bytes are what
// is published, however often. A record is done when its answer or dead letter is
// acknowledged, or its row in the deferred queue is stored. Only a fault of the question
// itself uses up one of its attempts: while the store, the broker or the model is down,
// all questions in progress are tried again in place, and nothing more is fetched.
// Questions about one clip that wait together are asked together.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/answers/live"
	"videoqa/answers/store"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/trace"
)

// A Stream reads and writes records; [kafka.Client] is one.
type Stream interface {
	Consume(ctx context.Context, topics []string, handle func(context.Context, *ingest.Delivery)) error
	Publish(ctx context.Context, messages ...ingest.Message) error
}

// Media opens what a URI names; [media.Fetcher] does.
type Media interface {
	Open(ctx context.Context, uri, digest string) (*media.File, error)
}

// An Asker answers questions about one subject, a result for each in their
// order; an error concerns all of them. [answers.Service] is one.
type Asker interface {
	Ask(ctx context.Context, about answers.About, questions []ingest.Question) ([]answers.Result, error)
}

// Uploads are the uploads made over HTTP, kept while something uses them;
// [upload.Keeper] is one.
type Uploads interface {
	// Clear removes the uploads that nothing uses any more.
	Clear(ctx context.Context) error
}

// Config sets up a worker. The four interfaces are needed; the other fields have a
// useful zero value.
type Config struct {
	Stream Stream
	Store  store.Store
	Media  Media
	Asker  Asker

	Uploads  Uploads                         // nil: this process cannot reach them
	Limits   func(ingest.Clip) frames.Limits // on a clip's media, by their origin; nil: those for uploads
	Words    *live.Hub                       // gets answers' words while they are generated; nil: no one
	Group    string                          // the source that events name; "": videoqa
	Topics   Topics                          // zero: the published names
	Slots    int                             // subjects asked about at a time, of one camera at most all but one; 0: 3
	Ahead    int                             // clips that may wait to be prefetched, if Asker is a Warmer; 0: 64, negative: no prefetching
	Queue    int                             // questions that may wait for a slot; above that those that say on_overload: drop are dropped, and a camera that has its share of them waits in the store; 0: 256
	Wait     time.Duration                   // a question without a deadline waits for its clip or footage this long; 0: 10 min
	Retries  []time.Duration                 // before each further attempt; nil: 10 s, 1 min, 10 min
	Patience time.Duration                   // one call of Asker, its media's fetching aside; 0: 5 min
	Lease    time.Duration                   // how long a process leases a waiting question, and so how long it waits after a crash; 0: 15 s
	Journal  string                          // folder of the crash journal; "": none
	Hang     time.Duration                   // how long a cancelled call may take to return; 0: 1 min
	Exit     func(why string)                // ends the process when a call hangs; nil: wait for it
	Grace    time.Duration                   // how long questions in progress may take once Run's ctx has ended; 0: 20 s
	Observer trace.Observer                  // nil: nothing is observed
	Log      *slog.Logger                    // nil: nothing is logged

	// Elsewhere reports whether another process may have uploads that this one cannot
	// reach; nil: none has. A question about such an upload is left in the deferred
	// queue for the others, and loses no attempt.
	Elsewhere func() bool
}

// Topics are the names of the four topics.
type Topics struct{ Clips, Questions, Answers, DeadLetters string }

// Validate returns an error that names the field.
func (c Config) Validate() error {
	switch {
	case c.Stream == nil || c.Store == nil || c.Media == nil || c.Asker == nil:
		return errors.New("worker: check Stream, Store, Media, Asker: one is nil")
	case c.Slots < 0 || c.Queue < 0 || c.Wait < 0 || c.Patience < 0 || c.Lease < 0 || c.Grace < 0:
		return errors.New("worker: check Slots, Queue, Wait, Patience, Lease, Grace: one is negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{{&c.Wait, 10 * time.Minute}, {&c.Patience, 5 * time.Minute}, {&c.Lease, 15 * time.Second}, {&c.Hang, time.Minute}, {&c.Grace, 20 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.usual
		}
	}
	if c.Group == "" {
		c.Group = "videoqa"
	}
	if c.Topics == (Topics{}) {
		c.Topics = Topics{ingest.TopicClips, ingest.TopicQuestions, ingest.TopicAnswers, ingest.TopicDeadLetters}
	}
	if c.Slots == 0 {
		c.Slots = 3
	}
	if c.Ahead == 0 {
		c.Ahead = 64
	}
	if c.Queue == 0 {
		c.Queue = 256
	}
	if c.Retries == nil {
		c.Retries = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}
	}
	if c.Limits == nil {
		c.Limits = func(ingest.Clip) frames.Limits { return frames.Upload() }
	}
	if c.Observer == nil {
		c.Observer = trace.None{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Retries = slices.Clone(c.Retries)
	return c
}

// A Worker is made once and run once.
type Worker struct {
	*CrashJournal
	inProgress inProgress
	admission  admission
	prefetch   prefetch
	overflow   overflow
	kick       chan struct{} // the deferred queue should be read now

	deleted chan struct{} // deletions and unused uploads should be looked for now

	leases leases

	misspelt misspellings

	// hard ends with the grace time. It is a field because a question that came twice
	// goes on under it when the first job is released, whatever context releases it.
	hard context.Context
}

// New returns a worker that Run starts.
func New(cfg Config) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := &Worker{CrashJournal: NewCrashJournal(cfg), kick: make(chan struct{}, 1), deleted: make(chan struct{}, 1)}
	w.admission.init(w.cfg.Queue, w.cfg.Slots)
	w.overflow.init()
	w.prefetch.init(w.cfg.Ahead)
	return w, nil
}

// Run takes events until ctx ends. Then it finishes the questions in slots and drops the
// others; their records are read again by the next owner. It returns nil, or the error
// that ended consumption.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hard, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	w.hard = hard
	if err := w.Recover(ctx); err != nil {
		return err
	}
	var work sync.WaitGroup
	for range w.cfg.Slots {
		work.Go(func() { w.serve(hard) })
	}
	work.Go(func() { w.runDeferred(ctx, hard) })
	work.Go(func() { w.runOverflow(ctx, hard) })
	work.Go(func() { w.runPrefetch(ctx) })
	work.Go(func() { w.runForget(ctx) })
	work.Go(func() {
		<-ctx.Done()
		w.dropWaiting()
		time.AfterFunc(w.cfg.Grace, end)
	})
	err := w.cfg.Stream.Consume(ctx, []string{w.cfg.Topics.Clips, w.cfg.Topics.Questions}, w.handle)
	stop()
	work.Wait()
	return err
}

// dropWaiting drops the questions that have no slot yet.
func (w *Worker) dropWaiting() {
	for _, j := range w.admission.close() {
		w.release(j, false)
	}
}

// handle begins work on one record.
func (w *Worker) handle(ctx context.Context, d *ingest.Delivery) {
	usual := ingest.TypeQuestionAsked
	if d.Topic == w.cfg.Topics.Clips {
		usual = ingest.TypeClipCreated
	}
	event, err := ingest.ReadEvent(d.Record, usual)
	if err != nil {
		w.finish(d, w.publishDead(ctx, w.refusal(d.Record, event.Data, err)))
		return
	}
	w.logMisspelt(event, d)
	at := event.Time.Time
	switch data := event.Data.(type) {
	case ingest.Question:
		w.accept(ctx, newJob(data, event.Time, d.Record, d, nil))
	case ingest.Clip:
		w.register(ctx, d, data, "register a clip", func() error { return w.cfg.Store.PutClip(ctx, data, at) })
		w.prefetch.add(data)
	case ingest.ClosedClip:
		w.register(ctx, d, data, "close a clip", func() error { return w.cfg.Store.CloseClip(ctx, data, at) })
	case ingest.DeletedClip:
		w.prefetch.drop(data.ID)
		w.register(ctx, d, data, "delete a clip", func() error { return w.cfg.Store.DeleteClip(ctx, data.ID, at) })
		signal(w.deleted)
	}
}

// finish ends a delivery: it is done if err is nil. Otherwise its record is read again.
func (w *Worker) finish(d *ingest.Delivery, err error) {
	if err != nil {
		d.Drop()
		return
	}
	d.Done()
}

// register changes the registry of clips and wakes the questions that waited for that. An
// event that the registry will never take becomes a dead letter.
func (w *Worker) register(ctx context.Context, d *ingest.Delivery, data ingest.Datum, what string, change func() error) {
	err := w.retryUnavailable(ctx, what, change)
	if err != nil && ctx.Err() == nil {
		err = w.publishDead(ctx, w.refusal(d.Record, data, fmt.Errorf("worker: %s: %w", what, err)))
	}
	w.finish(d, err)
	w.wakeDeferred()
}

// wakeDeferred has the deferred queue read soon.
func (w *Worker) wakeDeferred() { signal(w.kick) }

// signal wakes the receiver of c, now or when it receives next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"videoqa/answers"
	"videoqa/answers/live"
	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
	"videoqa/internal/trace"
)

// serve is one slot: it asks batch after batch until the admission queue is closed.
func (w *Worker) serve(ctx context.Context) {
	for b := w.admission.take(); b != nil; b = w.admission.take() {
		w.ask(ctx, b)
		w.admission.done(b)
		if w.overflow.any() && w.admission.free() > w.cfg.Queue/2 {
			w.wakeDeferred()
		}
	}
}

// ask asks the questions of a batch together and accounts for each.
func (w *Worker) ask(ctx context.Context, b *batch) {
	asked := time.Now()
	for _, j := range b.jobs {
		j.dequeued(nil)
	}
	ctx = trace.With(ctx, traces(b.jobs)...)
	leave, err := w.enterJournal(ctx, b)
	if err != nil {
		w.failAll(ctx, b, err)
		return
	}
	about, closeFile, err := w.subject(ctx, b)
	if err != nil {
		leave(false)
		w.failAll(ctx, b, err)
		return
	}
	defer closeFile()
	fetched := time.Now()
	results, err := w.results(ctx, b, about)
	leave(true) // the media are not touched any more
	if err != nil {
		w.failAll(ctx, b, err)
		return
	}
	var answered []*job
	var outcomes []store.Outcome
	for i, r := range results {
		j := b.jobs[i]
		r.Answer.Cost.QueueMS += milliseconds(asked.Sub(j.queued))
		r.Answer.Cost.FetchMS += milliseconds(fetched.Sub(asked))
		m, err := w.write(j, r)
		if err != nil {
			w.release(j, w.fail(ctx, j, err) == nil)
			continue
		}
		answered, outcomes = append(answered, j), append(outcomes, outcomeOf(j, store.Answered, m, aboutOf(r.Answer)))
	}
	w.publishAll(ctx, w.settleAll(ctx, answered, outcomes))
}

// subject opens the media of a batch. closeFile is to be called when they are not read any more.
func (w *Worker) subject(ctx context.Context, b *batch) (about answers.About, closeFile func() error, err error) {
	if r := b.target.recording; r != nil {
		f := w.footage(r, w.allTryAgain(b, nil), func(ctx context.Context, c ingest.Clip) (*media.File, error) {
			file, err := w.openClip(ctx, c)
			if errors.Is(err, media.ErrAbsent) && !w.allTryAgain(b, err) {
				err = fault.Final(err) // the range is asked about without it
			}
			return file, err
		})
		f.Words = w.words(b.jobs)
		return f, func() error { return nil }, nil
	}
	end := trace.Begin(ctx, trace.Fetch)
	file, err := w.openClip(ctx, b.target.clip)
	end(err)
	if err != nil {
		return nil, nil, err
	}
	s := w.clipSubject(b.target.clip, file)
	s.Words = w.words(b.jobs)
	return s, file.Close, nil
}

func (w *Worker) openClip(ctx context.Context, c ingest.Clip) (*media.File, error) {
	return w.cfg.Media.Open(ctx, c.URI, c.Digest)
}

// write returns the record of an answer, or the error that took its place.
func (w *Worker) write(j *job, r answers.Result) (ingest.Message, error) {
	if r.Err != nil {
		return ingest.Message{}, r.Err
	}
	if r.Answer.Camera == "" {
		r.Answer.Camera = j.question.Camera
	}
	m, err := r.Answer.Message(w.cfg.Topics.Answers, w.cfg.Group, j.at)
	m.Headers = append(m.Headers, j.trace.Headers()...)
	j.answer = r.Answer
	return m, err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// results calls the Asker, and again while it is full or its model is down.
func (w *Worker) results(ctx context.Context, b *batch, about answers.About) (results []answers.Result, err error) {
	questions := make([]ingest.Question, len(b.jobs))
	for i, j := range b.jobs {
		questions[i] = j.question
	}
	err = w.retryUnavailable(ctx, "ask", func() (err error) {
		limited, cancel := context.WithTimeoutCause(ctx, w.cfg.Patience, fault.Overrun{Limit: w.cfg.Patience, Setting: "--work-patience"})
		defer cancel()
		defer w.watchdog(b)()
		results, err = w.cfg.Asker.Ask(limited, about, questions)
		return err
	})
	if err == nil && len(results) != len(questions) {
		return nil, fmt.Errorf("worker: ask: %d results for %d questions", len(results), len(questions))
	}
	return results, err
}

// words sends answers' words to the listeners of their questions. It returns nil if there are none.
func (w *Worker) words(jobs []*job) answers.Words {
	all := make([]live.Question, len(jobs))
	for i, j := range jobs {
		all[i] = live.Question{ID: j.question.ID, Request: j.request}
	}
	if w.cfg.Words == nil || !w.cfg.Words.Heard(all...) {
		return nil
	}
	return func(question, at int, text string) { w.cfg.Words.Say(all[question], at, text) }
}

// patientUntil returns until when j may wait for all of its footage.
func (w *Worker) patientUntil(j *job) time.Time {
	if d := j.question.Deadline; d != nil {
		return d.Time
	}
	return j.firstSeen().Add(w.cfg.Wait)
}

func (w *Worker) failAll(ctx context.Context, b *batch, err error) {
	for _, j := range b.jobs {
		w.release(j, w.fail(ctx, j, err) == nil)
	}
}

// fail accounts for an attempt that failed: j is tried again later, or dead. If
// ctx has ended it was none.
func (w *Worker) fail(ctx context.Context, j *job, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w.uploadElsewhere(j, err) {
		return w.leaveToOthers(ctx, j, err)
	}
	next, some := w.nextTry(j, err)
	if d := j.question.Deadline; d != nil && d.Before(next) && !j.replayed() {
		some = false // it would come too late
	}
	if !fault.Judge(err).Retry || !some {
		return w.deadLetterOutcome(ctx, j, err)
	}
	row := w.rowOf(j)
	row.Due, row.For, row.Reason = next, "", publicReason(err) // Until stays: it does not wait anew
	row.Attempts++
	w.cfg.Log.Warn("a question is tried again later", "question", j.question.ID, "attempt", row.Attempts, "due", row.Due, "error", err)
	return w.deferRow(ctx, j, row)
}

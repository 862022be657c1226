package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
	"videoqa/internal/trace"
)

func outcomeOf(j *job, state store.State, m ingest.Message, about store.About) store.Outcome {
	o := store.Outcome{QuestionID: j.question.ID, Request: j.request, State: state, Message: m.Bytes(), About: about}
	if j.row != nil {
		o.Replaces = j.row.Replaces
	}
	return o
}

// settle stores outcomes of jobs that have none, and returns the outcomes that count.
func (w *Worker) settle(ctx context.Context, jobs []*job, outcomes []store.Outcome) (stored []store.Stored, err error) {
	err = w.retryUnavailable(ctx, "store outcomes", func() (err error) {
		stored, err = w.cfg.Store.SettleAll(ctx, outcomes)
		return err
	})
	for i, s := range stored {
		if s.Fresh {
			jobs[i].disposition = map[store.State]trace.Disposition{store.Answered: trace.Answered, store.Dead: trace.Dead}[s.Outcome.State]
		}
	}
	return stored, err
}

// settleAll stores the answers to a batch. It releases the jobs whose answers are not to be
// published, and returns the others.
func (w *Worker) settleAll(ctx context.Context, jobs []*job, outcomes []store.Outcome) (settled []settlement) {
	if len(jobs) == 0 {
		return nil
	}
	stored, err := w.settle(ctx, jobs, outcomes)
	if err != nil {
		w.releaseAll(jobs, false)
		return nil
	}
	for i, j := range jobs {
		if err := stored[i].Damage; err != nil {
			w.release(j, w.refuseDamaged(ctx, j, err) == nil)
			continue
		}
		if stored[i].Outcome.QuestionID == "" { // not stored
			w.release(j, w.deadLetterOutcome(ctx, j, fmt.Errorf("worker: ask %s: its clip was deleted meanwhile: %w", j.question.ID, fault.UnknownClip)) == nil)
			continue
		}
		settled = append(settled, settlement{j, stored[i].Outcome})
	}
	return settled
}

// aboutOf returns what the store finds a by.
func aboutOf(a ingest.Answer) store.About {
	about := store.About{AnswerID: a.ID, Camera: a.Camera}
	for _, c := range a.Clips {
		about.ClipIDs = append(about.ClipIDs, c.ID)
	}
	if a.Start != nil && a.End != nil {
		about.Start, about.End = a.Start.Time, a.End.Time
	}
	return about
}

// A settlement is a job whose outcome is stored.
type settlement struct {
	job    *job
	stored store.Outcome
}

// errRevoked says that an outcome was not published because its question's partition
// has another owner now. The record stays unfinished: the next owner reads it again,
// finds the stored outcome and publishes that.
var errRevoked = errors.New("worker: publish an outcome: the partition of its question has another owner")

// publishAll publishes the outcomes of a batch at once and releases its jobs.
func (w *Worker) publishAll(ctx context.Context, settled []settlement) {
	var messages []ingest.Message
	var jobs []*job
	for _, s := range settled {
		m, err := ingest.ParseMessage(s.stored.Message)
		if err != nil || s.stored.Request != s.job.request || !s.job.owned() {
			w.release(s.job, w.publishStored(ctx, s.job, s.stored) == nil)
			continue
		}
		messages = append(messages, m)
		jobs = append(jobs, s.job)
	}
	published, revoked, err := w.publishOwned(ctx, jobs, messages)
	if err == nil {
		err = w.clear(ctx, published...)
	}
	w.releaseAll(published, err == nil)
	w.releaseAll(revoked, false)
}

// publishStored publishes the bytes that are stored for j's question, and returns nil
// only when they are acknowledged. When another process owns j's partition now, it
// returns [errRevoked]. Of an erased outcome nothing is left to publish.
func (w *Worker) publishStored(ctx context.Context, j *job, stored store.Outcome) error {
	if stored.Request != j.request {
		return w.conflict(ctx, j)
	}
	if stored.State == store.Erased {
		return w.clear(ctx, j)
	}
	m, err := ingest.ParseMessage(stored.Message)
	if err != nil {
		return w.refuseDamaged(ctx, j, fmt.Errorf("worker: read the stored outcome of %s: %w: %w", j.question.ID, err, fault.Damaged))
	}
	_, revoked, err := w.publishOwned(ctx, []*job{j}, []ingest.Message{m})
	switch {
	case err != nil:
		return err
	case len(revoked) > 0:
		return errRevoked
	}
	return w.clear(ctx, j)
}

// publishOwned publishes messages, one for each of jobs, and tries again while the
// broker is away. Ownership is asked for before each attempt, because a partition may
// go to another worker meanwhile. It returns the jobs whose messages are acknowledged
// and those that were not published because their partitions were revoked. After an
// error every job that is not revoked counts as not published.
func (w *Worker) publishOwned(ctx context.Context, jobs []*job, messages []ingest.Message) (published, revoked []*job, err error) {
	if len(jobs) == 0 {
		return nil, nil, nil
	}
	end := trace.Begin(trace.With(ctx, traces(jobs)...), trace.Publish)
	err = w.retryUnavailable(ctx, "publish", func() error {
		var ours []ingest.Message
		published, revoked = nil, nil
		for i, j := range jobs {
			if !j.owned() {
				revoked = append(revoked, j)
				continue
			}
			published, ours = append(published, j), append(ours, messages[i])
		}
		if len(ours) == 0 {
			return nil
		}
		return w.cfg.Stream.Publish(ctx, ours...)
	})
	end(err)
	return published, revoked, err
}

// clear removes the rows of questions whose outcomes are published, and their use of
// uploads.
func (w *Worker) clear(ctx context.Context, jobs ...*job) error {
	var ids []string
	for _, j := range jobs {
		if err := w.leaveUpload(ctx, j); err != nil {
			return err
		}
		if j.row != nil {
			ids = append(ids, j.question.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return w.retryUnavailable(ctx, "clear questions", func() error { return w.cfg.Store.Leave(ctx, ids...) })
}

// deadLetterOutcome makes a dead letter j's outcome, and publishes it.
func (w *Worker) deadLetterOutcome(ctx context.Context, j *job, cause error) error {
	m, err := w.deadLetter(j, cause).Message(w.cfg.Topics.DeadLetters, w.cfg.Group)
	if err != nil {
		return err
	}
	m.Headers = append(m.Headers, j.trace.Headers()...)
	stored, err := w.settle(ctx, []*job{j}, []store.Outcome{outcomeOf(j, store.Dead, m, store.About{})})
	if err != nil {
		return err
	}
	if err := stored[0].Damage; err != nil {
		return w.refuseDamaged(ctx, j, err)
	}
	return w.publishStored(ctx, j, stored[0].Outcome)
}

// conflict refuses a question whose id was used for another request. The first request
// keeps its outcome.
func (w *Worker) conflict(ctx context.Context, j *job) error {
	cause := fmt.Errorf("worker: ask %s: this question_id was asked before with another request: %w", j.question.ID, fault.Conflict)
	j.disposition = trace.Refused
	if err := w.publishDead(trace.With(ctx, j.trace), w.deadLetter(j, cause)); err != nil {
		return err
	}
	return w.leaveUpload(ctx, j)
}

// publishDead publishes a dead letter that is no question's outcome.
func (w *Worker) publishDead(ctx context.Context, d ingest.DeadLetter) error {
	if err := w.keepLetter(ctx, d); err != nil {
		return err
	}
	end := trace.Begin(ctx, trace.Publish)
	err := w.retryUnavailable(ctx, "publish a dead letter", func() error {
		for {
			m, err := d.Message(w.cfg.Topics.DeadLetters, w.cfg.Group)
			if err == nil {
				err = w.cfg.Stream.Publish(ctx, m)
			}
			if !errors.Is(err, fault.TooLarge) || !d.Shorten() {
				return err
			}
		}
	})
	end(err)
	return err
}

func (w *Worker) deadLetter(j *job, cause error) ingest.DeadLetter {
	d := w.refusal(j.record, j.question, cause)
	d.Attempts = j.attempts()
	if j.tried() {
		d.Attempts++
	}
	seen := ingest.NewTime(j.firstSeen())
	d.FirstSeen = &seen
	return d
}

// refusal returns the dead letter of a record; data is what could be read of it, or nil.
// Only valid ids are copied.
func (w *Worker) refusal(r ingest.Record, data ingest.Datum, cause error) ingest.DeadLetter {
	d := ingest.DeadLetter{ErrorKind: fault.Judge(cause).Name, Reason: cause.Error(), FailedAt: ingest.NewTime(time.Now())}
	d.Reason = strictjson.Shorten(d.Reason, longestReason)
	d.KeepRecord(r)
	switch data := data.(type) {
	case ingest.Question:
		d.QuestionID, d.ClipID, d.Camera = data.ID, data.ClipID, data.Camera
	case ingest.Clip:
		d.ClipID, d.Camera = data.ID, data.Camera
	case ingest.ClosedClip:
		d.ClipID, d.Camera = data.ID, data.Camera
	case ingest.DeletedClip:
		d.ClipID, d.Camera = data.ID, data.Camera
	}
	for _, id := range []*string{&d.QuestionID, &d.ClipID, &d.Camera} {
		if ingest.CheckID("id", *id) != nil {
			*id = ""
		}
	}
	w.cfg.Observer.DeadLetter(d.ErrorKind)
	w.cfg.Log.Warn("dead letter", "kind", d.ErrorKind, "question", d.QuestionID, "clip", d.ClipID, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "reason", d.Reason)
	return d
}

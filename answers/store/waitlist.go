package store

import (
	"cmp"
	"context"
	"strings"
	"time"

	"videoqa/ingest"
)

// A WaitingQuestion is a row of the deferred queue as an observer sees it.
type WaitingQuestion struct {
	Row
	TakenUntil time.Time // a worker is working on it until then, unless it keeps it longer
}

// A WaitList shows the deferred queue and changes nothing.
type WaitList interface {
	// WaitingFor returns the row of a question; false: it has none.
	WaitingFor(ctx context.Context, questionID string) (WaitingQuestion, bool, error)
	// WaitingList lists rows by when they were first seen, and returns the cursor of
	// the next page; "": this is the last.
	WaitingList(ctx context.Context, cursor string, limit int) (page []WaitingQuestion, next string, err error)
}

// WaitingPage cuts a page of at most limit rows from one that may hold one row more.
func WaitingPage(rows []WaitingQuestion, limit int) (page []WaitingQuestion, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	last := rows[limit-1]
	return rows[:limit], Cursor{last.FirstSeen.UnixMilli(), last.QuestionID}.String()
}

// Waiting returns why q waits at now, as clients and operators see it.
func (q WaitingQuestion) Waiting(now time.Time) ingest.Waiting {
	since := ingest.NewTime(q.FirstSeen)
	if q.Damage != nil { // a worker makes it a dead letter
		return ingest.Waiting{For: ingest.ForWorker, Reason: q.Damage.Error(), Since: &since}
	}
	w := ingest.Waiting{For: q.waitsFor(now), Reason: cmp.Or(q.Reason, "not said: a former version of the program noted it"), Since: &since, Attempts: q.Attempts}
	if q.Due.After(now) && q.For != ForTurn { // a turn's is a place, not a time
		at := ingest.NewTime(q.Due)
		w.NextAttempt = &at
	}
	if until := q.deadline(); !until.IsZero() {
		at := ingest.NewTime(until)
		w.Deadline = &at
	}
	return w
}

// deadline is when q waits no longer; zero: that is not known.
func (q WaitingQuestion) deadline() time.Time {
	if q.For != "" && q.For != ForTurn {
		return q.Until
	}
	event, err := ingest.ReadEvent(q.Record, ingest.TypeQuestionAsked)
	asked, ok := event.Data.(ingest.Question)
	if err != nil || !ok || asked.Deadline == nil || q.Replaces != "" { // who replays a question wants it answered whatever the time
		return time.Time{}
	}
	return asked.Deadline.Time
}

func (q WaitingQuestion) waitsFor(now time.Time) string {
	switch {
	case q.TakenUntil.After(now):
		return ingest.ForWorker
	case strings.HasPrefix(q.For, ForClip("")):
		return ingest.ForClip
	case strings.HasPrefix(q.For, ForCamera("")):
		return ingest.ForFootage
	case q.For == ForTurn:
		return ingest.ForTurn
	case q.Attempts == 0:
		return ingest.ForWorker
	}
	return ingest.ForAttempt
}

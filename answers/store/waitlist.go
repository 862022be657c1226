package store

import (
	"context"
	"time"
)

// A WaitingQuestion is a row of the waiting room as an observer sees it.
type WaitingQuestion struct {
	Row
	TakenUntil time.Time // a worker has it in hand until then, unless it keeps it longer
}

// A WaitList shows the waiting room and changes nothing.
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

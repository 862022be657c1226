package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// Waiting is videoqa waiting: questions that have no outcome yet and are kept in the
// store. Those that no worker has read yet are on their topic only.
type Waiting struct {
	List WaitingList `cmd:"" help:"List questions that wait, with the reason, the oldest first."`
}

// WaitingList is videoqa waiting list.
type WaitingList struct {
	StoreFlags
	For  string `placeholder:"WHAT" help:"Only those that wait for this: clip, footage, attempt, turn or worker."`
	JSON bool   `name:"json" help:"Print one object a line: question_id, and why it waits as GET /v1/questions/{id} says it."`
}

// Help is shown below the flags.
func (WaitingList) Help() string {
	return "A question waits for its clip, for the end of its camera's recording (footage), for another attempt after one that failed, for its turn behind others of its camera, or for a worker that takes it or is working on it. What became a dead letter is in videoqa dlq list."
}

// A waitingLine is what is printed of one question.
type waitingLine struct {
	QuestionID string `json:"question_id"`
	ingest.Waiting
}

// Run prints some lines each.
func (c *WaitingList) Run(ctx context.Context, a *App) error {
	if c.For != "" && !slices.Contains(ingest.WaitsFor(), c.For) {
		return fmt.Errorf("--for %.40q is not one of %s: %w", c.For, strings.Join(ingest.WaitsFor(), ", "), fault.BadRequest)
	}
	return c.with(ctx, a, func(s store.Store) error {
		for cursor := ""; ; {
			page, next, err := s.WaitingList(ctx, cursor, store.MostOnPage)
			if err != nil {
				return err
			}
			for _, q := range page {
				l := waitingLine{q.QuestionID, q.Waiting(time.Now())}
				if c.For != "" && c.For != l.For {
					continue
				}
				if err := l.print(a.Out, c.JSON); err != nil {
					return err
				}
			}
			if cursor = next; cursor == "" {
				return nil
			}
		}
	})
}

func (l waitingLine) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(l)
	}
	next, deadline := "as soon as a worker is free", "none"
	if l.NextAttempt != nil {
		next = l.NextAttempt.String()
	}
	if l.Deadline != nil {
		deadline = l.Deadline.String()
	}
	_, err := fmt.Fprintf(w, "%s  waits for %-7s  %s\n  %s\n  next attempt: %s   deadline: %s   failed attempts: %d\n", l.Since, l.For, l.QuestionID, l.Reason, next, deadline, l.Attempts)
	return err
}

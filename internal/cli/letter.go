package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// A letter is a dead letter of the store.
type letter struct {
	id      string         // of the question, or [store.LetterID]
	outcome *store.Outcome // nil: it is no question's
	dead    ingest.DeadLetter
}

// title is what a list calls l by.
func (l letter) title() string {
	switch {
	case l.outcome != nil:
		return l.id
	case l.dead.QuestionID != "":
		return l.id + " (question " + l.dead.QuestionID + ")"
	case l.dead.ClipID != "":
		return l.id + " (clip " + l.dead.ClipID + ")"
	}
	return l.id
}

// readDead reads the dead letter that is stored for id.
func readDead(message []byte, id string) (d ingest.DeadLetter, err error) {
	m, err := ingest.ParseMessage(message)
	if err == nil {
		err = json.Unmarshal(m.Value, &d)
	}
	if err != nil {
		return d, fmt.Errorf("cli: read the dead letter of %s: %w", id, err)
	}
	return d, nil
}

// A letterPage lists letters from a cursor on.
type letterPage func(ctx context.Context, cursor string) (page []letter, next string, err error)

// A letterQueue holds what is read of a list and not used.
type letterQueue struct {
	page   letterPage
	ready  []letter
	cursor string
	ended  bool
}

// first is the next letter; nil: there is no other.
func (q *letterQueue) first(ctx context.Context) (*letter, error) {
	for len(q.ready) == 0 && !q.ended {
		page, next, err := q.page(ctx, q.cursor)
		if err != nil {
			return nil, err
		}
		q.ready, q.cursor, q.ended = page, next, next == ""
	}
	if len(q.ready) == 0 {
		return nil, nil
	}
	return &q.ready[0], nil
}

// eachLetter shows do every dead letter, by when it was written: those that are
// questions' outcomes, and the others; and damaged the ids of those that cannot be read.
func eachLetter(ctx context.Context, s store.Store, damaged func(id string), do func(letter) error) error {
	outcomes, others := letterQueue{page: deadOutcomes(s, damaged)}, letterQueue{page: otherLetters(s, damaged)}
	for {
		a, err := outcomes.first(ctx)
		if err != nil {
			return err
		}
		b, err := others.first(ctx)
		if err != nil {
			return err
		}
		from := &outcomes
		switch {
		case a == nil && b == nil:
			return nil
		case a == nil || b != nil && b.dead.FailedAt.Before(a.dead.FailedAt.Time):
			from = &others
		}
		l := from.ready[0]
		from.ready = from.ready[1:]
		if err := do(l); err != nil {
			return err
		}
	}
}

func deadOutcomes(s store.Outcomes, damaged func(id string)) letterPage {
	return func(ctx context.Context, cursor string) (page []letter, next string, err error) {
		all, err := s.Dead(ctx, cursor, 0)
		for _, id := range all.Damaged {
			damaged(id)
		}
		for _, o := range all.Outcomes {
			d, err := readDead(o.Message, o.QuestionID)
			if err != nil {
				return nil, "", err
			}
			page = append(page, letter{o.QuestionID, &o, d})
		}
		return page, all.Next, err
	}
}

func otherLetters(s store.Letters, damaged func(id string)) letterPage {
	return func(ctx context.Context, cursor string) (page []letter, next string, err error) {
		all, next, err := s.Letters(ctx, cursor, 0)
		for _, l := range all {
			if l.Damage != nil {
				damaged(l.ID)
				continue
			}
			d, err := readDead(l.Message, l.ID)
			if err != nil {
				return nil, "", err
			}
			page = append(page, letter{l.ID, nil, d})
		}
		return page, next, err
	}
}

// lettersOf finds the letter of an id. Of a question_id that is the question's
// outcome, and those of other events that named it.
func lettersOf(ctx context.Context, s store.Store, id string) ([]letter, error) {
	if strings.Contains(id, "/") {
		l, found, err := s.Letter(ctx, id)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, fmt.Errorf("cli: find dead letter %s: there is none: %w", id, fault.NotFound)
		}
		d, err := readDead(l.Message, id)
		return []letter{{id, nil, d}}, err
	}
	var all []letter
	o, d, missing := deadOutcome(ctx, s, id)
	if missing == nil {
		all = append(all, letter{id, &o, d})
	}
	others := letterQueue{page: otherLetters(s, func(string) {})} // dlq list says which
	for {
		l, err := others.first(ctx)
		switch {
		case err != nil:
			return nil, err
		case l == nil && len(all) == 0:
			return nil, missing
		case l == nil:
			return all, nil
		case l.dead.QuestionID == id:
			all = append(all, *l)
		}
		others.ready = others.ready[1:]
	}
}

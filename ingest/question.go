package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"videoqa/internal/fault"
)

// A Kind says what form an answer has, and so how it is found.
type Kind string

// The kinds of question. Open answers and captions are generated word by word;
// the closed kinds are scored against the model, every choice by its probability.
const (
	Open    Kind = "open"
	Caption Kind = "caption" // the question is empty
	YesNo   Kind = "yesno"
	Count   Kind = "count"  // digits and words from 0 to 20, answered in digits
	Choice  Kind = "choice" // one of Choices
)

// Kinds lists every kind, in the order in which they are explained to a user.
func Kinds() []Kind { return []Kind{Open, Caption, YesNo, Count, Choice} }

func kindNames() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// What happens to a question when there is more work than hands.
const (
	Wait = "wait"
	Drop = "drop" // the oldest become dead letters "overload"
)

// A Question is the data of videoqa.question.asked.v1. It names what it is about
// in one of three ways: ClipID, URI, or Camera with Start and End; Camera may
// also stand beside ClipID, where it only chooses the key.
type Question struct {
	ID         string   `json:"question_id"`
	Text       string   `json:"question" strict:"required,empty"`
	Kind       Kind     `json:"kind,omitempty"` // empty: Caption for an empty text, else Open
	Choices    []string `json:"choices,omitempty"`
	ClipID     string   `json:"clip_id,omitempty"`
	URI        string   `json:"uri,omitempty"`
	Camera     string   `json:"camera,omitempty"`
	Start      *Time    `json:"start,omitempty"`
	End        *Time    `json:"end,omitempty"`
	Frames     int      `json:"frames,omitempty"`      // 0: the model's own number
	Model      string   `json:"model,omitempty"`       // name of the model that is asked; empty: the service's first
	Deadline   *Time    `json:"deadline,omitempty"`    // after it, only a dead letter
	OnOverload string   `json:"on_overload,omitempty"` // Wait (default) or Drop

	// Unknown are fields of the event that no question has and whose names are nearly
	// those of one. They are no part of the request: the answer tells of them.
	Unknown []string `json:"-"`
}

// Validate checks q as an event must be: an id, a text, and exactly one target.
// It returns [fault.BadID] or [fault.BadEvent], naming the field.
func (q Question) Validate() error {
	if err := CheckID("question_id", q.ID); err != nil {
		return err
	}
	for _, check := range []func() error{q.ValidateAsked, q.ValidateTarget, q.validateOverload} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// ValidateAsked checks only what is asked, not what about: text, kind, choices,
// frames.
func (q Question) ValidateAsked() error {
	switch {
	case !utf8.ValidString(q.Text):
		return q.bad("question is not UTF-8")
	case utf8.RuneCountInString(q.Text) > MaxQuestionLength:
		return q.bad("question has %d characters, at most %d", utf8.RuneCountInString(q.Text), MaxQuestionLength)
	case q.Kind != "" && !slices.Contains(Kinds(), q.Kind):
		return q.bad("kind %q is not one of %s", shorten(string(q.Kind), 40), kindNames())
	case q.AsKind() == Caption && !q.blank():
		return q.bad("kind caption takes an empty question")
	case q.AsKind() != Caption && q.blank():
		return q.bad("kind %s needs a question", q.AsKind())
	case utf8.RuneCountInString(q.Model) > MaxModelLength || !utf8.ValidString(q.Model):
		return q.bad("model has more than %d characters, or is not UTF-8", MaxModelLength)
	case q.Frames < 0 || q.Frames > MaxFrames:
		return q.bad("frames is %d; it has to be from 1 to %d", q.Frames, MaxFrames)
	}
	return q.validateChoices()
}

func (q Question) validateChoices() error {
	if q.AsKind() != Choice {
		if len(q.Choices) > 0 {
			return q.bad("choices need kind choice, not %s", q.AsKind())
		}
		return nil
	}
	if len(q.Choices) < 2 || len(q.Choices) > MaxChoices {
		return q.bad("choices has to have from 2 to %d items, not %d", MaxChoices, len(q.Choices))
	}
	for i, c := range q.Choices {
		switch {
		case strings.TrimSpace(c) == "" || !utf8.ValidString(c):
			return q.bad("choices[%d] is blank or not UTF-8", i)
		case utf8.RuneCountInString(c) > MaxChoiceLength:
			return q.bad("choices[%d] has %d characters, at most %d", i, utf8.RuneCountInString(c), MaxChoiceLength)
		case slices.Contains(q.Choices[:i], c):
			return q.bad("choices[%d] %q is given twice", i, c)
		}
	}
	return nil
}

// ValidateTarget checks only what is asked about: one of ClipID, URI, or Camera with Start
// and End.
func (q Question) ValidateTarget() error {
	if err := checkSource(q.URI, q.Camera); err != nil {
		return err
	}
	if q.ClipID != "" {
		if err := CheckID("clip_id", q.ClipID); err != nil {
			return err
		}
	}
	ranged := q.Start != nil || q.End != nil
	switch {
	case q.ClipID != "" && q.URI != "", q.ClipID != "" && ranged, q.URI != "" && ranged:
		return q.bad("give one of clip_id, uri, or camera with start and end")
	case q.ClipID != "" || q.URI != "":
		return nil
	case q.Camera == "" || q.Start == nil || q.End == nil:
		return q.bad("clip_id, uri, or camera with start and end is missing")
	case !q.End.After(q.Start.Time):
		return q.bad("end %s is not after start %s", q.End, q.Start)
	}
	return nil
}

func (q Question) validateOverload() error {
	if q.OnOverload != "" && q.OnOverload != Wait && q.OnOverload != Drop {
		return q.bad("on_overload %q is neither wait nor drop", shorten(q.OnOverload, 40))
	}
	return nil
}

func (q Question) bad(format string, args ...any) error {
	name := "question"
	if q.ID != "" {
		name += " " + shorten(q.ID, 140)
	}
	return &FieldError{Of: name, What: fmt.Sprintf(format, args...), Kind: fault.BadEvent}
}

func (q Question) blank() bool { return strings.TrimSpace(q.Text) == "" }

// AsKind is q.Kind, or what an empty one stands for.
func (q Question) AsKind() Kind {
	switch {
	case q.Kind != "":
		return q.Kind
	case q.blank():
		return Caption
	}
	return Open
}

// RequestHash identifies what q asks for: all of it but its id. Two questions of
// one id with different hashes are a conflict.
func (q Question) RequestHash() string {
	q.ID, q.Kind = "", q.AsKind()
	if q.OnOverload == "" {
		q.OnOverload = Wait
	}
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

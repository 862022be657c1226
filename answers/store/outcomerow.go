package store

import (
	"fmt"
	"time"
)

// An OutcomeRow is all that the row of an outcome holds.
type OutcomeRow struct {
	Outcome          // without Replaces and About
	Settled   *int64 // milliseconds, as the others; nil: it waits
	AnswerID  string
	Camera    string
	Start     *int64
	End       *int64
	StoredSum []byte // the checksum as it is stored
}

// OutcomeColumns are the columns that [OutcomeRow.Into] reads.
const OutcomeColumns = "question_id, request, state, message, settled_ms, answer_id, camera, start_ms, end_ms, checksum"

// Into is where a row's columns go.
func (r *OutcomeRow) Into() []any {
	return []any{
		textInto(&r.QuestionID), textInto(&r.Request), textInto(&r.State), blob{&r.Message}, maybe{&r.Settled},
		textInto(&r.AnswerID), textInto(&r.Camera), maybe{&r.Start}, maybe{&r.End}, blob{&r.StoredSum},
	}
}

// Values are those of the columns, with the checksum that belongs to them.
func (r *OutcomeRow) Values() []any {
	return []any{r.QuestionID, r.Request, string(r.State), r.Message, r.Settled, r.AnswerID, r.Camera, r.Start, r.End, r.Checksum()}
}

// Checksum is what a row with this content has to carry.
func (r *OutcomeRow) Checksum() []byte {
	return checksum("outcomes", r.QuestionID, r.Request, string(r.State), r.Message, r.Settled, r.AnswerID, r.Camera, r.Start, r.End)
}

// Check returns [fault.Damaged] if the row is not what was written.
func (r *OutcomeRow) Check() error {
	return check(fmt.Sprintf("the outcome of question %.140q", r.QuestionID), r.StoredSum, r.Checksum())
}

// WaitingOutcome is the row of a question that begins to wait.
func WaitingOutcome(questionID, request string) *OutcomeRow {
	return &OutcomeRow{Outcome: Outcome{QuestionID: questionID, Request: request, State: Waiting}}
}

// SettledOutcome is the row of o, stored at settled.
func SettledOutcome(o Outcome, settled int64) *OutcomeRow {
	about := o.About
	return &OutcomeRow{Outcome: o, Settled: &settled, AnswerID: about.AnswerID, Camera: about.Camera, Start: millis(about.Start), End: millis(about.End)}
}

func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// Erased is what is left of r when a clip that it is about is deleted.
func (r *OutcomeRow) Erased() *OutcomeRow {
	return &OutcomeRow{Outcome: Outcome{QuestionID: r.QuestionID, Request: r.Request, State: Erased}, Settled: r.Settled}
}

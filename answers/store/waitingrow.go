package store

import (
	"encoding/json"
	"fmt"
	"time"

	"videoqa/internal/fault"
)

// A WaitingRow is all that a row of the deferred queue holds, but for its lease.
// Times are milliseconds.
type WaitingRow struct {
	QuestionID string
	Request    string
	Record     []byte
	For        string
	Due        int64
	Until      int64 // 0: none
	Attempts   int64
	FirstSeen  int64
	Replaces   string
	Reason     string
	StoredSum  []byte // the checksum as it is stored
}

// WaitingColumns are the columns of [WaitingRow.Into] and [WaitingRow.Values].
const WaitingColumns = "question_id, request, record, awaits, due_ms, until_ms, attempts, seen_ms, replaces, reason, checksum"

// WaitingRowOf is row as it is stored.
func WaitingRowOf(row Row) *WaitingRow {
	record, err := json.Marshal(row.Record)
	if err != nil {
		panic(err) // strings, bytes and a time always marshal
	}
	r := &WaitingRow{QuestionID: row.QuestionID, Request: row.Request, Record: record, FirstSeen: row.FirstSeen.UnixMilli(), Replaces: row.Replaces}
	r.Change(row)
	return r
}

// Change takes over from row what may change while a question waits.
func (r *WaitingRow) Change(row Row) {
	r.For, r.Due, r.Until, r.Attempts, r.Reason = row.For, row.Due.UnixMilli(), 0, int64(row.Attempts), row.Reason
	if !row.Until.IsZero() {
		r.Until = row.Until.UnixMilli()
	}
}

// Into is where a row's columns go.
func (r *WaitingRow) Into() []any {
	return []any{
		textInto(&r.QuestionID), textInto(&r.Request), blob{&r.Record}, textInto(&r.For), number{&r.Due}, number{&r.Until},
		number{&r.Attempts}, number{&r.FirstSeen}, textInto(&r.Replaces), textInto(&r.Reason), blob{&r.StoredSum},
	}
}

// Values are those of the columns, with the checksum that belongs to them.
func (r *WaitingRow) Values() []any {
	return []any{r.QuestionID, r.Request, r.Record, r.For, r.Due, r.Until, r.Attempts, r.FirstSeen, r.Replaces, r.Reason, r.Checksum()}
}

// Checksum is over all but the due time, which others may bring forward.
func (r *WaitingRow) Checksum() []byte {
	return checksum("waiting", r.QuestionID, r.Request, r.Record, r.For, &r.Until, &r.Attempts, &r.FirstSeen, r.Replaces, r.Reason)
}

// Check returns [fault.Damaged] if the row is not what was written.
func (r *WaitingRow) Check() error {
	return check(fmt.Sprintf("the waiting question %.140q", r.QuestionID), r.StoredSum, r.Checksum())
}

// Row is the row as it was put there; of a damaged one, only where it stands in a
// list, and why it cannot be used.
func (r *WaitingRow) Row() Row {
	row := Row{
		QuestionID: r.QuestionID, Request: r.Request, For: r.For, Due: time.UnixMilli(r.Due), Attempts: int(r.Attempts),
		FirstSeen: time.UnixMilli(r.FirstSeen), Replaces: r.Replaces, Reason: r.Reason,
	}
	if r.Until != 0 {
		row.Until = time.UnixMilli(r.Until)
	}
	err := r.Check()
	if err == nil && json.Unmarshal(r.Record, &row.Record) != nil {
		err = fmt.Errorf("store: read the waiting question %.140q: its record cannot be parsed: %w", r.QuestionID, fault.Damaged)
	}
	if err != nil {
		return Row{QuestionID: r.QuestionID, FirstSeen: row.FirstSeen, Damage: err}
	}
	return row
}

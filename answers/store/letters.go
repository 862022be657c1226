package store

import (
	"context"
	"fmt"

	"videoqa/ingest"
)

// A Letter is a dead letter that is no question's outcome: of a record that could
// not be read, of an event that the registry refused, or of a question whose id was
// used before.
type Letter struct {
	ID      string // [LetterID]
	Message []byte // the record that was published, as [ingest.Message.Bytes] has it

	Damage error // [fault.Damaged], in a list: it is not what was kept, and only its ID is told; else nil
}

// LetterID names the dead letter of a record that is no question's outcome, by where
// the record stood: topic/partition/offset. It is no question_id, which holds no slash.
func LetterID(o ingest.Origin) string {
	return fmt.Sprintf("%s/%d/%d", o.Topic, o.Partition, o.Offset)
}

// Letters keeps dead letters that are no question's outcome, so that an operator
// finds them without reading the topic.
type Letters interface {
	// KeepLetter stores l in place of one of the same ID.
	KeepLetter(ctx context.Context, l Letter) error
	// Letter returns one; false: there is none.
	Letter(ctx context.Context, id string) (Letter, bool, error)
	// Letters lists them in the order in which they were stored, and returns the
	// cursor of the next page; "": this is the last.
	Letters(ctx context.Context, cursor string, limit int) (page []Letter, next string, err error)
}

// A LetterRow is all that the row of a letter holds.
type LetterRow struct {
	ID        string
	Message   []byte
	Stored    int64  // milliseconds
	StoredSum []byte // the checksum as it is stored
}

// LetterColumns are the columns of [LetterRow.Into] and [LetterRow.Values].
const LetterColumns = "letter_id, message, stored_ms, checksum"

// Into is where a row's columns go.
func (r *LetterRow) Into() []any {
	return []any{textInto(&r.ID), blob{&r.Message}, number{&r.Stored}, blob{&r.StoredSum}}
}

// Values are those of the columns, with the checksum that belongs to them.
func (r *LetterRow) Values() []any { return []any{r.ID, r.Message, r.Stored, r.Checksum()} }

// Checksum is what a row with this content has to carry.
func (r *LetterRow) Checksum() []byte { return checksum("letters", r.ID, r.Message, &r.Stored) }

// Check returns [fault.Damaged] if the row is not what was written.
func (r *LetterRow) Check() error {
	return check(fmt.Sprintf("the dead letter of %.300q", r.ID), r.StoredSum, r.Checksum())
}

// Letter is the letter as it was kept; of a damaged one, its ID and its damage.
func (r *LetterRow) Letter() Letter {
	if err := r.Check(); err != nil {
		return Letter{ID: r.ID, Damage: err}
	}
	return Letter{ID: r.ID, Message: r.Message}
}

// ReadLetters reads at most limit letters of rows that hold [LetterColumns]; one row
// more says that there is a next page.
func ReadLetters(rows Rows, limit int) (page []Letter, next string, err error) {
	var last Cursor
	for rows.Next() {
		if len(page) == limit {
			return page, last.String(), nil
		}
		var r LetterRow
		if err := rows.Scan(r.Into()...); err != nil {
			return nil, "", err
		}
		last = Cursor{r.Stored, r.ID}
		page = append(page, r.Letter())
	}
	return page, "", rows.Err()
}

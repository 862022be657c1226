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

// ReadLetters reads at most limit letters of rows that hold letter_id, message and
// when it was stored, in milliseconds; one row more says that there is a next page.
func ReadLetters(rows Rows, limit int) (page []Letter, next string, err error) {
	var last Cursor
	for rows.Next() {
		if len(page) == limit {
			return page, last.String(), nil
		}
		var l Letter
		if err := rows.Scan(&l.ID, &l.Message, &last.Millis); err != nil {
			return nil, "", err
		}
		last.QuestionID = l.ID
		page = append(page, l)
	}
	return page, "", rows.Err()
}

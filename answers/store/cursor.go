package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"videoqa/internal/fault"
)

// A Cursor is a place in a list of outcomes: behind the one that was stored at
// Millis and has that id. What is stored later comes later, but for outcomes that
// several processes store in the same moments.
type Cursor struct {
	Millis     int64  `json:"t"`
	QuestionID string `json:"q"`
}

// String gives c as a client carries it.
func (c Cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // a number and a string always marshal
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParseCursor reads what [Cursor.String] gave; "" is the place before the first.
// Anything else is [fault.BadRequest].
func ParseCursor(text string) (c Cursor, err error) {
	if text == "" {
		return Cursor{Millis: -1 << 62}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return Cursor{}, fmt.Errorf("store: read cursor: it is not one that next of a page gave: %w", fault.BadRequest)
	}
	return c, nil
}

// Rows are those of a database; both drivers have them.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
}

// ReadPage reads at most limit outcomes of rows that hold [OutcomeColumns]; one row
// more says that there is a next page.
func ReadPage(rows Rows, limit int) (page Page, err error) {
	var last Cursor
	for n := 0; rows.Next(); n++ {
		if n == limit {
			page.Next = last.String()
			return page, nil
		}
		var r OutcomeRow
		if err := rows.Scan(r.Into()...); err != nil {
			return Page{}, err
		}
		if r.Settled != nil {
			last.Millis = *r.Settled
		}
		last.QuestionID = r.QuestionID
		if r.Check() != nil {
			page.Damaged = append(page.Damaged, r.QuestionID)
			continue
		}
		page.Outcomes = append(page.Outcomes, r.Outcome)
	}
	return page, rows.Err()
}

// PageSize is how many outcomes a page of the wanted size holds.
func PageSize(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, MostOnPage)
}

// MostOnPage is the largest page.
const MostOnPage = 1000

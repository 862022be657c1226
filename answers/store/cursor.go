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
		return Cursor{}, fmt.Errorf("store: read cursor: it is none of ours: %w", fault.BadRequest)
	}
	return c, nil
}

// Rows are those of a database; both drivers have them.
type Rows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
}

// ReadPage reads at most limit outcomes of rows that hold question_id, request,
// state, message and when it was stored, in milliseconds; one row more says that
// there is a next page.
func ReadPage(rows Rows, limit int) (page []Outcome, next string, err error) {
	var last Cursor
	for rows.Next() {
		if len(page) == limit {
			return page, last.String(), nil
		}
		var o Outcome
		if err := rows.Scan(&o.QuestionID, &o.Request, &o.State, &o.Message, &last.Millis); err != nil {
			return nil, "", err
		}
		last.QuestionID = o.QuestionID
		page = append(page, o)
	}
	return page, "", rows.Err()
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

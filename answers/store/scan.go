package store

import (
	"fmt"
	"math"
)

// Columns of a damaged row may hold values of another type than was written. They
// are read all the same, so that the row's checksum can say that it is damaged.

// text reads a column of text.
type text[S ~string] struct{ into *S }

// Scan implements [database/sql.Scanner].
func (t text[S]) Scan(v any) error {
	switch v := v.(type) {
	case string:
		*t.into = S(v)
	case []byte:
		*t.into = S(v)
	case nil:
		*t.into = ""
	default:
		*t.into = S(fmt.Sprint(v))
	}
	return nil
}

func textInto[S ~string](into *S) text[S] { return text[S]{into} }

// unwritten is a number that no row is written with.
const unwritten = math.MinInt64

// number reads a column of numbers that are always there.
type number struct{ into *int64 }

// Scan implements [database/sql.Scanner].
func (n number) Scan(v any) error {
	*n.into = unwritten
	if v, is := v.(int64); is {
		*n.into = v
	}
	return nil
}

// maybe reads a column of numbers that may be absent.
type maybe struct{ into **int64 }

// Scan implements [database/sql.Scanner].
func (n maybe) Scan(v any) error {
	*n.into = nil
	if v != nil {
		*n.into = new(int64)
		return number{*n.into}.Scan(v)
	}
	return nil
}

// blob reads a column of bytes.
type blob struct{ into *[]byte }

// Scan implements [database/sql.Scanner].
func (b blob) Scan(v any) error {
	switch v := v.(type) {
	case []byte:
		*b.into = append([]byte{}, v...)
	case string:
		*b.into = []byte(v)
	case nil:
		*b.into = nil
	default:
		*b.into = []byte(fmt.Sprint(v))
	}
	return nil
}

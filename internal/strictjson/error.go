package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// An Error says what is wrong with a text, and where.
type Error struct {
	Pointer string // JSON Pointer of the value; "" where it is the whole text
	What    string // "is a string; it has to be a whole number"
	Empty   bool   // the value is an empty string where none may be
	Missing bool   // the field is not there
}

// Error is one line, without a Go type.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.What
	}
	return shown(e.Pointer) + " " + e.What
}

// shown is a pointer without what a terminal would act on, and not longer than a line.
func shown(pointer string) string {
	quoted := strconv.Quote(Shorten(pointer, 120))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// Shorten cuts text after so many code points, with an ellipsis. A byte that is no UTF-8
// counts as one, and stays.
func Shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	end := 0
	for range n {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end] + "…"
}

// wrong is an error about the next value.
func (r *reader) wrong(what string) error {
	return &Error{Pointer: r.next(), What: what}
}

// emptied is an error about the string that was just read.
func (r *reader) emptied() error {
	return &Error{Pointer: string(r.in.StackPointer()), What: "is empty: give it a value or leave it out", Empty: true}
}

// kind is an error about the kind of the next value.
func (r *reader) kind(is jsontext.Kind, want string) error {
	kinds := map[jsontext.Kind]string{'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "a list"}
	at := r.next()
	what := fmt.Sprintf("is %s; it has to be %s", kinds[is], want)
	if at == "" {
		what = fmt.Sprintf("the JSON is %s; it has to be %s", kinds[is], want)
	}
	return &Error{Pointer: at, What: what}
}

// next is the pointer of the value that comes next. The decoder's own still names what
// was read before it; inside an array that is the item before.
func (r *reader) next() string {
	at := r.in.StackPointer()
	kind, length := r.in.StackIndex(r.in.StackDepth())
	if kind != '[' {
		return string(at)
	}
	if length > 0 {
		at = at.Parent()
	}
	return fmt.Sprintf("%s/%d", at, length)
}

// check finds what is wrong with a text before anything is made of it.
func check(text []byte) error {
	trimmed := bytes.TrimLeft(text, blank)
	switch {
	case len(trimmed) == 0:
		return &Error{What: "there is no JSON: it is empty"}
	case bytes.HasPrefix(trimmed, []byte("\xef\xbb\xbf")):
		return &Error{What: "the JSON begins with a byte order mark"}
	case !utf8.Valid(text):
		return &Error{What: fmt.Sprintf("the JSON is not UTF-8 after %d bytes", invalidAt(text))}
	case trimmed[0] != '{':
		return &Error{What: "the JSON is not an object"}
	}
	return walk(text, MaxDepth, func(jsontext.Token, bool) error { return nil })
}

const blank = " \t\r\n"

// walk shows do every token of a text that is one JSON value; name says that the token
// is a member's name. Objects and arrays may lie depth deep in each other.
func walk(text []byte, depth int, do func(token jsontext.Token, name bool) error) error {
	in := jsontext.NewDecoder(bytes.NewReader(text), options...)
	for first := true; first || in.StackDepth() > 0; first = false {
		kind, before := in.StackIndex(in.StackDepth())
		token, err := in.ReadToken()
		if err != nil {
			return syntaxError(in, err)
		}
		if in.StackDepth() > depth {
			return &Error{What: fmt.Sprintf("more than %d objects and lists lie in each other", depth)}
		}
		if err := do(token, kind == '{' && before%2 == 0); err != nil {
			return err
		}
	}
	if rest := bytes.TrimLeft(text[in.InputOffset():], blank); len(rest) > 0 {
		return &Error{What: fmt.Sprintf("%d bytes follow the JSON object, which ends after %d", len(rest), in.InputOffset())}
	}
	return nil
}

func invalidAt(text []byte) (n int) {
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		if r == utf8.RuneError && size == 1 {
			return n
		}
		n += size
	}
	return n
}

// syntax turns a decoder's error into ours.
func (r *reader) syntax(err error) error {
	if err == nil {
		return nil
	}
	return syntaxError(r.in, err)
}

// plainly puts the decoder's words into those that the other errors use.
var plainly = strings.NewReplacer(
	"invalid character", "unexpected character", "invalid escape sequence", "unknown escape sequence",
	"start of value", "the start of a value", "object name", "a field's name", "object value", "a field's value", "array element", "a list's item",
	"object member name", "a field's name", "non-control character", "no control character",
)

func syntaxError(in *jsontext.Decoder, err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{What: fmt.Sprintf("the JSON breaks off after %d bytes", in.InputOffset()+int64(len(in.UnreadBuffer())))}
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &s):
		return &Error{Pointer: string(s.JSONPointer), What: "is given twice"}
	case errors.As(err, &s) && strings.Contains(s.Err.Error(), "surrogate"):
		return &Error{Pointer: string(s.JSONPointer), What: "holds half of a surrogate pair, which is no character"}
	case errors.As(err, &s):
		what := fmt.Sprintf("is not JSON after %d bytes: %s", s.ByteOffset, plainly.Replace(s.Err.Error()))
		if s.JSONPointer == "" {
			what = "the text " + what
		}
		return &Error{Pointer: string(s.JSONPointer), What: what}
	}
	return &Error{What: "it is not JSON"}
}

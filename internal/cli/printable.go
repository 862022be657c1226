package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is text from outside as a terminal, a table or JSON can show it on one
// line: a byte that is not UTF-8 is written \xe9, and a character that moves the
// cursor or turns the direction of writing \n or \u202e.
func printable(s string) string {
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[0])
		case steers(r):
			quoted := fmt.Sprintf("%+q", r)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteString(s[:size])
		}
		s = s[size:]
	}
	return out.String()
}

func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// printableLines is [printable] for text of several lines, which tabs may indent.
func printableLines(s string) string {
	var out strings.Builder
	for {
		i := strings.IndexAny(s, "\n\t")
		if i < 0 {
			return out.String() + printable(s)
		}
		out.WriteString(printable(s[:i]) + s[i:i+1])
		s = s[i+1:]
	}
}

// A fileName is a file's name in a line of JSON, whose text is UTF-8. The bytes of
// a name that is not are given too.
type fileName struct {
	File   string `json:"file"`                  // as it can be printed
	Base64 []byte `json:"file_base64,omitempty"` // the name, where that is not UTF-8
}

func named(name string) fileName {
	if utf8.ValidString(name) {
		return fileName{File: name}
	}
	return fileName{printable(name), []byte(name)}
}

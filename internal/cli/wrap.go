package cli

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

const lineWidth = 80 // columns that printed lines fit

// wrap breaks text into lines of at most 80 columns, at spaces where there are
// some, and inside words where a word is longer than a line, as Chinese has them.
func wrap(text, first, rest string) string {
	var out strings.Builder
	out.WriteString(first)
	room, fresh := lineWidth-runewidth.StringWidth(first), true // of the line; nothing but its indent stands on it
	next := func() {
		out.WriteString("\n" + rest)
		room, fresh = lineWidth-runewidth.StringWidth(rest), true
	}
	for i, word := range strings.Split(text, " ") {
		width := runewidth.StringWidth(word)
		switch {
		case i == 0:
		case !fresh && width+1 <= room:
			out.WriteString(" ")
			room--
		case !fresh:
			next()
		}
		for width > room {
			head := runewidth.Truncate(word, max(room, 2), "")
			if head == "" { // one character is wider than the line
				break
			}
			out.WriteString(head)
			word = word[len(head):]
			width = runewidth.StringWidth(word)
			next()
		}
		out.WriteString(word)
		room -= width
		fresh = fresh && word == ""
	}
	return out.String()
}

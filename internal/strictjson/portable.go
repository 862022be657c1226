package strictjson

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What parsers elsewhere take. Beyond it some fail, though the text is JSON.
const (
	portableDepth  = 32   // below the 64 of .NET, with what it is put into
	portableNumber = 100  // characters; Jackson takes 1000, Python 4300 digits
	portableName   = 1000 // bytes; Jackson takes 50,000
)

var errNotPortable = errors.New("not every JSON parser reads this")

// Portable reports whether text is one JSON value that every parser reads, and reads alike:
// valid UTF-8 without half surrogate pairs, equal names or U+0000 in a name, with numbers
// that a double holds, and of modest depth.
func Portable(text []byte) bool {
	return walk(text, portableDepth, func(token jsontext.Token, name bool) error {
		switch token.Kind() {
		case '"':
			s := token.String()
			if name && (strings.ContainsRune(s, 0) || len(s) > portableName) {
				return errNotPortable
			}
		case '0':
			s := token.String()
			if _, err := strconv.ParseFloat(s, 64); err != nil || len(s) > portableNumber {
				return errNotPortable
			}
		}
		return nil
	}) == nil
}

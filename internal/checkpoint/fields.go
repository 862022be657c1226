package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"videoqa/internal/fault"
)

// fields is a JSON object read one key at a time, each with the type it must
// have. The first thing wrong is kept and everything after it returns defaults,
// so that a reader is a plain list of its fields. Keys are compared exactly and
// a repeated key's last value counts, as in Python.
type fields struct {
	raw   map[string]json.RawMessage
	wrong error
}

func parseFields(data []byte) (*fields, error) {
	f := &fields{}
	if err := json.Unmarshal(data, &f.raw); err != nil {
		return nil, err
	}
	if f.raw == nil {
		return nil, errors.New("null is not an object")
	}
	return f, nil
}

func (f *fields) err() error { return f.wrong }

// fail keeps the first thing wrong.
func (f *fields) fail(key, format string, args ...any) {
	if f.wrong == nil {
		f.wrong = fmt.Errorf("%s: "+format, append([]any{key}, args...)...)
	}
}

// absorb takes over what went wrong in an object inside f.
func (f *fields) absorb(prefix string, inner *fields) {
	if f.wrong == nil && inner.wrong != nil {
		f.wrong = fmt.Errorf("%s%w", prefix, inner.wrong)
	}
}

// absent says whether key is left out or null.
func (f *fields) absent(key string) bool {
	v, ok := f.raw[key]
	return !ok || string(v) == "null"
}

// has is the opposite of absent.
func (f *fields) has(key string) bool { return !f.absent(key) }

// plainInteger reads key if it is an integer.
func (f *fields) plainInteger(key string) (n int, ok bool) {
	return n, json.Unmarshal(f.raw[key], &n) == nil
}

// pair reads key if it is a list of two integers.
func (f *fields) pair(key string) (first, second int, ok bool) {
	var list []int
	if json.Unmarshal(f.raw[key], &list) != nil || len(list) != 2 {
		return 0, 0, false
	}
	return list[0], list[1], true
}

// side reads the side of a square: an integer, or a list of two that are equal.
func (f *fields) side(key string, otherwise int) int {
	height, width, ok := f.pair(key)
	switch {
	case !ok:
		return f.integer(key, otherwise)
	case height != width:
		f.fail(key, "%d x %d is not supported, only squares", height, width)
	}
	return height
}

// decode reads key into v and says whether it is there. A null is wrong: Python
// would hand None to arithmetic.
func (f *fields) decode(key, want string, v any) bool {
	raw, ok := f.raw[key]
	if !ok {
		return false
	}
	if string(raw) == "null" || json.Unmarshal(raw, v) != nil {
		f.fail(key, "%s is not %s", clip(raw), want)
		return false
	}
	return true
}

func (f *fields) integer(key string, otherwise int) int {
	var n int
	if !f.decode(key, "an integer", &n) {
		return otherwise
	}
	return n
}

func (f *fields) nullable(key string, otherwise int) int {
	if f.absent(key) {
		return otherwise
	}
	return f.integer(key, otherwise)
}

func (f *fields) number(key string, otherwise float64) float64 {
	var x float64
	if !f.decode(key, "a number", &x) {
		return otherwise
	}
	return x
}

func (f *fields) boolean(key string, otherwise bool) bool {
	var b bool
	if !f.decode(key, "true or false", &b) {
		return otherwise
	}
	return b
}

func (f *fields) text(key, otherwise string) string {
	var s string
	if !f.decode(key, "a text", &s) {
		return otherwise
	}
	return s
}

// ids reads one id or a list of them.
func (f *fields) ids(key string, otherwise int64) []int64 {
	var list []int64
	if json.Unmarshal(f.raw[key], &list) == nil && list != nil {
		return list
	}
	return []int64{int64(f.integer(key, int(otherwise)))}
}

// object reads an object; one that is left out or null is empty.
func (f *fields) object(key string) *fields {
	inner := &fields{raw: map[string]json.RawMessage{}}
	if !f.absent(key) {
		f.decode(key, "an object", &inner.raw)
	}
	return inner
}

// only fails unless key has the one value that is supported.
func (f *fields) only(key, want, otherwise string) {
	if got := f.text(key, otherwise); got != want {
		f.fail(key, "%q is not supported, only %q", got, want)
	}
}

// known fails for a key that is none of keys.
func (f *fields) known(keys ...string) {
	for _, key := range slices.Sorted(maps.Keys(f.raw)) {
		if !slices.Contains(keys, key) {
			f.fail(key, "is not a known field")
		}
	}
}

// clip quotes a value for a message, not too long a piece of it.
func clip(raw []byte) string {
	const most = 60
	raw = bytes.TrimSpace(raw)
	if len(raw) > most {
		return strconv.QuoteToASCII(string(raw[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(raw))
}

// maxSmall is the most that a file other than the weights may hold. Large
// vocabularies' tokenizer.json reach some 20 MB.
const maxSmall = 64 << 20

// readSmall reads a whole file that is not weights.
func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, missing(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
	}
	if len(b) > maxSmall {
		return nil, fmt.Errorf("%s is over %d bytes: %w", name, maxSmall, fault.BadModel)
	}
	return b, refuseStandIn(name, b)
}

// readOptional is readSmall, but a file that is not there is nil.
func readOptional(fsys fs.FS, name string) ([]byte, error) {
	if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readSmall(fsys, name)
}

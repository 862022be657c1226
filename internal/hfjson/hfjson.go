// Package hfjson reads the JSON objects of Hugging Face's files one field at a time,
// by the rules of the Python that wrote them.
//
//	o, err := hfjson.Parse(data)
//	layers := o.Integer("num_hidden_layers", 6) // 6 if the file leaves the field out
//	inner := o.Object("vision_config")
//	size := inner.Integer("image_size", 224)
//	o.Absorb("vision_config.", inner)
//	err = o.Err() // "vision_config.image_size: \"x\" is not an integer"
//
// The first thing wrong is kept, with the field's name, and everything after it
// returns defaults, so that a reader is a plain list of its fields. Names are compared
// exactly and a repeated name's last value counts, as in Python.
package hfjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// An Object is a JSON object that is being read. It is not for several goroutines.
type Object struct {
	raw   map[string]json.RawMessage
	wrong error
}

// Parse takes data for an object. It returns an error if data is none.
func Parse(data []byte) (*Object, error) {
	o := &Object{}
	if err := json.Unmarshal(data, &o.raw); err != nil {
		return nil, err
	}
	if o.raw == nil {
		return nil, errors.New("null is not an object")
	}
	return o, nil
}

// Err returns the first thing wrong: the field's name and what is wrong with it.
func (o *Object) Err() error { return o.wrong }

// Fail reports that something is wrong with the field key.
func (o *Object) Fail(key, format string, args ...any) {
	if o.wrong == nil {
		o.wrong = fmt.Errorf("%s: "+format, append([]any{key}, args...)...)
	}
}

// Absorb takes over the error of an object inside o, whose fields are named with
// prefix before them.
func (o *Object) Absorb(prefix string, inner *Object) {
	if o.wrong == nil && inner.wrong != nil {
		o.wrong = fmt.Errorf("%s%w", prefix, inner.wrong)
	}
}

// Has reports whether key is there and not null.
func (o *Object) Has(key string) bool {
	v, ok := o.raw[key]
	return ok && string(v) != "null"
}

// Raw is the JSON of key, nil if it is left out.
func (o *Object) Raw(key string) json.RawMessage { return o.raw[key] }

// Keys lists the names of all fields in order.
func (o *Object) Keys() []string { return slices.Sorted(maps.Keys(o.raw)) }

// Only fails for a field that is none of keys.
func (o *Object) Only(keys ...string) {
	for _, key := range o.Keys() {
		if !slices.Contains(keys, key) {
			o.Fail(key, "is not a known field")
		}
	}
}

// DropNulls removes the fields that are null and tells which they were.
func (o *Object) DropNulls() map[string]bool {
	nulls := map[string]bool{}
	for key := range o.raw {
		if !o.Has(key) {
			nulls[key] = true
			delete(o.raw, key)
		}
	}
	return nulls
}

// Decode reads key into v and says whether it is there. A null is wrong: Python would
// hand None to arithmetic. want names the type in the error: "an integer".
func (o *Object) Decode(key, want string, v any) bool {
	raw, ok := o.raw[key]
	if !ok {
		return false
	}
	if string(raw) == "null" || json.Unmarshal(raw, v) != nil {
		o.Fail(key, "%s is not %s", Quote(raw), want)
		return false
	}
	return true
}

// Integer reads an integer.
func (o *Object) Integer(key string, otherwise int) int {
	var n int
	if !o.Decode(key, "an integer", &n) {
		return otherwise
	}
	return n
}

// Nullable reads an integer; null is as good as none.
func (o *Object) Nullable(key string, otherwise int) int {
	if !o.Has(key) {
		return otherwise
	}
	return o.Integer(key, otherwise)
}

// PlainInteger reads key if it is an integer.
func (o *Object) PlainInteger(key string) (n int, ok bool) {
	return n, json.Unmarshal(o.raw[key], &n) == nil
}

// Pair reads key if it is a list of two integers.
func (o *Object) Pair(key string) (first, second int, ok bool) {
	var list []int
	if json.Unmarshal(o.raw[key], &list) != nil || len(list) != 2 {
		return 0, 0, false
	}
	return list[0], list[1], true
}

// Side reads the side of a square: an integer, or a list of two that are equal.
func (o *Object) Side(key string, otherwise int) int {
	height, width, ok := o.Pair(key)
	switch {
	case !ok:
		return o.Integer(key, otherwise)
	case height != width:
		o.Fail(key, "%d x %d is not supported, only squares", height, width)
	}
	return height
}

// Number reads a number.
func (o *Object) Number(key string, otherwise float64) float64 {
	var x float64
	if !o.Decode(key, "a number", &x) {
		return otherwise
	}
	return x
}

// Boolean reads true or false.
func (o *Object) Boolean(key string, otherwise bool) bool {
	var b bool
	if !o.Decode(key, "true or false", &b) {
		return otherwise
	}
	return b
}

// Text reads a text.
func (o *Object) Text(key, otherwise string) string {
	var s string
	if !o.Decode(key, "a text", &s) {
		return otherwise
	}
	return s
}

// IDs reads one id or a list of them.
func (o *Object) IDs(key string, otherwise int64) []int64 {
	var list []int64
	if json.Unmarshal(o.raw[key], &list) == nil && list != nil {
		return list
	}
	return []int64{int64(o.Integer(key, int(otherwise)))}
}

// Object reads an object; one that is left out or null is empty.
func (o *Object) Object(key string) *Object {
	inner := &Object{raw: map[string]json.RawMessage{}}
	if o.Has(key) {
		o.Decode(key, "an object", &inner.raw)
	}
	return inner
}

// Token reads a special token: a text, or an object whose content is the text.
func (o *Object) Token(key, otherwise string) string {
	var s string
	if !o.Has(key) {
		return otherwise
	}
	if json.Unmarshal(o.raw[key], &s) == nil {
		return s
	}
	inner := o.Object(key)
	defer o.Absorb(key+".", inner)
	return inner.Text("content", otherwise)
}

// Tokens reads a list of special tokens; one that is left out or null is empty.
func (o *Object) Tokens(key string) []string {
	var list []json.RawMessage
	if !o.Has(key) || !o.Decode(key, "a list", &list) {
		return nil
	}
	tokens := make([]string, len(list))
	for i, raw := range list {
		one := &Object{raw: map[string]json.RawMessage{key: raw}}
		tokens[i] = one.Token(key, "")
		o.Absorb("", one)
	}
	return tokens
}

// Must fails unless key has the one value that is supported.
func (o *Object) Must(key, want, otherwise string) {
	if got := o.Text(key, otherwise); got != want {
		o.Fail(key, "%q is not supported, only %q", got, want)
	}
}

// Quote quotes a value for a message, not too long a piece of it.
func Quote(raw []byte) string {
	const most = 60
	raw = bytes.TrimSpace(raw)
	if len(raw) > most {
		return strconv.QuoteToASCII(string(raw[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(raw))
}

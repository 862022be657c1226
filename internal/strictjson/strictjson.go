// Package strictjson reads JSON as a published schema describes it. Every interface
// by which something comes in reads with it, so that all of them take and refuse the same.
//
//	var q struct {
//		Text   string `json:"question" strict:"required,empty"`
//		Frames int    `json:"frames,omitempty"`
//	}
//	unknown, err := strictjson.Read([]byte(`{"question":"","Frames":3.0}`), &q) // [{/Frames frames}], nil
//
// encoding/json takes names in any case, the last of several equal names, null for
// every value, and repairs text that is not UTF-8: what it stores is then not what was
// sent. This package refuses all of that:
//
//   - The text is one object in UTF-8 with nothing but white space behind it. No string
//     holds half of a surrogate pair, and no object, however deep, holds a name twice.
//   - A name is a field's only if all letters are equal, case included. What to do about
//     other names is the caller's decision: Read returns them.
//   - null is no value, unless the field's tag says strict:"null": then it is as if the
//     field were not there. An empty string is none either, but for strict:"empty". A field
//     of strict:"required" has to be there.
//   - A whole number may be written 3, 3.0 or 30e-1, as JSON Schema has it.
//
// Errors name the place as a JSON Pointer (RFC 6901), and never a Go type.
package strictjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how many objects and arrays may lie in each other. Parsers elsewhere
// stop at 64 (.NET) to 1000 (Python), and no document of ours needs more than three.
const MaxDepth = 64

// An Unknown is a member that belongs to no field.
type Unknown struct {
	Pointer string // JSON Pointer
	Meant   string // the field of its object that it may be meant for ([Near]); "": none
}

// Name is the member's own name.
func (u Unknown) Name() string { return jsontext.Pointer(u.Pointer).LastToken() }

// MaxUnknown is how many members without a field Read tells of: to look for what each may
// mean takes time, and a text may hold a hundred thousand.
const MaxUnknown = 64

// Read reads text, one object, into the struct that into points to, and returns the
// first members that belong to no field, in the order of the text. Fields may be
// strings, ints, structs, pointers, slices of these, encoding.TextUnmarshaler, []byte in
// base64, and json.RawMessage, which takes any value and shares text's memory. Every error
// is an [*Error]; unknown is then what was found before it.
func Read(text []byte, into any) (unknown []Unknown, err error) {
	if err := check(text); err != nil {
		return nil, err
	}
	r := &reader{in: jsontext.NewDecoder(bytes.NewReader(text), options...)}
	err = r.value(reflect.ValueOf(into).Elem(), false)
	return r.unknown, err
}

var options = []jsontext.Options{jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false)}

// A reader reads one text whose syntax was checked.
type reader struct {
	in      *jsontext.Decoder
	unknown []Unknown
}

// value reads the next value into v; empty says that it may be an empty string.
func (r *reader) value(v reflect.Value, empty bool) error {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		raw, err := r.in.ReadValue()
		v.SetBytes(bytes.Clone(raw))
		return r.syntax(err)
	}
	kind := r.in.PeekKind()
	if kind == 'n' {
		return r.wrong("is null: give it a value or leave it out")
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return r.value(v.Elem(), empty)
	}
	if parser, ok := v.Addr().Interface().(interface{ UnmarshalText([]byte) error }); ok {
		return r.parsed(parser.UnmarshalText)
	}
	switch v.Kind() {
	case reflect.String:
		text, err := r.text()
		if err == nil && text == "" && !empty {
			return r.emptied()
		}
		v.SetString(text)
		return err
	case reflect.Int:
		return r.whole(v)
	case reflect.Struct:
		return r.object(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return r.parsed(func(text []byte) (err error) {
				raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
				v.SetBytes(raw)
				if err != nil || bytes.ContainsAny(text, "\r\n") {
					return fmt.Errorf("is not base64")
				}
				return nil
			})
		}
		return r.array(v)
	}
	panic("strictjson: a field of a kind that Read does not know: " + v.Type().String())
}

// text reads a string.
func (r *reader) text() (string, error) {
	if kind := r.in.PeekKind(); kind != '"' {
		return "", r.kind(kind, "a string")
	}
	token, err := r.in.ReadToken()
	if err != nil {
		return "", r.syntax(err)
	}
	return token.String(), nil
}

// parsed reads a string whose parser says what is wrong with it.
func (r *reader) parsed(parse func([]byte) error) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	if err := parse([]byte(text)); err != nil {
		return &Error{Pointer: string(r.in.StackPointer()), What: err.Error()}
	}
	return nil
}

func (r *reader) whole(v reflect.Value) error {
	if kind := r.in.PeekKind(); kind != '0' {
		return r.kind(kind, "a whole number")
	}
	raw, err := r.in.ReadValue()
	if err != nil {
		return r.syntax(err)
	}
	n, why := wholeNumber(string(raw))
	if why != "" {
		return &Error{Pointer: string(r.in.StackPointer()), What: fmt.Sprintf("is %s: %s", Shorten(string(raw), 40), why)}
	}
	v.SetInt(n)
	return nil
}

func (r *reader) array(v reflect.Value) error {
	if kind := r.in.PeekKind(); kind != '[' {
		return r.kind(kind, "a list")
	}
	if _, err := r.in.ReadToken(); err != nil {
		return r.syntax(err)
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	for r.in.PeekKind() != ']' {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := r.value(item, true); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
	}
	_, err := r.in.ReadToken()
	return r.syntax(err)
}

func (r *reader) object(v reflect.Value) error {
	if kind := r.in.PeekKind(); kind != '{' {
		return r.kind(kind, "an object")
	}
	if _, err := r.in.ReadToken(); err != nil {
		return r.syntax(err)
	}
	at, fields, before := string(r.in.StackPointer()), fieldsOf(v.Type()), len(r.unknown)
	var given []string
	for r.in.PeekKind() != '}' {
		name, err := r.text()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			if len(r.unknown) < MaxUnknown {
				r.unknown = append(r.unknown, Unknown{string(r.in.StackPointer()), meant(name, fields)})
			}
			if err := r.in.SkipValue(); err != nil {
				return r.syntax(err)
			}
			continue
		}
		if fields[i].null && r.in.PeekKind() == 'n' {
			if err := r.in.SkipValue(); err != nil {
				return r.syntax(err)
			}
			continue
		}
		given = append(given, name)
		if err := r.value(v.Field(fields[i].index), fields[i].empty); err != nil {
			return err
		}
	}
	for _, f := range fields {
		if f.required && !slices.Contains(given, f.name) {
			return &Error{Pointer: at + "/" + f.name, What: "is missing" + r.misspelt(f.name, before), Missing: true}
		}
	}
	_, err := r.in.ReadToken()
	return r.syntax(err)
}

// misspelt tells of an unknown member of the same object that may be the field.
func (r *reader) misspelt(name string, before int) string {
	for _, u := range r.unknown[before:] {
		if Near(u.Name(), name) {
			return fmt.Sprintf("; did you mean it by %.40q? Names are compared letter by letter", u.Name())
		}
	}
	return ""
}

// A field is one of a struct, as its tags have it.
type field struct {
	name                  string
	index                 int
	required, empty, null bool
}

func fieldsOf(t reflect.Type) (fields []field) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		rules := strings.Split(t.Field(i).Tag.Get("strict"), ",")
		is := func(rule string) bool { return slices.Contains(rules, rule) }
		fields = append(fields, field{name, i, is("required"), is("empty"), is("null")})
	}
	return fields
}

// meant is the nearest field that a name may be meant for.
func meant(name string, fields []field) (best string) {
	least := 0
	for _, f := range fields {
		if d, near := apart(name, f.name); near && (best == "" || d < least) {
			least, best = d, f.name
		}
	}
	return best
}

package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"videoqa/internal/strictjson"
)

type kind string

// A door has a field of every kind that is read.
type door struct {
	Name  string   `json:"name" strict:"required,empty"`
	Kind  kind     `json:"kind,omitempty"`
	Count int      `json:"count,omitempty"`
	Tags  []string `json:"tags,omitempty"`
	At    *moment  `json:"at,omitempty"`
	Note  string   `json:"note" strict:"null"`
	Keys  []key    `json:"keys"`
	Raw   json.RawMessage
	Data  json.RawMessage `json:"data"`
	Bytes []byte          `json:"bytes"`
	Own   string          `json:"-"`
}

type key struct {
	Shape string `json:"shape" strict:"required"`
	Teeth int    `json:"teeth"`
}

type moment struct{ text string }

func (m *moment) UnmarshalText(text []byte) error {
	if m.text = string(text); m.text != "noon" {
		return fmt.Errorf("%q is not noon", text)
	}
	return nil
}

func TestWhatIsRead(t *testing.T) {
	var d door
	text := "\n{\"name\":\"\",\"kind\":\"wood\",\"count\":30e-1,\"tags\":[\"a\",\"\\u4e2d\\ud83d\\ude00\"],\"at\":\"noon\",\"note\":null,\"keys\":[{\"shape\":\"round\",\"teeth\":2.0},{\"shape\":\"flat\"}],\"data\":{\"x\":[1, 2]},\"bytes\":\"aGk=\"} \t"
	unknown, err := strictjson.Read([]byte(text), &d)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%v, unknown %v", err, unknown)
	}
	got := fmt.Sprint(d.Name, d.Kind, d.Count, d.Tags, d.At.text, d.Keys, string(d.Data), string(d.Bytes))
	if want := `wood3 [a 中😀]noon[{round 2} {flat 0}]{"x":[1, 2]}hi`; got != want {
		t.Errorf("read %s; want %s", got, want)
	}
}

func TestNamesAreComparedLetterByLetter(t *testing.T) {
	var d door
	unknown, err := strictjson.Read([]byte(`{"name":"a","Name":"b","NAME":{"count":1},"cuont":1,"other":2,"keys":[{"shape":"x","Shape":"y"}],"Raw":1,"Own":"z","own":1}`), &d)
	if err != nil || d.Name != "a" || d.Keys[0].Shape != "x" || d.Own != "" || d.Raw != nil {
		t.Errorf("%+v, %v", d, err)
	}
	want := []strictjson.Unknown{{"/Name", "name"}, {"/NAME", "name"}, {"/cuont", "count"}, {"/other", ""}, {"/keys/0/Shape", "shape"}, {"/Raw", ""}, {"/Own", ""}, {"/own", ""}}
	if !slices.Equal(unknown, want) {
		t.Errorf("unknown are %v; want %v", unknown, want)
	}
}

// goish is what no message to an outsider may hold.
var goish = regexp.MustCompile(`json:|jsontext|strconv|reflect|unexpected EOF|Go (value|struct|type)|\bint64\b|\[\]|2006-01-02|cannot unmarshal|%!`)

func TestWhatIsRefusedIsSaidWithItsPlace(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for _, tc := range []struct{ name, text, says string }{
		{"nothing", "", "there is no JSON"},
		{"white space", " \n", "there is no JSON"},
		{"null", "null", "not an object"},
		{"a list", "[{}]", "not an object"},
		{"a byte order mark", "\ufeff{}", "byte order mark"},
		{"Latin-1", "{\"name\":\"caf\xe9\"}", "not UTF-8 after 12 bytes"},
		{"UTF-16", "{\x00}\x00", "not JSON after 1 bytes"},
		{"UTF-8 of a surrogate", "{\"name\":\"\xed\xa0\x80\"}", "not UTF-8"},
		{"half a surrogate pair", `{"name":"\ud83d"}`, "/name holds half of a surrogate pair"},
		{"the other half, in a name", `{"\udc00":1}`, "half of a surrogate pair"},
		{"half an object", `{"name":"a"`, "breaks off after 11 bytes"},
		{"half a string", `{"name":"a`, "breaks off"},
		{"half a number in an unknown field", `{"name":"a","x":-`, "breaks off"},
		{"a second object", `{"name":"a"}{}`, "2 bytes follow the JSON object, which ends after 12"},
		{"bytes behind", "{\"name\":\"a\"}\x00", "1 bytes follow"},
		{"a name twice", `{"name":"a","name":"a"}`, "/name is given twice"},
		{"a name twice, once in escapes", `{"name":"a","\u006eame":"b"}`, "/name is given twice"},
		{"a name twice, deeper", `{"name":"a","keys":[{"shape":"x","shape":"y"}]}`, "/keys/0/shape is given twice"},
		{"a name twice in what nobody reads", `{"name":"a","other":{"x":{"y":1,"y":1}}}`, "/other/x/y is given twice"},
		{"a comma too many", `{"name":"a",}`, "the text is not JSON after 11 bytes: unexpected character"},
		{"a word without quotes", `{"name":a}`, "/name is not JSON after 8 bytes: unexpected character 'a' at the start of a value"},
		{"a colon too few", `{"name" "a"}`, "/name is not JSON after 8 bytes: unexpected character '\"' after a field's name (expecting ':')"},
		{"a comma too few", `{"name":"a" "b":1}`, "unexpected character '\"' after a field's value (expecting ',' or '}')"},
		{"single quotes", `{'name':1}`, "not JSON after 1 bytes"},
		{"NaN", `{"name":"a","count":NaN}`, "/count is not JSON"},
		{"a line break in a string", "{\"name\":\"a\nb\"}", "/name is not JSON"},
		{"more depth than anything needs", `{"name":"a","other":` + deep + `}`, "64 objects and lists"},
		{"null for a string", `{"name":null}`, "/name is null"},
		{"null for a number", `{"name":"a","count":null}`, "/count is null"},
		{"null for a list", `{"name":"a","tags":null}`, "/tags is null"},
		{"null in a list", `{"name":"a","tags":["a",null]}`, "/tags/1 is null"},
		{"null for an object", `{"name":"a","keys":[null]}`, "/keys/0 is null"},
		{"nothing in a string", `{"name":"a","kind":""}`, "/kind is empty"},
		{"a number for a string", `{"name":7}`, "/name is a number; it has to be a string"},
		{"a string for a number", `{"name":"a","count":"7"}`, "/count is a string; it has to be a whole number"},
		{"a boolean in a list", `{"name":"a","tags":["x",true]}`, "/tags/1 is a boolean; it has to be a string"},
		{"an object for a list", `{"name":"a","tags":{}}`, "/tags is an object; it has to be a list"},
		{"a list for an object", `{"name":"a","keys":[[]]}`, "/keys/0 is a list; it has to be an object"},
		{"half a thing", `{"name":"a","count":3.5}`, "/count is 3.5: it has to be a whole number"},
		{"nearly a whole number", `{"name":"a","count":3.0000000000000000000001}`, "whole number"},
		{"many digits", `{"name":"a","count":` + strings.Repeat("9", 5000) + `}`, "too large"},
		{"a large power", `{"name":"a","count":1e999999999}`, "too large"},
		{"a small power", `{"name":"a","count":1e-99999999999999999999}`, "whole number"},
		{"a text that its field refuses", `{"name":"a","at":"midnight"}`, `/at "midnight" is not noon`},
		{"no base64", `{"name":"a","bytes":"aGk"}`, "/bytes is not base64"},
		{"base64 in lines", `{"name":"a","bytes":"aG\nk="}`, "/bytes is not base64"},
		{"a field that is missing", `{"count":1}`, "/name is missing"},
		{"one that is misspelt", `{"Name":"a"}`, `/name is missing; did you mean it by "Name"?`},
		{"one that is missing deeper", `{"name":"a","keys":[{"shape":"x"},{"teeth":1}]}`, "/keys/1/shape is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d door
			_, err := strictjson.Read([]byte(tc.text), &d)
			var e *strictjson.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("Read(%.80q) = %v; want it to say %q", tc.text, err, tc.says)
			}
			if found := goish.FindString(err.Error()); found != "" || len(err.Error()) > 300 {
				t.Errorf("Read(%.80q) = %.400v; that holds %q", tc.text, err, found)
			}
		})
	}
}

func TestNearNames(t *testing.T) {
	for _, tc := range []struct {
		given, name string
		want        bool
	}{
		{"Question", "question", true}, {"QUESTION", "question", true}, {"queston", "question", true}, {"qeustion", "question", true}, {"questions", "question", true},
		{"clipId", "clip_id", true}, {"clip-id", "clip_id", true}, {"edn", "end", true}, {"url", "uri", true}, {"choises", "choices", true}, {"dead_line", "deadline", true},
		{"question", "question", false}, {"id", "end", false}, {"tenant", "kind", false}, {"x", "end", false}, {strings.Repeat("question", 100), "question", false},
	} {
		if got := strictjson.Near(tc.given, tc.name); got != tc.want {
			t.Errorf("Near(%.40q, %q) = %v; want %v", tc.given, tc.name, got, tc.want)
		}
	}
}

func TestWhatEveryParserReads(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":1}`: true, `[]`: true, `"中"`: true, `1e300`: true, ` null `: true, `"\ud83d\ude00"`: true, strings.Repeat("[", 32) + strings.Repeat("]", 32): true,
		`{"a":1,"a":2}`: false, `"\ud83d"`: false, "\"\xff\"": false, `"\u0000"`: true, `1e400`: false, `-1e400`: false, `{"\u0000":1}`: false, strings.Repeat("9", 101): false,
		strings.Repeat("[", 33) + strings.Repeat("]", 33): false, `{"` + strings.Repeat("n", 1001) + `":1}`: false, `NaN`: false, ``: false, `{}x`: false,
	} {
		if got := strictjson.Portable([]byte(text)); got != want {
			t.Errorf("Portable(%.60q) = %v; want %v", text, got, want)
		}
	}
}

func TestShortenCutsBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{"abc": "abc", "abcd": "abc…", "中文字": "中文字", "中文字体": "中文字…", "a\xff\xffb": "a\xff\xff…"} {
		if got := strictjson.Shorten(text, 3); got != want {
			t.Errorf("Shorten(%q, 3) = %q; want %q", text, got, want)
		}
	}
}

// What Read takes, encoding/json takes with the same result; and no error is Go's.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"name":"a"}`, `{"name":"","count":3.0,"keys":[{"shape":"x"}],"bytes":"aGk="}`, `{"Name":1,"x":[{}]}`, `{"name":"\ud800"}`, "{\"name\":\"\xff\"}", `{"name":"a","count":1e-1}`, `{"name":"a"} x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got door
		unknown, err := strictjson.Read(text, &got)
		if err != nil {
			if found := goish.FindString(strings.ReplaceAll(err.Error(), string(text), "")); found != "" && !strings.Contains(string(text), found) {
				t.Errorf("Read(%q) = %v; that holds %q", text, err, found)
			}
			return
		}
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Errorf("Read takes %q", text)
		}
		var other struct{ Name string }
		if err := json.Unmarshal(text, &other); err == nil && len(unknown) == 0 && other.Name != got.Name {
			t.Errorf("Read(%q) has name %q; encoding/json %q", text, got.Name, other.Name)
		}
	})
}

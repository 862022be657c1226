package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"videoqa/ingest"
	"videoqa/ingest/schema"
	"videoqa/internal/fault"
)

// of is the Go type of each event's data.
var of = map[string]reflect.Type{
	"clip.created.v1": reflect.TypeFor[ingest.Clip](), "clip.closed.v1": reflect.TypeFor[ingest.ClosedClip](), "clip.deleted.v1": reflect.TypeFor[ingest.DeletedClip](),
	"question.asked.v1": reflect.TypeFor[ingest.Question](), "answer.created.v1": reflect.TypeFor[ingest.Answer](), "deadletter.created.v1": reflect.TypeFor[ingest.DeadLetter](),
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := schema.Files.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, text string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// fields lists a struct's JSON names, with those below them: "sampling.frames.pts".
func fields(of reflect.Type, prefix string) (names []string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[ingest.Time]() {
		return nil
	}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		names = append(append(names, prefix+name), fields(of.Field(i).Type, prefix+name+".")...)
	}
	return names
}

// properties lists those that a schema describes.
func properties(s map[string]any, prefix string) (names []string) {
	if items, ok := s["items"].(map[string]any); ok {
		return properties(items, prefix)
	}
	described, _ := s["properties"].(map[string]any)
	for name, below := range described {
		names = append(append(names, prefix+name), properties(below.(map[string]any), prefix+name+".")...)
	}
	return names
}

func raw(t *testing.T, name string) (s map[string]any) {
	t.Helper()
	text, err := schema.Files.ReadFile(name + ".json")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemasDescribeEveryFieldOfTheTypes(t *testing.T) {
	for name, kind := range of {
		got, want := properties(raw(t, name), ""), fields(kind, "")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s describes\n%v\nthe type has\n%v", name, got, want)
		}
	}
}

// enum is the list of a schema's property, by its path.
func enum(s map[string]any, path ...string) (list []string) {
	for _, name := range path {
		if items, ok := s["items"].(map[string]any); ok {
			s = items
		}
		s = s["properties"].(map[string]any)[name].(map[string]any)
	}
	if items, ok := s["items"].(map[string]any); ok {
		s = items
	}
	for _, v := range s["enum"].([]any) {
		list = append(list, v.(string))
	}
	return list
}

func TestTheListsAreTheCodes(t *testing.T) {
	var kinds, notes []string
	for _, k := range ingest.Kinds() {
		kinds = append(kinds, string(k))
	}
	for _, n := range ingest.Notes() {
		notes = append(notes, string(n))
	}
	question, answer, letter := raw(t, "question.asked.v1"), raw(t, "answer.created.v1"), raw(t, "deadletter.created.v1")
	for what, lists := range map[string][2][]string{
		"kinds of question": {enum(question, "kind"), kinds}, "kinds of answer": {enum(answer, "kind"), kinds},
		"notes": {enum(answer, "sampling", "notes"), notes}, "kinds of error": {enum(letter, "error_kind"), fault.Names()},
	} {
		if !slices.Equal(lists[0], lists[1]) {
			t.Errorf("the %s are %v in the schema, %v in the code", what, lists[0], lists[1])
		}
	}
	text := fmt.Sprint(question)
	for _, limit := range []string{fmt.Sprint("maxLength:", ingest.MaxQuestionLength), fmt.Sprint("maxItems:", ingest.MaxChoices), fmt.Sprint("maxLength:", ingest.MaxChoiceLength), fmt.Sprint("maximum:", ingest.MaxFrames), fmt.Sprint("maxLength:", ingest.MaxURILength)} {
		if !strings.Contains(text, limit) {
			t.Errorf("the question's schema does not say %s", limit)
		}
	}
}

// Each example is valid, and those that come in are read in all three forms.
func TestExamplesAreValidAndRead(t *testing.T) {
	paths, err := fs.Glob(schema.Files, "examples/*.json")
	if err != nil || len(paths) < len(of) {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		name, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(path, "examples/"), ".json"), "-")
		seen[name] = true
		text, err := schema.Files.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(compile(t, name), string(text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		back := reflect.New(of[name])
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(back.Interface()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		again, err := json.Marshal(back.Interface())
		if err != nil || validate(compile(t, name), string(again)) != nil {
			t.Errorf("%s, as the code writes it: %s, %v", path, again, err)
		}
		if strings.HasPrefix(name, "clip.") || strings.HasPrefix(name, "question.") {
			readInAllForms(t, "videoqa."+name, text)
		}
	}
	if len(seen) != len(of) {
		t.Errorf("examples of %v", slices.Collect(maps.Keys(seen)))
	}
}

func readInAllForms(t *testing.T, kind string, data []byte) {
	t.Helper()
	structured := fmt.Sprintf(`{"specversion":"1.0","type":%q,"id":"e","source":"/x","data":%s}`, kind, data)
	header := func(key, value string) ingest.Header { return ingest.Header{Key: key, Value: []byte(value)} }
	for form, r := range map[string]ingest.Record{
		"plain": {Value: data}, "structured": {Value: []byte(structured), Headers: []ingest.Header{header("content-type", "application/cloudevents+json")}},
		"binary": {Value: data, Headers: []ingest.Header{header("ce_specversion", "1.0"), header("ce_type", kind), header("ce_id", "e"), header("ce_source", "/x")}},
	} {
		if e, err := ingest.ReadEvent(r, kind); err != nil || e.Type != kind {
			t.Errorf("%s, %s: %+v, %v", kind, form, e, err)
		}
	}
}

// What one refuses the other does.
func TestSchemaAndCodeRefuseTheSame(t *testing.T) {
	id := strings.Repeat("x", 129)
	for kind, values := range map[string][]string{
		"clip.created.v1": {
			`{}`, `{"clip_id":"c"}`, `{"uri":"file:///a"}`, `{"clip_id":"","uri":"a"}`, `{"clip_id":"a/b","uri":"a"}`, `{"clip_id":"` + id + `","uri":"a"}`, `{"clip_id":"c","uri":""}`,
			`{"clip_id":"c","uri":"a","camera":"a b"}`, `{"clip_id":"c","uri":"a","digest":"sha256:12"}`, `{"clip_id":"c","uri":"a","digest":"md5:x"}`, `{"clip_id":"c","uri":"a","start":"yesterday"}`,
			`{"clip_id":7,"uri":"a"}`, `{"clip_id":"c","uri":"` + strings.Repeat("x", 2049) + `"}`, `[]`, `"x"`, `7`,
		},
		"clip.closed.v1":  {`{}`, `{"clip_id":"a b"}`, `{"clip_id":"c","end":"x"}`},
		"clip.deleted.v1": {`{}`, `{"clip_id":".c"}`},
		"question.asked.v1": {
			`{}`, `{"question_id":"q","question":"a?"}`, `{"question_id":"q q","question":"a?","clip_id":"c"}`, `{"question_id":"q","question":"a?","clip_id":"c","uri":"u"}`,
			`{"question_id":"q","question":"a?","camera":"x"}`, `{"question_id":"q","question":"a?","camera":"x","start":"2026-09-01T10:00:00Z"}`,
			`{"question_id":"q","question":"a?","clip_id":"c","start":"2026-09-01T10:00:00Z","end":"2026-09-01T11:00:00Z"}`, `{"question_id":"q","question":"a?","clip_id":"c","kind":"poem"}`,
			`{"question_id":"q","question":"a?","clip_id":"c","frames":65}`, `{"question_id":"q","question":"a?","clip_id":"c","frames":-1}`, `{"question_id":"q","question":"a?","clip_id":"c","on_overload":"panic"}`,
			`{"question_id":"q","question":"a?","clip_id":"c","kind":"choice","choices":["a","a"]}`, `{"question_id":"q","question":"a?","clip_id":"c","deadline":"soon"}`,
			`{"question_id":"q","question":"` + strings.Repeat("x", 1025) + `","clip_id":"c"}`, `{"question_id":"q","question":7,"clip_id":"c"}`,
		},
	} {
		s := compile(t, kind)
		for _, value := range values {
			_, err := ingest.ReadEvent(ingest.Record{Value: []byte(value)}, "videoqa."+kind)
			if said := validate(s, value); said == nil || err == nil {
				t.Errorf("%s: %.90s: the schema says %v, the code %v; both have to refuse it", kind, value, said, err)
			}
		}
	}
}

// Of values made by changing a good event in one place or two, schema and code take the
// same, and refuse the same.
func TestSchemaAndCodeTakeTheSame(t *testing.T) {
	long := func(n int, of string) string { return strings.Repeat(of, n) }
	texts := []any{"", " ", "\u00a0\u2003", "a?", long(1024, "问"), long(1025, "问"), long(1024, "😀"), long(1025, "a"), "a\x00b", nil, 7, true, []any{}, object{}}
	ids := []any{"a", "A.b_c:d-e", "", "a b", "-a", "ä", long(128, "x"), long(129, "x"), nil, 7}
	times := []any{
		"2026-09-01T10:00:00Z", "2026-09-01t10:00:00z", "2026-09-01T10:00:00.123456789012+02:00", "2016-12-31T23:59:60Z", "2026-09-01T10:00:60Z", "2026-09-01 10:00:00Z", "2026-09-01T10:00:00",
		"2026-9-1T10:00:00Z", "2026-02-30T10:00:00Z", "2026-09-01T24:00:00Z", "2026-09-01T10:00:00,5Z", "2026-09-01T10:00:00+0200", "", "noon", nil, 7,
	}
	uris := []any{"file:///a", "", "file:///a\nb", "a\u0085b", long(2048, "é"), long(2049, "é"), nil}
	numbers := []any{0, 64, 65, -1, json.Number("3.0"), json.Number("30e-1"), json.Number("3.5"), json.Number("-0"), json.Number("1e400"), json.Number("64.0"), json.Number("64.1"), "3", nil, true}
	for kind, tc := range map[string]struct {
		good   object
		values map[string][]any
	}{
		"question.asked.v1": {object{"question_id": "q", "question": "a?", "clip_id": "c"}, map[string][]any{
			"question_id": ids, "question": texts, "clip_id": ids, "camera": ids, "uri": uris, "frames": numbers, "deadline": times, "start": times, "end": {"2030-01-01T00:00:00Z"},
			"kind": {"choice", "caption", "yesno", "count", "open", "Open", "", nil}, "on_overload": {"wait", "drop", "", "Drop", nil}, "other": texts,
			"choices": {[]any{"a", "b"}, []any{"a", "a"}, []any{"a"}, []any{}, []any{"a", ""}, []any{"a", " "}, []any{"a", nil}, []any{"a", long(128, "中")}, []any{"a", long(129, "中")}, []any{"a", 7}, "a", nil},
		}},
		"clip.created.v1": {object{"clip_id": "c", "uri": "file:///a"}, map[string][]any{
			"clip_id": ids, "uri": uris, "camera": ids, "start": times, "digest": {"sha256:" + long(64, "a"), "sha256:" + long(64, "A"), "sha256:" + long(63, "a"), "md5:a", "", nil}, "other": texts,
		}},
		"clip.closed.v1":  {object{"clip_id": "c"}, map[string][]any{"clip_id": ids, "camera": ids, "end": times, "other": texts}},
		"clip.deleted.v1": {object{"clip_id": "c"}, map[string][]any{"clip_id": ids, "camera": ids, "other": texts}},
	} {
		s := compile(t, kind)
		tried, taken := 0, 0
		for value := range changed(tc.good, tc.values) {
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ingest.ReadEvent(ingest.Record{Origin: ingest.Origin{Topic: "t"}, Value: text}, "videoqa."+kind)
			if said := validate(s, string(text)); (said == nil) != (err == nil) {
				t.Errorf("%s: %.200s: the schema says %v, the code %v", kind, text, said, err)
			}
			if tried++; err == nil {
				taken++
			}
		}
		t.Logf("%s: %d tried, %d taken", kind, tried, taken)
	}
}

type object = map[string]any

// changed are all that come of a good object by leaving a field out or giving it another
// value, and at the same time leaving out another or giving it one of its first values.
func changed(good object, values map[string][]any) iter.Seq[object] {
	return func(yield func(object) bool) {
		names := slices.Sorted(maps.Keys(values))
		each := func(from object, name string, most int, do func(object) bool) bool {
			for i := -1; i < min(most, len(values[name])); i++ {
				o := maps.Clone(from)
				if delete(o, name); i >= 0 {
					o[name] = values[name][i]
				}
				if !do(o) {
					return false
				}
			}
			return true
		}
		for i, first := range names {
			for j, second := range names {
				if i == j {
					continue
				}
				if !each(good, first, 99, func(o object) bool { return each(o, second, 2, yield) }) {
					return
				}
			}
		}
	}
}

// asyncapi.yaml names these schemas, these topics, and nothing else.
func TestTheContractNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var contract struct {
		AsyncAPI string
		Channels map[string]struct {
			Address  string
			Messages map[string]struct {
				Ref string `yaml:"$ref"`
			}
		}
		Components struct {
			Messages map[string]struct {
				Name    string
				Payload struct {
					Schema struct {
						Ref string `yaml:"$ref"`
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &contract); err != nil || contract.AsyncAPI != "3.0.0" {
		t.Fatalf("%q, %v", contract.AsyncAPI, err)
	}
	var topics []string
	used := map[string]bool{}
	for _, c := range contract.Channels {
		topics = append(topics, c.Address)
		for name, m := range c.Messages {
			used[name] = m.Ref == "#/components/messages/"+name
		}
	}
	slices.Sort(topics)
	if want := []string{ingest.TopicAnswers, ingest.TopicClips, ingest.TopicDeadLetters, ingest.TopicQuestions}; !slices.Equal(topics, want) {
		t.Errorf("topics %v; want %v", topics, want)
	}
	for name, m := range contract.Components.Messages {
		kind := strings.TrimPrefix(m.Name, "videoqa.")
		if _, there := of[kind]; !there || m.Payload.Schema.Ref != "./ingest/schema/"+kind+".json" || !used[name] {
			t.Errorf("message %s is %+v, used %v", name, m, used[name])
		}
	}
	if len(contract.Components.Messages) != len(of) {
		t.Errorf("%d messages; want %d", len(contract.Components.Messages), len(of))
	}
}

package frames_test

import (
	"reflect"
	"testing"

	"videoqa/frames"
)

// plain lists what of a type could not be sent to another process as it is: anything but numbers, texts, and slices,
// arrays, maps and structs of them. With open, every field has to be exported too.
func plain(t reflect.Type, open bool, path string) (breaches []string) {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Slice, reflect.Array:
		return plain(t.Elem(), open, path+"[]")
	case reflect.Map:
		return append(plain(t.Key(), open, path+" key"), plain(t.Elem(), open, path+"[]")...)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if open && !f.IsExported() {
				breaches = append(breaches, path+"."+f.Name+" is not exported")
			}
			breaches = append(breaches, plain(f.Type, open, path+"."+f.Name)...)
		}
		return breaches
	}
	return []string{path + " is a " + t.Kind().String()}
}

func TestOnlyPlainDataCrossesTheBoundary(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind reflect.Type
		open bool // all of its fields are exported
	}{
		{"a plan", reflect.TypeFor[frames.Plan](), true},
		{"limits", reflect.TypeFor[frames.Limits](), true},
		{"a picture", reflect.TypeFor[frames.Picture](), true},
		{"a report", reflect.TypeFor[frames.Report](), true},
		{"an index", reflect.TypeFor[frames.Index](), false},
	} {
		for _, breach := range plain(tc.kind, tc.open, tc.kind.Name()) {
			t.Errorf("%s: %s", tc.name, breach)
		}
	}
	index := reflect.TypeFor[frames.Index]()
	for i := range index.NumField() {
		if f := index.Field(i); f.IsExported() {
			t.Errorf("an index: %s is exported, so callers can look into it", f.Name)
		}
	}
}

func TestWhatIsNotPlainIsFound(t *testing.T) {
	type handle struct {
		Name string
		_    *int
	}
	type hidden struct{ _ int }
	for _, tc := range []struct {
		name string
		kind reflect.Type
		open bool
		want int
	}{
		{"a pointer that is not exported", reflect.TypeFor[handle](), true, 2},
		{"a pointer inside an opaque type", reflect.TypeFor[handle](), false, 1},
		{"a number inside an opaque type", reflect.TypeFor[hidden](), false, 0},
		{"a function in a slice", reflect.TypeFor[[]func()](), true, 1},
		{"a channel in a map", reflect.TypeFor[map[string]chan int](), true, 1},
	} {
		if got := plain(tc.kind, tc.open, tc.kind.Name()); len(got) != tc.want {
			t.Errorf("%s: %q; want %d breaches", tc.name, got, tc.want)
		}
	}
}

package hfjson_test

import (
	"slices"
	"strings"
	"testing"

	"videoqa/internal/hfjson"
)

func parse(t *testing.T, text string) *hfjson.Object {
	t.Helper()
	o, err := hfjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAFieldThatIsLeftOutHasItsDefault(t *testing.T) {
	o := parse(t, `{"null":null}`)
	inner := o.Object("object")
	if o.Integer("a", 1) != 1 || o.Nullable("null", 2) != 2 || o.Number("b", 0.5) != 0.5 || !o.Boolean("c", true) || o.Text("d", "x") != "x" ||
		o.Side("e", 3) != 3 || !slices.Equal(o.IDs("f", 4), []int64{4}) || inner.Integer("g", 5) != 5 || o.Token("h", "y") != "y" || o.Tokens("i") != nil {
		t.Error("a default is not what it should be")
	}
	if o.Err() != nil || inner.Err() != nil || o.Has("null") {
		t.Errorf("error %v, %v; null is there: %v", o.Err(), inner.Err(), o.Has("null"))
	}
}

func TestAFieldOfAnotherTypeIsNamedWithItsValue(t *testing.T) {
	for text, tc := range map[string]struct {
		read func(o *hfjson.Object)
		says []string
	}{
		`{"n":"x"}`:             {func(o *hfjson.Object) { o.Integer("n", 0) }, []string{"n: ", `\"x\"`, "not an integer"}},
		`{"n":null}`:            {func(o *hfjson.Object) { o.Integer("n", 0) }, []string{"n: ", "null"}},
		`{"n":1.5}`:             {func(o *hfjson.Object) { o.Nullable("n", 0) }, []string{"not an integer"}},
		`{"n":[2,3]}`:           {func(o *hfjson.Object) { o.Side("n", 0) }, []string{"2 x 3"}},
		`{"n":"yes"}`:           {func(o *hfjson.Object) { o.Boolean("n", false) }, []string{"true or false"}},
		`{"n":"bird"}`:          {func(o *hfjson.Object) { o.Must("n", "git", "") }, []string{"bird", "git"}},
		`{"n":1,"m":2}`:         {func(o *hfjson.Object) { o.Only("n") }, []string{"m: ", "not a known field"}},
		`{"n":["a",{"c":1},3]}`: {func(o *hfjson.Object) { o.Tokens("n") }, []string{"n: ", "3"}},
		`{"n":{"content":7}}`:   {func(o *hfjson.Object) { o.Token("n", "") }, []string{"n.content: "}},
		`{"n":{"m":"x"}}`:       {func(o *hfjson.Object) { i := o.Object("n"); i.Number("m", 0); o.Absorb("n.", i) }, []string{"n.m: ", "not a number"}},
		`{"n":"` + strings.Repeat("x", 100) + `"}`: {func(o *hfjson.Object) { o.Number("n", 0) }, []string{"…"}},
	} {
		o := parse(t, text)
		tc.read(o)
		o.Integer("other", 0)
		o.Fail("other", "comes too late to be told")
		for _, word := range tc.says {
			if o.Err() == nil || !strings.Contains(o.Err().Error(), word) {
				t.Errorf("%.40s gives %v; want it to say %q", text, o.Err(), word)
			}
		}
	}
}

func TestNamesAreComparedExactlyAndTheLastOfEqualNamesCounts(t *testing.T) {
	o := parse(t, `{"Size":1,"size":2,"size":3}`)
	if n := o.Integer("size", 0); n != 3 || o.Integer("SIZE", 4) != 4 {
		t.Errorf("size = %d, SIZE = %d; want 3 and 4", n, o.Integer("SIZE", 4))
	}
	o.DropNulls()
	if got := o.Keys(); !slices.Equal(got, []string{"Size", "size"}) {
		t.Errorf("keys %q", got)
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	for _, text := range []string{"null", "[]", "3", "{", ""} {
		if _, err := hfjson.Parse([]byte(text)); err == nil {
			t.Errorf("Parse(%q) has no error", text)
		}
	}
}

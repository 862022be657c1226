package fault_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

const page = "../../docs/errors.md"

// table is what the page says of each kind.
func table(t *testing.T) string {
	var out strings.Builder
	out.WriteString("| error_kind | HTTP status | tried again | cause | remedy |\n|---|---|---|---|---|\n")
	for _, e := range fault.Explanations() {
		v, found := fault.VerdictOf(e.Name)
		if !found {
			t.Errorf("%s is explained, and no error is judged so", e.Name)
		}
		fmt.Fprintf(&out, "| `%s` | %d | %s | %s | %s |\n", e.Name, v.Status, map[bool]string{true: "yes", false: "no"}[v.Retry], e.Cause, e.Remedy)
	}
	return out.String()
}

func TestThePageOfErrorsIsThatOfTheTable(t *testing.T) {
	var names []string
	for _, e := range fault.Explanations() {
		names = append(names, e.Name)
		if e.Cause == "" || e.Remedy == "" || strings.ContainsAny(e.Cause+e.Remedy, "|\n") {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Equal(names, fault.Names()) {
		t.Errorf("explained are %v; want each of %v", names, fault.Names())
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.Index(string(text), "| error_kind |")
	end := begin + strings.Index(string(text[max(begin, 0):])+"\n\n", "\n\n") + 1
	if begin < 0 {
		t.Fatalf("%s has no table of errors", page)
	}
	want := string(text[:begin]) + table(t) + string(text[min(end, len(text)):])
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is not what internal/fault says: go test ./internal/fault -run Page -update", page)
	}
}

func TestOnlyKindsAreExplained(t *testing.T) {
	if e, found := fault.Explain("no-footage"); !found || !strings.Contains(e.Remedy, "/close") {
		t.Errorf("%+v, %v", e, found)
	}
	for _, name := range []string{"", "bad-vdeo"} {
		if _, found := fault.Explain(name); found {
			t.Errorf("%q is explained", name)
		}
		if _, found := fault.VerdictOf(name); found {
			t.Errorf("%q is judged", name)
		}
	}
}

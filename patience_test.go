package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"
)

// Tests wait for what happens, not for time to pass. Three habits are forbidden in them:
//
//   - time.Sleep without synctest.Wait in the next line. Where there is no bubble of
//     testing/synctest, whose clock costs nothing, synctest.Wait panics: so no such sleep
//     is one in real time.
//   - waiting for time.After or time.Tick alone, which is a sleep by another name. Beside
//     other cases of a select it is a time limit.
//   - a loop whose head reads the clock: package eventually waits with a time limit.

// ofTests reports whether a file is of tests: it is one, or of a package for several tests.
func ofTests(s source) bool {
	return strings.HasSuffix(s.name, "_test.go") || strings.HasSuffix(path.Base(s.room), "test")
}

// isCall reports whether n calls one of the functions of a package.
func isCall(n ast.Node, pkg string, functions ...string) bool {
	if statement, ok := n.(*ast.ExprStmt); ok {
		n = statement.X
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	for _, name := range functions {
		if ok && of.Name == pkg && selector.Sel.Name == name {
			return true
		}
	}
	return false
}

// impatient lists where a file of tests waits for time to pass.
func impatient(s source) (breaches []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, s.name, s.text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	fine := map[ast.Node]bool{} // sleeps in a bubble, and time limits
	breach := func(n ast.Node, why string) {
		breaches = append(breaches, fmt.Sprintf("%s:%d: %s", s.name, files.Position(n.Pos()).Line, why))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		for _, body := range statements(n) {
			for i := range body {
				if i+1 < len(body) && isCall(body[i+1], "synctest", "Wait") {
					fine[body[i]] = true
				}
			}
		}
		switch n := n.(type) {
		case *ast.SelectStmt:
			for _, clause := range n.Body.List {
				if comm := clause.(*ast.CommClause).Comm; comm != nil && len(n.Body.List) > 1 {
					ast.Inspect(comm, func(in ast.Node) bool { fine[in] = true; return true })
				}
			}
		case *ast.ExprStmt:
			if isCall(n, "time", "Sleep") && fine[n] {
				fine[n.X] = true
			}
		case *ast.CallExpr:
			if isCall(n, "time", "Sleep") && !fine[n] {
				breach(n, "time.Sleep without synctest.Wait in the next line: use a bubble of testing/synctest, a channel or eventually.True")
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && isCall(n.X, "time", "After", "Tick") && !fine[n] {
				breach(n, "it waits for time alone to pass: use a bubble of testing/synctest, a channel or eventually.True")
			}
		case *ast.ForStmt:
			if readsClock(n.Init) || readsClock(n.Cond) || readsClock(n.Post) {
				breach(n, "a loop of its own polls until a time: use eventually.True")
			}
		}
		return true
	})
	return breaches, nil
}

// statements returns the list of statements that n is, if it is one.
func statements(n ast.Node) [][]ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return [][]ast.Stmt{n.List}
	case *ast.CaseClause:
		return [][]ast.Stmt{n.Body}
	case *ast.CommClause:
		return [][]ast.Stmt{n.Body}
	}
	return nil
}

func readsClock(n ast.Node) (reads bool) {
	if n == nil {
		return false
	}
	ast.Inspect(n, func(in ast.Node) bool {
		reads = reads || in != nil && isCall(in, "time", "Now", "Since", "Until")
		return true
	})
	return reads
}

func TestNoTestWaitsForTimeToPass(t *testing.T) {
	for _, s := range house(t) {
		if !ofTests(s) {
			continue
		}
		breaches, err := impatient(s)
		if err != nil {
			t.Fatal(err)
		}
		report(t, breaches)
	}
}

func TestWaitsForTimeAreFound(t *testing.T) {
	for _, tc := range []struct {
		body string
		says string // "": nothing
	}{
		{"time.Sleep(d)", "time.Sleep"},
		{"time.Sleep(d); synctest.Wait()", ""},
		{"synctest.Wait(); time.Sleep(d)", "time.Sleep"},
		{"for !done() { time.Sleep(d) }", "time.Sleep"},
		{"for ; !done(); time.Sleep(d) { synctest.Wait() }", "time.Sleep"},
		{"go func() { time.Sleep(d) }(); synctest.Wait()", "time.Sleep"},
		{"switch { case done(): time.Sleep(d); synctest.Wait() }", ""},
		{"select { case <-c: time.Sleep(d); synctest.Wait() }", ""},
		{"<-time.After(d)", "time alone"},
		{"for n := 0; n < 2; <-time.After(d) { }", "time alone"},
		{"select { case <-time.After(d): }", "time alone"},
		{"select { case <-time.After(d): case <-c: }", ""},
		{"select { case <-c: case <-c: <-time.After(d) }", "time alone"},
		{"for range time.Tick(d) { }", ""}, // it has a body of its own
		{"for until := time.Now().Add(d); !done(); { }", "polls"},
		{"for time.Since(began) < d { }", "polls"},
		{"for i := 0; i < 3; i++ { _ = time.Now() }", ""},
	} {
		s := source{room: "x", name: "x_test.go", text: []byte("package x\nfunc f() {\n" + tc.body + "\n}")}
		got, err := impatient(s)
		if err != nil {
			t.Fatal(err)
		}
		if (tc.says == "") != (len(got) == 0) || len(got) > 0 && (len(got) > 1 || !strings.Contains(got[0], tc.says)) {
			t.Errorf("%s: found %q, want %q", tc.body, got, tc.says)
		}
	}
}

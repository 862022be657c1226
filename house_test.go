package main_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The rules of the house that no compiler holds: who may import what, that each room exists and says what it is, that
// files stay readable, that nothing of the project knows a developer's machine, and that the program needs no library
// that a bare system lacks.

// A rule keeps an import in its rooms. A room is a folder with all below it.
type rule struct {
	imports string   // an import path with all below it
	rooms   []string // the only rooms that may; none: nobody
	except  []string // rooms below those that still may not
	why     string
}

var rules = []rule{
	{"github.com/asticode/go-astiav", []string{"frames"}, []string{"frames/bitstream", "frames/prepare"}, "FFmpeg's memory has one owner, and the room can move into a process of its own"},
	{"github.com/yalue/onnxruntime_go", []string{"internal/onnx"}, []string{"internal/onnx/kernels"}, "sessions and their C memory have one owner, another binding can take its place, and kernels are tested without it"},
	{"github.com/daulet/tokenizers", []string{"internal/tokenizer"}, []string{"internal/tokenizer/files"}, "its handles crash when used after Close, so one room wraps them"},
	{"github.com/segmentio/kafka-go", []string{"ingest/kafka"}, nil, "the rules of commits and generations are kept in one place"},
	{"github.com/twmb/franz-go", []string{"ingest/broker"}, nil, "it serves the embedded broker only; two clients would mean two sets of delivery rules"},
	{"github.com/redis/go-redis", []string{"answers/features"}, nil, "Redis is a pure cache: nothing else may come to depend on it"},
	{"modernc.org/sqlite", []string{"answers/store"}, nil, "outcomes are kept behind one interface"},
	{"github.com/jackc/pgx", []string{"answers/store"}, nil, "outcomes are kept behind one interface"},
	{"github.com/prometheus/client_golang", []string{"internal/ops"}, nil, "parts keep their own numbers and know no metrics: they can be used without"},
	{"go.opentelemetry.io", []string{"internal/ops"}, nil, "package trace reports stages; another observer could turn them into spans"},
	{"C", []string{"frames", "internal/native", "internal/onnx", "internal/tokenizer"}, []string{"frames/bitstream", "frames/prepare", "internal/tokenizer/files"}, "C is a leaf: its memory stays in the rooms that count it"},
	{"videoqa/answers", []string{"main", "answers", "internal/cli", "internal/demo", "internal/models", "internal/serve"}, nil, "the service joins the rooms, so no room may lean on it"},
	{"videoqa/internal/cli", []string{"main", "internal/cli"}, nil, "commands are the outermost layer"},
	{"videoqa/gitvideo", []string{"main", "gitvideo", "internal/models"}, nil, "the service asks any family of models: another takes its place without a change elsewhere"},
	{"videoqa/internal/nn", []string{"gitvideo", "internal/nn"}, nil, "families are made of it; the service asks families"},
	{"videoqa/internal/models", []string{"main", "answers", "internal/cli", "internal/modelflags", "internal/models", "internal/serve"}, nil, "only the opening of a checkpoint needs to know the families"},
	{"videoqa/frames", []string{"main", "frames", "answers", "internal/cli", "internal/serve"}, nil, "frames and models do not know each other: pictures cross between them as bytes, in answers"},
	{"videoqa/internal/serve", []string{"internal/cli", "internal/demo", "internal/serve"}, nil, "it joins all the rooms of a service, so none of them may lean on it"},
}

// Rules that tests need not keep: they are clients, or look at what was stored.
var untested = []rule{
	{"videoqa/ingest/kafka", []string{"ingest", "answers", "internal/demo", "internal/serve", "examples"}, nil, "a command has no behaviour of its own: what runs beside a broker is put together in internal/serve"},
	{"videoqa/ingest/broker", []string{"ingest", "internal/serve"}, nil, "the service decides whether it starts a broker of its own"},
	{"videoqa/answers/store/sqlite", []string{"answers/store", "internal/serve"}, nil, "which database is opened is decided in one place"},
	{"videoqa/answers/store/postgres", []string{"answers/store", "internal/serve"}, nil, "which database is opened is decided in one place"},
}

// Import paths that any room may import, though a rule keeps what they lie below.
var open = []string{"videoqa/frames/prepare"}

// What every test may import, and nothing else.
const forTests = "videoqa/internal/eventually"

// Rooms that import nothing of ours, with the reason.
var alone = map[string]string{
	"temporal":       "time is pure arithmetic that every room may use",
	"internal/fault": "every room names its errors with it",

	"internal/hfjson": "it reads JSON for the reader of checkpoints and for every family",

	"internal/onnx/kernels": "it is arithmetic alone, tested without a graph or a runtime",
}

// Rooms that the house has.
var rooms = []string{
	"answers",
	"answers/features",
	"answers/store",
	"deploy",
	"frames",
	"frames/bitstream",
	"frames/prepare",
	"gitvideo",
	"ingest",
	"ingest/broker",
	"ingest/kafka",
	"ingest/media",
	"internal/checkpoint",
	"internal/cli",
	"internal/config",
	"internal/demo",
	"internal/eventually",
	"internal/fault",
	"internal/hfjson",
	"internal/modelflags",
	"internal/models",
	"internal/nn/decode",
	"internal/nn/detector",
	"internal/nn/layers",
	"internal/nn/session",
	"internal/nn/weights",
	"internal/onnx",
	"internal/onnx/kernels",
	"internal/ops",
	"internal/serve",
	"internal/sleep",
	"internal/tokenizer",
	"internal/tokenizer/files",
	"internal/trace",
	"internal/vlm",
	"temporal",
	"testdata",
}

const longest = 600 // lines of one Go file

// What the program may need of the system; a bare Debian has all of it.
var needed = regexp.MustCompile(`^(libc|libm|libdl|libpthread|librt|libresolv|libgcc_s|libstdc\+\+|ld-linux[a-z0-9_-]*)\.so(\.[0-9]+)*$`)

// A source is a parsed Go file of the house.
type source struct {
	room  string // its folder, "main" for the root
	name  string
	file  *ast.File
	text  []byte
	lines int
}

// sources parses every Go file of the house; testdata is no part of it.
func sources(house fs.FS) ([]source, error) {
	var all []source
	err := fs.WalkDir(house, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"testdata", "bin", "dist"}, entry.Name())) {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(house, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		room := path.Dir(name)
		if room == "." {
			room = "main"
		}
		all = append(all, source{room, name, file, text, bytes.Count(text, []byte("\n"))})
		return nil
	})
	return all, err
}

// within reports whether name is root or lies below it.
func within(name, root string) bool { return name == root || strings.HasPrefix(name, root+"/") }

func withinAny(name string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(name, root) })
}

// forbidden lists the imports of s that break a rule.
func forbidden(s source) (breaches []string) {
	kept := rules
	if !strings.HasSuffix(s.name, "_test.go") {
		kept = slices.Concat(rules, untested)
	}
	for _, spec := range s.file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		for _, r := range kept {
			if within(imported, r.imports) && !withinAny(imported, open) && (!withinAny(s.room, r.rooms) || withinAny(s.room, r.except)) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, which only %v may: %s", s.name, imported, r.rooms, r.why))
			}
		}
		if imported == forTests {
			if !ofTests(s) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, which only tests may", s.name, imported))
			}
			continue
		}
		for room, why := range alone {
			if within(s.room, room) && within(imported, "videoqa") && !within(imported, "videoqa/"+room) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, but %s imports nothing of ours: %s", s.name, imported, room, why))
			}
		}
	}
	return breaches
}

// What no room may call, with the reason. The name is in two parts, so that this file keeps the rule too.
var uncalled = map[string]string{
	"SetLog" + "Callback": "its stack buffer has an end and messages about crafted files need not, and each message leaks (go-astiav issues 182, 190)",
}

func calls(s source) (breaches []string) {
	for name, why := range uncalled {
		if bytes.Contains(s.text, []byte(name)) {
			breaches = append(breaches, fmt.Sprintf("%s names %s: %s", s.name, name, why))
		}
	}
	return breaches
}

// unspoken lists the rooms with Go files, tests aside, of which none has the package's doc.
func unspoken(all []source) (breaches []string) {
	said := map[string]bool{}
	for _, s := range all {
		if !strings.HasSuffix(s.name, "_test.go") {
			said[s.room] = said[s.room] || s.file.Doc != nil
		}
	}
	for room, ok := range said {
		if !ok {
			breaches = append(breaches, room+" has no package doc")
		}
	}
	return breaches
}

func long(s source) (breaches []string) {
	if s.lines > longest {
		breaches = append(breaches, fmt.Sprintf("%s has %d lines, more than %d", s.name, s.lines, longest))
	}
	return breaches
}

// missing lists the rooms that do not exist, or hold nothing.
func missing(house fs.FS) (breaches []string) {
	for _, room := range rooms {
		if entries, err := fs.ReadDir(house, room); err != nil || len(entries) == 0 {
			breaches = append(breaches, room+" is missing")
		}
	}
	return breaches
}

// Addresses that belong to a machine's configuration, and folders that belong to a developer. Each is written here in two
// parts, so that this file may be searched too.
var private = regexp.MustCompile(strings.Join([]string{
	`proxy\.` + `golang\.org`, `sum\.` + `golang\.org`, `\bpypi\.` + `org`, `files\.python` + `hosted\.org`, `(index|static)\.crates\.` + `io`,
	`\b(deb|security|ftp|archive|snapshot)\.` + `(debian\.org|ubuntu\.com)`, `registry\.` + `npmjs\.org`, `repo1?\.maven\.` + `(org|apache\.org)`,
	`download\.` + `pytorch\.org`, `(^|[\s"'=:(\[])/(home|Us` + `ers)/[A-Za-z]`, `(^|[\s"'=:(\[])/(ro` + `ot|wo` + `rk)/[A-Za-z.]`,
}, "|"))

// telling lists the lines of a text that name a private address or folder. A file with a NUL is no text.
func telling(name string, text []byte) (breaches []string) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil
	}
	for number, line := range bytes.Split(text, []byte("\n")) {
		if found := private.Find(line); found != nil {
			breaches = append(breaches, fmt.Sprintf("%s:%d names %q", name, number+1, found))
		}
	}
	return breaches
}

// tracked lists the files of the project: git's, or all where there is no git.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err == nil && len(out) > 0 {
		return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	}
	var all []string
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "bin", "dist"}, name) {
			return filepath.SkipDir
		}
		if err == nil && entry.Type().IsRegular() {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// foreign lists the libraries that an executable needs and a bare system may lack.
func foreign(name string) (breaches []string, err error) {
	program, err := elf.Open(name)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	for _, library := range libraries {
		if !needed.MatchString(library) {
			breaches = append(breaches, fmt.Sprintf("%s needs %s", name, library))
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := program.DynString(tag)
		for _, p := range paths {
			breaches = append(breaches, fmt.Sprintf("%s looks for libraries in %s", name, p))
		}
	}
	if err == nil && len(libraries) == 0 {
		err = errors.New("the program names no library at all, so this says nothing")
	}
	return breaches, err
}

func house(t *testing.T) []source {
	t.Helper()
	all, err := sources(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func report(t *testing.T, breaches []string) {
	t.Helper()
	slices.Sort(breaches)
	for _, breach := range breaches {
		t.Error(breach)
	}
}

func TestImportsStayInTheirRooms(t *testing.T) {
	for _, s := range house(t) {
		report(t, forbidden(s))
	}
}

func TestNobodyCallsWhatIsUnsafe(t *testing.T) {
	for _, s := range house(t) {
		report(t, calls(s))
	}
}

func TestEveryRoomExists(t *testing.T) { report(t, missing(os.DirFS("."))) }

func TestEveryRoomSaysWhatItIs(t *testing.T) { report(t, unspoken(house(t))) }

func TestFilesStayShort(t *testing.T) {
	for _, s := range house(t) {
		report(t, long(s))
	}
}

func TestNoFileNamesAMachine(t *testing.T) {
	for _, name := range tracked(t) {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) { // removed in the working tree, not yet in git
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		report(t, telling(name, text))
	}
}

func TestTheProgramNeedsOnlyTheCLibraries(t *testing.T) {
	program := filepath.Join(t.TempDir(), "videoqa")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	breaches, err := foreign(program)
	if err != nil {
		t.Fatal(err)
	}
	report(t, breaches)
}

// The rules themselves: each must find its breach, or it guards nothing.
func TestEachRuleFindsItsBreach(t *testing.T) {
	long100 := strings.Repeat("\n", longest)
	for _, tc := range []struct {
		name, file, text string
		want             string // part of the only breach; empty: none
	}{
		{"FFmpeg outside frames", "gitvideo/a.go", `package gitvideo; import _ "github.com/asticode/go-astiav"`, "only [frames] may"},
		{"FFmpeg in the reader of syntax", "frames/bitstream/a.go", `package bitstream; import _ "github.com/asticode/go-astiav"`, "only [frames] may"},
		{"C in the reader of syntax", "frames/bitstream/a.go", `package bitstream; import "C"`, "C is a leaf"},
		{"FFmpeg in frames", "frames/a.go", `package frames; import _ "github.com/asticode/go-astiav"`, ""},
		{"a test counts as well", "answers/a_test.go", `package answers; import _ "github.com/segmentio/kafka-go/sasl"`, "only [ingest/kafka] may"},
		{"the embedded broker's parts", "ingest/kafka/a.go", `package kafka; import _ "github.com/twmb/franz-go/pkg/kfake"`, "only [ingest/broker] may"},
		{"a name that only begins alike", "answers/a.go", `package answers; import _ "github.com/daulet/tokenizersplus"`, ""},
		{"ONNX Runtime in the kernels", "internal/onnx/kernels/a.go", `package kernels; import _ "github.com/yalue/onnxruntime_go"`, "only [internal/onnx] may"},
		{"the tokenizer library beside its room", "internal/tokenizer/files/a.go", `package files; import _ "github.com/daulet/tokenizers"`, "only [internal/tokenizer] may"},
		{"the reader of checkpoints knows GIT", "internal/checkpoint/a.go", `package checkpoint; import _ "videoqa/gitvideo"`, "another takes its place"},
		{"C in the service", "answers/a.go", `package answers; import "C"`, "C is a leaf"},
		{"frames knows gitvideo", "frames/a.go", `package frames; import _ "videoqa/gitvideo"`, "videoqa/gitvideo"},
		{"the service knows a family", "answers/a.go", `package answers; import _ "videoqa/gitvideo"`, "videoqa/gitvideo"},
		{"a family knows the service", "gitvideo/a.go", `package gitvideo; import _ "videoqa/answers"`, "videoqa/answers"},
		{"a family knows how pictures are prepared", "gitvideo/a.go", `package gitvideo; import _ "videoqa/frames/prepare"`, ""},
		{"gitvideo knows frames", "gitvideo/a.go", `package gitvideo; import _ "videoqa/frames"`, "videoqa/frames"},
		{"a room leans on the service", "ingest/kafka/a.go", `package kafka; import _ "videoqa/answers/store"`, "no room may lean"},
		{"a command opens a database", "internal/cli/a.go", `package cli; import _ "videoqa/answers/store/sqlite"`, "decided in one place"},
		{"a command speaks to Kafka", "internal/cli/a.go", `package cli; import _ "videoqa/ingest/kafka"`, "no behaviour of its own"},
		{"a test of a command is a client", "internal/cli/a_test.go", `package cli; import _ "videoqa/ingest/kafka"`, ""},
		{"a room leans on who joins it", "answers/a.go", `package answers; import _ "videoqa/internal/serve"`, "none of them may lean"},
		{"temporal is alone", "temporal/a.go", `package temporal; import _ "videoqa/internal/fault"`, "nothing of ours"},
		{"fault is alone", "internal/fault/a.go", `package fault; import _ "videoqa/temporal"`, "nothing of ours"},
		{"a test of a room that is alone waits", "temporal/a_test.go", `package temporal; import _ "videoqa/internal/eventually"`, ""},
		{"the program waits as a test does", "answers/a.go", `package answers; import _ "videoqa/internal/eventually"`, "only tests may"},
		{"FFmpeg's messages", "frames/a.go", "package frames; func init() { astiav.SetLog" + "Callback(nil) }", "each message leaks"},
		{"the program joins", "main.go", `package main; import _ "videoqa/internal/cli"`, ""},
		{"a long file", "temporal/a.go", "package temporal\n" + long100, "more than 600"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, err := sources(fstest.MapFS{tc.file: {Data: []byte(tc.text)}})
			if err != nil || len(all) != 1 {
				t.Fatalf("sources = %v, %v", all, err)
			}
			breaches := slices.Concat(forbidden(all[0]), calls(all[0]), long(all[0]))
			if got := strings.Join(breaches, "\n"); len(breaches) > 1 || (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("%s with %.60q: breaches %q; want one with %q", tc.file, tc.text, breaches, tc.want)
			}
		})
	}
}

func TestARoomWithoutADocIsFound(t *testing.T) {
	all, err := sources(fstest.MapFS{
		"temporal/a.go":      {Data: []byte("package temporal")},
		"temporal/a_test.go": {Data: []byte("// Package temporal is told in a test.\npackage temporal")},
		"frames/a.go":        {Data: []byte("package frames")},
		"frames/doc.go":      {Data: []byte("// Package frames turns video into pictures.\npackage frames")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := unspoken(all), []string{"temporal has no package doc"}; !slices.Equal(got, want) {
		t.Errorf("unspoken = %q; want %q", got, want)
	}
	if got := missing(fstest.MapFS{"temporal/a.go": {}}); len(got) != len(rooms)-1 {
		t.Errorf("missing, with one room there = %q", got)
	}
}

func TestWhatTellsOfAMachineIsFound(t *testing.T) {
	for text, want := range map[string]bool{
		"GOPROXY=https://proxy." + "golang.org":     true,
		"curl https://pypi." + "org/simple":         true,
		"deb http://deb." + "debian.org/debian":     true,
		`dir := "/home` + `/ann/videoqa"`:           true,
		"cd /wo" + "rk/videoqa":                     true,
		"https://go.dev/dl":                         false,
		"videoqa/internal/home":                     false,
		"/var/lib/videoqa and /usr/share/doc":       false,
		"\x00 /ro" + "ot/x in a binary is not text": false,
	} {
		if got := telling("a.md", []byte(text)) != nil; got != want {
			t.Errorf("telling(%q) = %v; want %v", text, got, want)
		}
	}
}

func TestALibraryThatNeedsMoreIsFound(t *testing.T) {
	library := os.Getenv("VIDEOQA_ONNXRUNTIME")
	if library == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME is not set: run make house, or eval $(make env) first")
	}
	breaches, err := foreign(library) // it looks for its neighbours in its own folder, which the program may not
	if err != nil || len(breaches) == 0 {
		t.Errorf("foreign(%s) = %q, %v; want what it needs besides the C libraries", library, breaches, err)
	}
}

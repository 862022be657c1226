package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"videoqa/internal/serve"
)

// A setting has one name: a flag, a variable and a key that can be told from each
// other's. Nothing but the env tag says the variable, so a slip would be lasting.
func TestEveryVariableIsNamedAfterItsFlag(t *testing.T) {
	var names func(kind reflect.Type, prefix string) int
	hump := regexp.MustCompile(`([a-z0-9])([A-Z])`)
	names = func(kind reflect.Type, prefix string) (found int) {
		for i := range kind.NumField() {
			field := kind.Field(i)
			if _, embedded := field.Tag.Lookup("embed"); embedded || field.Anonymous {
				found += names(field.Type, prefix+field.Tag.Get("prefix"))
				continue
			}
			flag := field.Tag.Get("name")
			if flag == "" {
				flag = strings.ToLower(hump.ReplaceAllString(field.Name, "$1-$2"))
			}
			want := "VIDEOQA_" + strings.ToUpper(strings.ReplaceAll(prefix+flag, "-", "_"))
			if got := field.Tag.Get("env"); got != want {
				t.Errorf("--%s%s has the variable %q; want %q", prefix, flag, got, want)
			}
			if field.Tag.Get("help") == "" {
				t.Errorf("--%s%s says nothing of itself", prefix, flag)
			}
			found++
		}
		return found
	}
	if found := names(reflect.TypeFor[serve.Settings](), ""); found < 20 {
		t.Errorf("only %d settings were looked at", found)
	}
}

// app is one whose output can be read; args follow the program's name.
func app(t *testing.T, environ ...string) (a *App, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &App{In: strings.NewReader(""), Out: out, Err: errs, Getenv: lookup(environ), Environ: environ}, out, errs
}

func write(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "videoqa.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestConfigCheckFindsEverythingAtOnce(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		environ    []string
		status     int
		want       []string
	}{
		{"a good file", "kafka: {brokers: [k:9092]}\nsingle_process: true\n", nil, 0, []string{"ok: 2 of "}},
		{"misspelt", "kafka: {broker: [k:9092]}\n", []string{"VIDEOQA_THREADS=all"}, misused, []string{":1: kafka_broker: no such setting; the nearest is kafka_brokers\n", "VIDEOQA_THREADS: "}},
		{"two that do not fit", "kafka_session: 1s\nwork_slots: 0\n", nil, misused, []string{"--kafka-heartbeat has to be", "--work-slots (0, ", ":2) has to be at least 1"}},
		{"a key, a root, a URL, a model and a variable", "kafka: {broker: [k:9092]}\nmedia_roots: [/none/clips]\nredis_url: http://cache\nmodel: org/name\nwork_slots: many\n", []string{"VIDEOQA_THREAD=1"}, misused, []string{
			":1: kafka_broker: no such setting; the nearest is kafka_brokers\n", "VIDEOQA_THREAD: no such variable", `:5: work_slots: "many" is not a whole number`, "--media-roots (", "/none/clips", "--redis-url (", "--model (", "these settings are wrong:\n",
		}},
		{"brokers without --single-process", "kafka_brokers: k:9092\n", nil, misused, []string{"say --single-process"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, out, errs := app(t, tc.environ...)
			args := []string{"config", "check", "--no-files", write(t, tc.file)}
			if strings.Contains(tc.file, "/none") {
				args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--no-files" })
			}
			status := a.run(context.Background(), args)
			for _, want := range tc.want {
				if said := out.String() + errs.String(); status != tc.status || !strings.Contains(said, want) {
					t.Errorf("status %d, %q; want %d and %q", status, said, tc.status, want)
				}
			}
		})
	}
}

func TestWhatConfigShowPrintsIsAFileThatGivesTheSame(t *testing.T) {
	file := write(t, "kafka: {brokers: ['k:9092', 'l:9092'], session: 9s}\nwork_retries: [1s, 2s]\ncache_prefixes: 3GiB\nsingle_process: true\n")
	a, first, errs := app(t, "VIDEOQA_CONFIG="+file, "VIDEOQA_WORK_WAIT=90s")
	if status := a.run(context.Background(), []string{"config", "show", "--kafka-group=g"}); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{"kafka_brokers: ['k:9092', 'l:9092']", "# " + file + ":1", "work_wait: 1m30s ", "# VIDEOQA_WORK_WAIT", "kafka_group: g ", "# flag", "cache_prefixes: 3GiB"} {
		if !strings.Contains(first.String(), want) {
			t.Errorf("%q is not in\n%s", want, first)
		}
	}
	b, second, errs := app(t)
	if status := b.run(context.Background(), []string{"config", "show", "--config", write(t, first.String())}); status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	origin := regexp.MustCompile(`(?m) +# .*$|^# config.*$`)
	if got, want := origin.ReplaceAllString(second.String(), ""), origin.ReplaceAllString(first.String(), ""); got != want {
		t.Errorf("first\n%s\nand then\n%s", want, got)
	}
}

func TestHelpIsShownWhateverIsWrong(t *testing.T) {
	a, out, errs := app(t, "VIDEOQA_NONSENSE=1", "VIDEOQA_CONFIG=nowhere")
	if status := a.run(context.Background(), []string{"serve", "--help"}); status != 0 || !strings.Contains(out.String(), "($VIDEOQA_KAFKA_BROKERS)") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestSettingsAreReadAsPeopleWriteThem(t *testing.T) {
	a, out, errs := app(t, "VIDEOQA_LOG_LEVEL=warning")
	if status := a.run(t.Context(), []string{"config", "show", "--spool-quota", "64 MB"}); status != 0 || !strings.Contains(out.String(), "log_level: WARN ") || !strings.Contains(out.String(), "spool_quota: 64MB ") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
	b, _, errs := app(t, "VIDEOQA_LOG_LEVEL=loud")
	if status := b.run(t.Context(), []string{"config", "show"}); status != misused || !strings.Contains(errs.String(), "is not one of debug, info") {
		t.Errorf("status %d, %s", status, errs)
	}
}

// Lines that a terminal would break show where nobody meant a break.
func TestHelpFitsIn80Columns(t *testing.T) {
	for _, command := range []string{"", "ask", "caption", "frames", "precision-check", "pull", "serve", "config", "config check", "config show", "dlq", "dlq list", "dlq show", "dlq explain", "dlq replay", "waiting", "waiting list", "demo", "version", "help"} {
		a, out, errs := app(t)
		if status := a.run(t.Context(), append(strings.Fields(command), "--help")); status != 0 || out.Len() == 0 {
			t.Errorf("%q: status %d, %s", command, status, errs)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if utf8.RuneCountInString(line) > 80 || strings.Contains(line, ",…") {
				t.Errorf("%q: %q", command, line)
			}
		}
	}
}

// A command line that is wrong is told of in one sentence, in words of the command line.
func TestAWrongCommandLineIsToldPlainly(t *testing.T) {
	const clip = "../../testdata/clips/cfr.mp4"
	for _, tc := range []struct {
		args, says string
	}{
		{"ask", "an argument is missing: <media> ..."},
		{"dlq", `a command is missing: one of "list", "show"`},
		{"waiting", `a command is missing: "list"`},
		{"ask " + clip + " a? --kind poem", `--kind "poem" is not one of open, caption, yesno, count, choice`},
		{"ask " + clip + " a? --kind choice", "--kind choice needs --choices, as --choices 'red, green'"},
		{"ask " + clip + " a? --kind count --choices a,b", "--choices goes with --kind choice, not with --kind count"},
		{"ask " + clip + " a? --choices a,a", `question "a?": choices[1] "a" is given twice`},
		{"ask " + clip + " a? --frames 65", `question "a?": frames is 65; it has to be from 1 to 64`},
		{"ask " + clip + " a? --frames -1", `question "a?": frames is -1; it has to be from 1 to 64`},
		{"ask " + clip + " a? --beam -1", "--beam -1 has to be at least 0"},
		{"ask " + clip + " a? --threads -1", "--threads -1 has to be at least 0"},
		{"ask " + clip + " a? --abstain-below 2", "--abstain-below 2 has to be from 0 to 1"},
		{"ask " + clip + " a? --abstain-below many", `--abstain-below: "many" is not a number`},
		{"ask " + clip + " a? --to -1s", "--from, --to and --every count forward from the clip's start"},
		{"ask a.mp4 b.mp4 -q a? -q", "--question: missing value"},
		{"frames " + clip + " --out /none --count -1", "--count -1 has to be at least 1"},
		{"dlq explain nonsense", `argument "nonsense" is not an error_kind`},
		{"dlq list --store-url redis://x", "a store's URL begins with postgres://"},
		{"help nonsense", "unexpected argument nonsense"},
	} {
		a, _, errs := app(t)
		status := a.run(t.Context(), strings.Fields(tc.args))
		said := errs.String()
		if status != misused || !strings.HasPrefix(said, "videoqa: "+tc.says) || strings.Count(said, "videoqa: ") != 1 || strings.Contains(said, "bad request") || strings.Contains(said, "malformed") {
			t.Errorf("%s: status %d, %s; want %s", tc.args, status, said, tc.says)
		}
	}
	a, _, errs := app(t)
	if status := a.run(t.Context(), []string{"dlq", "list", "--data-dir", "/none"}); status != failed || !strings.Contains(errs.String(), "there is no store in the data folder /none") {
		t.Errorf("status %d, %s", status, errs)
	}
}

package serve

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"videoqa/internal/config"
	"videoqa/internal/modelflags"
)

// readFile reads settings from a file alone, as a command does.
func readFile(file string) (s Settings, values []config.Value, err error) {
	parser, err := kong.New(&s, append(config.Verbatim(), kong.Vars{"precisions": modelflags.Precisions()})...)
	if err != nil {
		return s, nil, err
	}
	sources, err := config.Take(parser.Model.Node).Read(file, nil, nil)
	if err != nil {
		return s, nil, err
	}
	if err := kong.Resolvers(sources).Apply(parser); err != nil {
		return s, nil, err
	}
	parsed, err := parser.Parse(nil)
	if err != nil {
		return s, nil, err
	}
	return s, sources.Values(parsed), nil
}

func TestAReloadChangesWhatCanChangeAndSaysTheRest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "videoqa.yaml")
	if err := os.WriteFile(file, []byte("log_level: info\nkafka_group: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, running, err := readFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	level := new(slog.LevelVar)
	p := &Process{Log: slog.New(slog.NewTextHandler(&said, nil)), Reread: func(context.Context) (Settings, []config.Value, error) { return readFile(file) }}
	for _, step := range []struct {
		text  string
		level slog.Level
		want  []string
	}{
		{"log_level: debug\nkafka_group: b\n", slog.LevelDebug, []string{"only a restart puts into effect\" setting=kafka_group now=b", "setting=log_level now=DEBUG", "changed=1"}},
		{"log_level: loud\n", slog.LevelDebug, []string{"nothing changes", ":1: log_level"}},
		{"log_level: warn\nstore_retention: 1h\n", slog.LevelDebug, []string{"nothing changes", "--store-retention"}},
		{"log_level: debug\nkafka_group: b\n", slog.LevelDebug, []string{"setting=kafka_group now=b", "changed=0"}},
		{"log_level: warn\nkafka_group: a\n", slog.LevelWarn, []string{"setting=log_level now=WARN", "changed=1"}},
	} {
		said.Reset()
		if err := os.WriteFile(file, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		running = p.reloadOnce(t.Context(), running, []reloader{setLevel(level)})
		for _, want := range step.want {
			if !strings.Contains(said.String(), want) || level.Level() != step.level {
				t.Errorf("%q gives level %v and\n%swithout %q", step.text, level.Level(), &said, want)
			}
		}
	}
}

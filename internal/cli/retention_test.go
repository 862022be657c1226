package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeRefusesATopicThatOutlivesItsOutcomes(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, "--data-dir", data) // makes the topics, for a week
	p.quiet()
	if status := p.stop(); status != 0 {
		t.Fatalf("serve exits with %d", status)
	}
	var errs strings.Builder
	a := &App{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Getenv: os.Getenv}
	args := []string{"serve", "--data-dir", data, "--kafka-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--listen", "", "--topic-retention", "1h", "--store-retention", "2h"}
	if status := a.run(t.Context(), args); status == 0 || !strings.Contains(errs.String(), "168h0m0s") || !strings.Contains(errs.String(), "--store-retention") {
		t.Errorf("serve exits with %d: %s", status, errs.String())
	}
}

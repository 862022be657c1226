package serve

import (
	"path/filepath"
	"strings"
	"testing"

	"videoqa/ingest/kafka"
)

func TestASecondProcessOnADataFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := openDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = Stream{DataDir: dir, Listen: "127.0.0.1:0", Kafka: kafka.Config{Group: "g"}, Asker: deaf{}}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another videoqa") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second process: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDataDir(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

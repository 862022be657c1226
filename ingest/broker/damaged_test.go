package broker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/internal/fault"
)

// recorded makes a folder of a broker that was killed (or ended) with records in two
// partitions of one topic, all of which its group has read.
func recorded(t *testing.T, salt string, killed bool) (dir string) {
	t.Helper()
	dir = t.TempDir()
	b, err := broker.Open(broker.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c := client(t, b.Addr())
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: "t", Partitions: 2, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	for i := range 24 {
		if err := c.Publish(t.Context(), ingest.Message{Topic: "t", Key: []byte(fmt.Sprint("k-", i)), Value: fmt.Append(nil, salt, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Publish(t.Context(), ingest.Message{Topic: "t", Key: []byte("k-0"), Value: []byte("last")}); err != nil {
		t.Fatal(err)
	}
	readAll(t, c, 25)
	if !killed {
		return dir
	}
	snapshot := t.TempDir()
	if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// readAll has the group read n records of t, and waits until that is committed.
func readAll(t *testing.T, c *kafka.Client, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(n))
	err := c.Consume(ctx, []string{"t"}, func(_ context.Context, d *ingest.Delivery) {
		d.Done()
		if left.Add(-1) == 0 {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inEpoch reports whether a byte is of the only field of a batch that its checksum leaves
// out, beside those that are checked by themselves.
func inEpoch(segment []byte, at int) bool {
	begin := 0
	for next := 0; next <= at; next += 12 + int(binary.BigEndian.Uint32(segment[next+8:])) {
		begin = next
	}
	return at-begin >= 12 && at-begin < 16
}

func TestASegmentThatIsNotWhatItWasIsAnError(t *testing.T) {
	for _, killed := range []bool{true, false} {
		whole, other := recorded(t, "a ", killed), recorded(t, "b ", killed)
		segment := filepath.Join("partitions", "t-0", "0.dat")
		content, err := os.ReadFile(filepath.Join(whole, segment))
		if err != nil {
			t.Fatal(err)
		}
		try := func(name string, damages bool, spoil func(dir string) error) {
			dir := t.TempDir()
			err := os.CopyFS(dir, os.DirFS(whole))
			if err == nil {
				err = spoil(dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := broker.Open(broker.Config{Dir: dir, Group: "g"})
			if err == nil {
				b.Close()
			}
			if errors.Is(err, fault.Damaged) != damages {
				t.Errorf("killed %v, %s: it opens with %v", killed, name, err)
			}
		}
		try("nothing", false, func(string) error { return nil })
		for size := 0; size < len(content); size += 1 + len(content)/40 {
			try(fmt.Sprintf("%d of %d bytes", size, len(content)), true, func(dir string) error { return os.Truncate(filepath.Join(dir, segment), int64(size)) })
		}
		for at := 0; at < len(content); at += 1 + len(content)/40 {
			try(fmt.Sprintf("byte %d of %d", at, len(content)), !killed || !inEpoch(content, at), func(dir string) error {
				spoilt := bytes.Clone(content)
				spoilt[at] ^= 4
				return os.WriteFile(filepath.Join(dir, segment), spoilt, 0o600)
			})
		}
		if !killed { // its files were counted
			try("swapped partitions", true, func(dir string) error {
				a, b := filepath.Join(dir, "partitions", "t-0"), filepath.Join(dir, "partitions", "t-1")
				return errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b))
			})
			try("another broker's segment", true, func(dir string) error {
				return errors.Join(os.RemoveAll(filepath.Join(dir, "partitions", "t-0")), os.CopyFS(filepath.Join(dir, "partitions", "t-0"), os.DirFS(filepath.Join(other, "partitions", "t-0"))))
			})
		}
	}
}

func TestAFileOfSettingsThatWasCutOffIsNamed(t *testing.T) {
	whole := recorded(t, "a ", true)
	for _, name := range []string{"meta.json", "topics.json", "broker_configs.json", "acls.json", "identity.json"} {
		for _, size := range []int64{0, 5} {
			dir := t.TempDir()
			if err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), os.Truncate(filepath.Join(dir, name), size)); err != nil {
				t.Fatal(err)
			}
			b, err := broker.Open(broker.Config{Dir: dir})
			if err == nil {
				b.Close()
			}
			if !errors.Is(err, fault.Damaged) || !strings.Contains(err.Error(), name) {
				t.Errorf("with %d bytes of %s it opens with %v", size, name, err)
			}
		}
	}
}

func TestASegmentThatMayNotBeWrittenToIsNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write to anything: run the tests as another user")
	}
	dir := recorded(t, "a ", true)
	if err := os.Chmod(filepath.Join(dir, "partitions", "t-0", "0.dat"), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Open(broker.Config{Dir: dir}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "0.dat") {
		t.Errorf("it opens with %v", err)
	}
}

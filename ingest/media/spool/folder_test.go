package spool_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
)

func open(t *testing.T, cfg spool.Config) *spool.Folder {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	f, err := spool.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func put(t *testing.T, f *spool.Folder, text string) string {
	t.Helper()
	digest, size, err := f.Put(t.Context(), strings.NewReader(text), nil)
	if err != nil || digest != digestOf(text) || size != int64(len(text)) {
		t.Fatalf("Put(%q) = %s, %d, %v", text, digest, size, err)
	}
	return digest
}

// A measured spool tells how much it holds.
type measured interface {
	Used(ctx context.Context) (int64, error)
}

func used(t *testing.T, s measured) int64 {
	t.Helper()
	n, err := s.Used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func read(t *testing.T, f *spool.Folder, digest string) string {
	t.Helper()
	file, err := f.Get(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatIsPutIsThereInEveryProcess(t *testing.T) {
	dir := t.TempDir()
	f := open(t, spool.Config{Dir: dir})
	digest := put(t, f, "a dog")
	put(t, f, "a dog")
	other := open(t, spool.Config{Dir: dir})
	if got := read(t, other, digest); got != "a dog" || used(t, other) != 5 || used(t, f) != 5 {
		t.Errorf("%q, %d and %d bytes used", got, used(t, other), used(t, f))
	}
	if err := other.Remove(t.Context(), digest); err != nil || used(t, other) != 0 {
		t.Errorf("Remove: %v, %d bytes used", err, used(t, other))
	}
	if _, err := f.Get(t.Context(), digest); !errors.Is(err, fault.NotFound) {
		t.Errorf("after its removal: %v", err)
	}
	if err := f.Remove(t.Context(), digest); err != nil {
		t.Errorf("removed twice: %v", err)
	}
}

func TestALimitEndsAnUploadAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f := open(t, spool.Config{Dir: dir, MaxBytes: 10, Quota: 12})
	put(t, f, "0123456789")
	broken := errors.New("the line is dead")
	for what, tc := range map[string]struct {
		r    io.Reader
		want error
	}{
		"one byte too many": {strings.NewReader("0123456789a"), fault.TooLarge},
		"endless":           {io.MultiReader(strings.NewReader("01"), zeros{}), fault.TooLarge},
		"beyond the quota":  {strings.NewReader("abc"), fault.Overloaded},
		"a broken line":     {io.MultiReader(strings.NewReader("a"), iotest.ErrReader(broken)), broken},
	} {
		if _, _, err := f.Put(t.Context(), tc.r, nil); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v; want %v", what, err, tc.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := f.Put(ended, strings.NewReader("a"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an asker who has gone: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "parts", "*"))
	if err != nil || len(left) > 0 || used(t, f) != 10 {
		t.Errorf("%v are left (%v), %d bytes are used", left, err, used(t, f))
	}
	put(t, f, "ab")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestManyMayUploadAtOnce(t *testing.T) {
	f := open(t, spool.Config{})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			text := strings.Repeat("x", 1<<16+i/4)
			if digest, _, err := f.Put(t.Context(), strings.NewReader(text), nil); err != nil || digest != digestOf(text) {
				t.Error(digest, err)
			}
		})
	}
	group.Wait()
	if want := int64(4*(1<<16) + 0 + 1 + 2 + 3); used(t, f) != want {
		t.Errorf("%d bytes are used; want %d, each file once", used(t, f), want)
	}
}

func TestWhatIsOldIsSweptAway(t *testing.T) {
	dir := t.TempDir()
	f := open(t, spool.Config{Dir: dir})
	old, fresh := put(t, f, "old"), put(t, f, "fresh")
	name := old[len("sha256:"):]
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, name[:2], name), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Sweep(t.Context(), time.Now().Add(-time.Hour)); n != 1 || err != nil || used(t, f) != 5 {
		t.Errorf("swept %d, %v, %d bytes used", n, err, used(t, f))
	}
	if read(t, f, fresh) != "fresh" {
		t.Error("what is fresh was swept away")
	}
}

func TestADigestIsNeverAPath(t *testing.T) {
	f := open(t, spool.Config{})
	for _, digest := range []string{"", "sha256:", "sha256:../../etc/passwd", "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("a", 64) + "/.."} {
		if _, err := f.Get(t.Context(), digest); !errors.Is(err, fault.BadRequest) {
			t.Errorf("Get(%q): %v", digest, err)
		}
		if err := f.Remove(t.Context(), digest); !errors.Is(err, fault.BadRequest) {
			t.Errorf("Remove(%q): %v", digest, err)
		}
	}
	if spool.URI(digestOf("x")) != "videoqa-media:"+digestOf("x")[7:] {
		t.Error(spool.URI(digestOf("x")))
	}
}

// A disk that is not mounted, or a name that is misspelt, is not made up for.
func TestNoFolderIsMadeAboveTheSpool(t *testing.T) {
	above := filepath.Join(t.TempDir(), "not-mounted")
	_, err := spool.Open(spool.Config{Dir: filepath.Join(above, "uploads")})
	if _, missing := os.Stat(above); !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), above) || missing == nil {
		t.Errorf("a spool below a folder that is missing: %v", err)
	}
	open(t, spool.Config{Dir: filepath.Join(t.TempDir(), "uploads")})
}
